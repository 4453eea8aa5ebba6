// How the field grows with depth, of the model and of what it might be.
import { useState } from "preact/hooks";

import { number } from "../model/figures";
import { atFirstSize, rowOf } from "../model/lookup";
import { axisNames } from "../model/words";
import type { Growth as GrowthData, Point } from "../report";
import { useWidth } from "./hooks";
import { ticks } from "./paint";
import type { Session, Side } from "./session";

const HEIGHT = 300;
const EDGE = { left: 52, right: 16, top: 34, bottom: 30 };
const SERIES = 5; // colours and dashes that the style sheet has

type Series = GrowthData["series"][number];

function label(series: Series): string {
    return series.names.join(", ");
}

/** What a series says of the layer at a place: the largest of its lines; null where it says nothing. */
function valueAt(series: Series, place: number): { text: string; value: number | null } | null {
    if (series.everywhere.includes(place)) return { text: "all of the axis, whatever its size", value: null };
    const points = series.lines.flatMap((line) => line.filter((point) => point[0] === place));
    const [point] = points.sort((one, other) => (other[1] ?? Infinity) - (one[1] ?? Infinity));
    if (!point) return null;
    const [, field, , exact, whole] = point;
    if (field === null) return { text: "all of the axis", value: null };
    return { text: `${exact ? "" : "at most "}${number(field)}${whole ? "" : ", gates cut"}`, value: field };
}

export function Growth({ session }: { session: Session }) {
    const report = session.report.value;
    const side = session.sides.value[0] as Side;
    const [axis, setAxis] = useState(0);
    const [log, setLog] = useState(false);
    const growth = report.growth[Math.min(axis, report.growth.length - 1)];
    const names = axisNames(side.model);
    return (
        <section class="card growth" aria-label="Growth of the field" data-testid="growth">
            <div class="tools">
                <h2>Field against depth{atFirstSize(report)}</h2>
                {report.growth.length > 1 && (
                    <label>
                        along{" "}
                        <select
                            value={String(axis)}
                            data-testid="growth-axis"
                            onChange={(event) => setAxis(Number(event.currentTarget.value))}
                        >
                            {report.growth.map((each, place) => (
                                <option key={each.axis} value={String(place)}>
                                    {names[each.axis] ?? `axis ${each.axis}`}
                                </option>
                            ))}
                        </select>
                    </label>
                )}
                <label class="check">
                    <input
                        type="checkbox"
                        checked={log}
                        onChange={(event) => setLog(event.currentTarget.checked)}
                    />
                    logarithmic
                </label>
            </div>
            {growth && growth.layers.length > 0 ? (
                <Chart session={session} growth={growth} log={log} />
            ) : (
                <p class="aside">How the field grows is not known.</p>
            )}
        </section>
    );
}

interface ChartProps {
    session: Session;
    growth: GrowthData;
    log: boolean;
}

