// What layers cost, in the order in which they are computed, and which cost most.
import { useMemo, useState } from "preact/hooks";

import { type Figure, bytes, number, params, percent, short } from "../model/figures";
import type { Row } from "../report";
import { useWidth } from "./hooks";
import type { Session, Side } from "./session";

interface Measure {
    key: string;
    title: string;
    of: (row: Row, index: number) => Figure;
    text: (value: Figure) => string;
    sums: boolean; // shares of the sum mean something
}

function measuresOf(side: Side): Measure[] {
    const { memory } = side.sized;
    const measures: Measure[] = [
        { key: "params", title: "parameters", of: params, text: short, sums: true },
        { key: "macs", title: "MACs", of: (row) => row.macs, text: short, sums: true },
        { key: "activations", title: "activations", of: (row) => row.activations, text: short, sums: true },
    ];
    if (memory) {
        const of = (_: Row, index: number) => memory[index];
        measures.push({ key: "memory", title: "memory held", of, text: bytes, sums: false });
    }
    return measures;
}

interface Values {
    measure: Measure;
    values: (number | null)[]; // of each place
    most: number;
    sum: number;
    missing: number;
}

/** The rows of a side that are layers. */
function placesOf(side: Side): number[] {
    return side.sized.analysis.layers.flatMap((row, index) => (row.container ? [] : [index]));
}

function panelsOf(side: Side): Values[] {
    const { layers } = side.sized.analysis;
    const places = placesOf(side);
    return measuresOf(side).map((measure) => {
        const values = places.map((index) => {
            const value = measure.of(layers[index] as Row, index);
            return typeof value === "number" ? value : null;
        });
        const known = values.filter((value) => value !== null);
        return {
            measure,
            values,
            most: known.reduce((most, value) => Math.max(most, value), 0),
            sum: known.reduce((sum, value) => sum + value, 0),
            missing: values.length - known.length,
        };
    });
}

/** What is as long as a bar can be, by measure: the most of all sides, so that their bars compare. */
function scalesOf(sides: readonly Side[]): ReadonlyMap<string, number> {
    const scales = new Map<string, number>();
    for (const { measure, most } of sides.flatMap(panelsOf))
        scales.set(measure.key, Math.max(scales.get(measure.key) ?? 0, most));
    return scales;
}

const PANEL = 58;
const GAP = 20;
const EDGE = 4;

export function Costs({ session, side }: { session: Session; side: Side }) {
    const layers = side.sized.analysis.layers;
    const sides = session.sides.value;
    const places = useMemo(() => placesOf(side), [side]);
    const panels = useMemo(() => panelsOf(side), [side]);
    const scales = useMemo(() => scalesOf(sides), [sides]);
    const [box, width] = useWidth<HTMLDivElement>();
    const [hovered, setHovered] = useState<number | null>(null);
    const [key, setKey] = useState("macs");
    const chosen = places.indexOf(session.shown(side, session.chosen.value).index);
    const place = hovered ?? (chosen < 0 ? null : chosen);
    const long = Math.max(width - 2 * EDGE, 40);
    const step = long / Math.max(places.length, 1);
    const height = panels.length * (PANEL + GAP);
    const at = (event: MouseEvent) => {
        const corner = (event.currentTarget as Element).getBoundingClientRect();
        return Math.min(
            Math.max(Math.floor((event.clientX - corner.left - EDGE) / step), 0),
            places.length - 1,
        );
    };
    const choose = (where: number) => session.choose(side, places[where] as number);
    const said =
        place === null
            ? "point at a layer to read what it costs"
            : `${layers[places[place] as number]?.name}: ${panels
                  .map(({ measure, values }) => `${measure.title} ${measure.text(values[place])}`)
                  .join(", ")}`;
    const drawings = useMemo(
        () =>
            panels.map((panel, index) =>
                drawing(panel, scales.get(panel.measure.key) ?? 0, index * (PANEL + GAP) + GAP, step),
            ),
        [panels, scales, step],
    );
    return (
        <section class="card costs" aria-label={`Costs by layer, ${side.model.title}`} data-testid="costs">
            <h2>
                Costs by layer
                {sides.length > 1 && <span class="kind">, {side.model.title}</span>}
            </h2>
            <div ref={box}>
                <svg
                    class="chart"
                    width={width}
                    height={height}
                    viewBox={`0 0 ${width} ${height}`}
                    tabIndex={0}
                    role="application"
                    aria-roledescription="chart, read with the left and right arrow keys"
                    aria-label={`Costs by layer; ${said}`}
                    onPointerMove={(event) => setHovered(at(event))}
                    onPointerLeave={() => setHovered(null)}
                    onBlur={() => setHovered(null)}
                    onClick={(event) => choose(at(event))}
                    onKeyDown={(event) => {
                        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
                        if (event.key === "Enter" && hovered !== null) choose(hovered);
                        if (!by) return;
                        event.preventDefault();
                        setHovered(Math.min(Math.max((place ?? 0) + by, 0), places.length - 1));
                    }}
                >
                    {place !== null && (
                        <rect
                            class="column"
                            x={EDGE + place * step}
                            y={0}
                            width={Math.max(step, 2)}
                            height={height}
                        />
                    )}
                    {panels.map(({ measure, most, missing }, index) => {
                        const top = index * (PANEL + GAP) + GAP;
                        return (
                            <g key={measure.key}>
                                <text x={EDGE} y={top - 5}>
                                    {measure.title}
                                    {missing > 0 && `, not known for ${number(missing)}`}
                                </text>
                                <text x={EDGE + long} y={top - 5} text-anchor="end">
                                    at most {measure.text(most)}
                                </text>
                                <path class="rule" d={`M${EDGE} ${top + PANEL}h${long}`} />
                                <path class={measure.sums ? "bars" : "steps"} d={drawings[index]} />
                            </g>
                        );
                    })}
                </svg>
            </div>
            <p class="readout" aria-live="polite">
                {said}
            </p>
            <div class="tools">
                <h3>The most</h3>
                <div class="segments" role="group" aria-label="The most of what">
                    {panels.map(({ measure }) => (
                        <button
                            key={measure.key}
                            type="button"
                            aria-pressed={key === measure.key}
                            onClick={() => setKey(measure.key)}
                        >
                            {measure.title}
                        </button>
                    ))}
                </div>
            </div>
            <Most
                session={session}
                side={side}
                panel={panels.find((panel) => panel.measure.key === key)}
                scale={scales.get(key) ?? 0}
                places={places}
            />
        </section>
    );
}