function Chart({ session, growth, log }: ChartProps) {
    const [box, width] = useWidth<HTMLDivElement>();
    const [hovered, setHovered] = useState<number | null>(null);
    // growth is that of the first size, whatever is shown
    const extent = session.report.value.models[0]?.sizes[0]?.extents[growth.axis] ?? null;
    const fields = growth.series.flatMap(({ lines }) => lines.flat().flatMap((point) => point[1] ?? []));
    const most = Math.max(...fields, Math.min(extent ?? 1, Math.max(...fields, 1) * 1.6), 2);
    const long = Math.max(width - EDGE.left - EDGE.right, 60);
    const high = HEIGHT - EDGE.top - EDGE.bottom;
    const across = (place: number) => EDGE.left + ((place + 0.5) / growth.layers.length) * long;
    const up = (field: number) =>
        EDGE.top + high * (1 - (log ? Math.log(Math.max(field, 1)) / Math.log(most) : field / most));
    const chosenName = session.chosen.value.name;
    const chosen = growth.layers.indexOf(chosenName);
    const place = hovered ?? (chosen < 0 ? null : chosen);
    const path = (line: readonly Point[]) => {
        let pen = "M";
        return line
            .map(([at, field]) => {
                if (field === null) {
                    pen = "M";
                    return "";
                }
                const step = `${pen}${across(at).toFixed(1)} ${up(field).toFixed(1)}`;
                pen = "L";
                return step;
            })
            .join("");
    };
    const marked = growth.layers.length <= 60;
    const scale = log
        ? Array.from({ length: Math.ceil(Math.log2(most)) + 1 }, (_, i) => 2 ** i)
              .filter((value) => value <= most)
              .filter((_, i, all) => i % Math.ceil(all.length / 7) === 0)
        : ticks(0, most, (most / high) * 38);
    const at = (event: PointerEvent | MouseEvent) => {
        const corner = (event.currentTarget as Element).getBoundingClientRect();
        const found = Math.floor(((event.clientX - corner.left - EDGE.left) / long) * growth.layers.length);
        return Math.min(Math.max(found, 0), growth.layers.length - 1);
    };
    const choose = (index: number) => {
        const name = growth.layers[index] as string;
        const { models } = session.report.peek();
        const model = models.findIndex((each) => each.sizes[0] && rowOf(each.sizes[0].analysis, name) >= 0);
        if (model >= 0) session.layer.value = { model, name };
    };

    return (
        <div ref={box}>
            <ul class="legend">
                {growth.series.map((series, index) => (
                    <li key={label(series)}>
                        <svg width="28" height="10" aria-hidden="true">
                            <path class={`line series-${index % SERIES}`} d="M0 5H28" />
                        </svg>
                        {label(series)}
                    </li>
                ))}
                {growth.joins.length > 0 && marked && (
                    <li>
                        <svg width="12" height="10" aria-hidden="true">
                            <circle class="join" cx="6" cy="5" r="3" />
                        </svg>
                        branches meet
                    </li>
                )}
                {growth.series.some((series) => series.everywhere.length) && (
                    <li>
                        <svg width="12" height="10" aria-hidden="true">
                            <path class="everywhere" d="M2 8L6 1L10 8Z" />
                        </svg>
                        sees everything
                    </li>
                )}
            </ul>
            <svg
                class="chart"
                width={width}
                height={HEIGHT}
                viewBox={`0 0 ${width} ${HEIGHT}`}
                tabIndex={0}
                role="application"
                aria-roledescription="chart, read with the left and right arrow keys"
                aria-label={`Field against depth; ${reading(growth, place)}`}
                onPointerMove={(event) => setHovered(at(event))}
                onPointerLeave={() => setHovered(null)}
                onClick={(event) => choose(at(event))}
                onBlur={() => setHovered(null)}
                onKeyDown={(event) => {
                    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
                    if (event.key === "Enter" && hovered !== null) choose(hovered);
                    if (!by) return;
                    event.preventDefault();
                    setHovered(Math.min(Math.max((place ?? 0) + by, 0), growth.layers.length - 1));
                }}
            >
                {scale.map((value) => (
                    <g key={value}>
                        <path class="rule" d={`M${EDGE.left} ${up(value).toFixed(1)}H${EDGE.left + long}`} />
                        <text x={EDGE.left - 6} y={up(value) + 4} text-anchor="end">
                            {number(value)}
                        </text>
                    </g>
                ))}
                {extent !== null && extent <= most && (
                    <g>
                        <path
                            class="whole"
                            d={`M${EDGE.left} ${up(extent).toFixed(1)}H${EDGE.left + long}`}
                        />
                        <text x={EDGE.left + 4} y={up(extent) - 4}>
                            the whole input: {number(extent)}
                        </text>
                    </g>
                )}
                <text class="axis" x={EDGE.left} y={HEIGHT - 8}>
                    {clip(growth.layers[0], long / 2)}
                </text>
                <text class="axis" x={EDGE.left + long} y={HEIGHT - 8} text-anchor="end">
                    {clip(growth.layers.at(-1), long / 2)}
                </text>
                {place !== null && (
                    <path
                        class="crosshair"
                        d={`M${across(place).toFixed(1)} ${EDGE.top - 6}V${EDGE.top + high}`}
                    />
                )}
                {growth.series.map((series, index) => (
                    <g key={label(series)} class={`series-${index % SERIES}`}>
                        {series.lines.map((line, which) => (
                            <path key={which} class={`line ${which ? "branch" : ""}`} d={path(line)} />
                        ))}
                        {marked &&
                            (series.lines[0] ?? []).map(([where, field]) =>
                                field === null ? null : (
                                    <circle
                                        key={where}
                                        class={growth.joins.includes(where) ? "join" : "dot"}
                                        cx={across(where)}
                                        cy={up(field)}
                                        r={3}
                                    />
                                ),
                            )}
                        {series.everywhere.slice(0, 400).map((where) => {
                            const [x, y] = [across(where), EDGE.top - 12 - index * 8];
                            return (
                                <path
                                    key={where}
                                    class="everywhere"
                                    d={`M${x - 4} ${y + 3}L${x} ${y - 4}L${x + 4} ${y + 3}Z`}
                                />
                            );
                        })}
                    </g>
                ))}
            </svg>
            <p class="readout" aria-live="polite">
                {reading(growth, place)}
            </p>
            <Figures growth={growth} />
        </div>
    );
}

function reading(growth: GrowthData, place: number | null): string {
    if (place === null) return "point at a layer to read its field";
    const values = growth.series.flatMap((series) => {
        const value = valueAt(series, place);
        return value ? [growth.series.length > 1 ? `${label(series)} ${value.text}` : value.text] : [];
    });
    return `${growth.layers[place]}: ${values.join("; ") || "no figure"}`;
}

/** As much of a name as there is room for under the axis. */
function clip(name: string | undefined, room: number): string {
    const most = Math.max(Math.floor(room / 7), 4);
    return name && name.length > most ? `…${name.slice(1 - most)}` : (name ?? "");
}

/** The same as a table, made when it is opened. */
function Figures({ growth }: { growth: GrowthData }) {
    const [open, setOpen] = useState(false);
    return (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
            <summary>figures</summary>
            {open && (
                <div class="figures" tabIndex={0} role="region" aria-label="Figures of the chart">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">layer</th>
                                {growth.series.map((series) => (
                                    <th key={label(series)} scope="col" class="figure">
                                        {label(series)}
                                    </th>
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {growth.layers.slice(0, 2000).map((name, place) => (
                                <tr key={name}>
                                    <th scope="row">{name}</th>
                                    {growth.series.map((series) => (
                                        <td key={label(series)} class="figure">
                                            {valueAt(series, place)?.text ?? "–"}
                                        </td>
                                    ))}
                                </tr>
                            ))}
                        </tbody>
                    </table>
                    {growth.layers.length > 2000 && (
                        <p class="aside">The first 2,000 layers; the table below has all.</p>
                    )}
                </div>
            )}
        </details>
    );
}