/** A bar for each layer, or the steps of what is held; of layers that share a pixel the largest. */
function drawing({ measure, values }: Values, scale: number, top: number, step: number): string {
    if (!scale) return "";
    const together = Math.max(Math.ceil(1 / Math.max(step, 1e-6)), 1);
    const parts: string[] = [];
    const bottom = top + PANEL;
    for (let at = 0; at < values.length; at += together) {
        const value = values
            .slice(at, at + together)
            .reduce<number>((largest, each) => Math.max(largest, each ?? 0), 0);
        const x = (EDGE + at * step).toFixed(2);
        const y = bottom - (value / scale) * PANEL;
        const wide = step * together;
        if (!measure.sums) parts.push(`${at ? "L" : "M"}${x} ${y.toFixed(1)}h${wide.toFixed(2)}`);
        else if (value) {
            const gap = wide > 4 ? 1 : 0;
            parts.push(
                `M${x} ${bottom}V${Math.min(y, bottom - 1).toFixed(1)}h${(wide - gap).toFixed(2)}V${bottom}Z`,
            );
        }
    }
    return parts.join("");
}

interface MostProps {
    session: Session;
    side: Side;
    panel: Values | undefined;
    scale: number;
    places: readonly number[];
}

function Most({ session, side, panel, scale, places }: MostProps) {
    const [all, setAll] = useState(false);
    const ranked = useMemo(() => {
        if (!panel) return [];
        const order = panel.values.flatMap((value, at) =>
            value ? [{ value, row: places[at] as number }] : [],
        );
        return order.sort((one, other) => other.value - one.value || one.row - other.row);
    }, [panel, places]);
    if (!panel) return null;
    const shown = ranked.slice(0, all ? 200 : 8);
    return (
        <>
            <ol class="most" data-testid="most">
                {shown.map(({ value, row }) => (
                    <li key={row}>
                        <button type="button" class="link" onClick={() => session.choose(side, row)}>
                            {side.sized.analysis.layers[row]?.name}
                        </button>
                        <svg
                            width="100%"
                            height="6"
                            preserveAspectRatio="none"
                            viewBox="0 0 100 6"
                            aria-hidden="true"
                        >
                            <rect class="bar-ground" width="100" height="6" />
                            <rect class="bar-share" width={(value / scale) * 100} height="6" />
                        </svg>
                        <span class="figure">{panel.measure.text(value)}</span>
                        <span class="figure share">
                            {panel.measure.sums && panel.sum ? percent(value / panel.sum) : ""}
                        </span>
                    </li>
                ))}
            </ol>
            {ranked.length > 8 && (
                <button type="button" class="link" onClick={() => setAll(!all)}>
                    {all ? "fewer" : `more of ${number(ranked.length)}`}
                </button>
            )}
        </>
    );
}
