// The field of one unit on the input, and the other way round the units that see one position.
import { useComputed } from "@preact/signals";
import { useId, useMemo, useState } from "preact/hooks";

import { number, percent } from "../model/figures";
import { type Grid, type Seeing, kept, neighbour, placesOf, seeing } from "../model/grid";
import { type Progression, readOf, stretches, weightAxesOf, weightsOf, windowOf } from "../model/units";
import { lostOf } from "../model/window";
import { axisNames, sentence, singular, whole, whyNot } from "../model/words";
import type { Axis, Fields, Row } from "../report";
import { PixelList } from "./PixelList";
import { type AxisScene, Plane } from "./Plane";
import { Strip } from "./Strip";
import { UnitMap } from "./UnitMap";
import type { Session, Side } from "./session";

interface FieldProps {
    session: Session;
    side: Side;
}

/** How far windows reach beyond the input along an axis, over all layers, so that pictures of all have one scale. */
function marginOf(fields: Fields, axis: number, extent: number): number {
    let most = 0;
    for (const map of fields.maps) {
        const each = fields.axes[map[axis] as number] as Axis;
        for (const unit of [0, each.extent - 1]) {
            const span = windowOf(each, unit);
            if (span) most = Math.max(most, -span.first, span.last - extent + 1);
        }
    }
    return Math.min(most, Math.ceil(extent * 0.15));
}

export function Field({ session, side }: FieldProps) {
    const shown = useComputed(() => session.shown(side, session.focus.value)).value;
    const fields = side.sized.fields;
    const grid = session.grid(side, shown.index);
    const focus = session.focus.value;
    const layer = side.sized.analysis.layers[shown.index] as Row;
    const renamed = focus.model !== side.index && layer.name !== focus.name;
    const several = session.sides.value.length > 1;
    return (
        <section class="field" aria-label={`Field in ${side.model.title}`} data-testid="field">
            <h3>
                {several && <span class="model-name">{side.model.title}: </span>}
                <span class="layer-name">{layer.name}</span> <span class="kind">{layer.kind}</span>
            </h3>
            {layer.calls && layer.calls.length > 1 && (
                <p class="aside" data-testid="which-call">
                    The first of {layer.calls.length} calls of it.
                </p>
            )}
            {!shown.same && (
                <p class="aside">
                    {side.model.title} has no {focus.name}; {layer.name}, the last one before it, is shown.
                </p>
            )}
            {shown.same && renamed && (
                <p class="aside" data-testid="stands-for">
                    {layer.name} stands for {focus.name} of {session.report.value.models[focus.model]?.title}.
                </p>
            )}
            {fields && grid?.axes.length ? (
                <Picture session={session} side={side} row={shown.index} grid={grid} fields={fields} />
            ) : (
                <p class="words" data-testid="words" aria-live="polite">
                    {grid
                        ? "The input has no axis with places."
                        : `No picture of its field: ${whyNot(side.sized, shown.index)}.`}
                </p>
            )}
        </section>
    );
}

interface PictureProps extends FieldProps {
    row: number;
    grid: Grid;
    fields: Fields;
}

function Picture({ session, side, row, grid, fields }: PictureProps) {
    const { axes, sizes } = grid;
    const { model, sized } = side;
    const extents = sized.extents.map((extent) => extent ?? 1);
    const names = axisNames(model);
    const picking = session.mode.value === "pixel";
    const pixel = extents.map((extent, axis) =>
        Math.min(session.pixel.value?.[axis] ?? Math.floor(extent / 2), extent - 1),
    );
    const unit = session.unit(side, row);
    const places = placesOf(grid, unit);
    const weights = session.weights.value;
    const rate = session.report.value.rate;
    const layer = sized.analysis.layers[row] as Row;
    const theme = session.theme.value;
    const sides = session.sides.value;
    const gates = session.gates.value;
    const sees = gates ? layer.receptive_field : layer.local_receptive_field;

    const margins = useMemo(
        // models side by side are drawn at one scale
        () =>
            extents.map((extent, axis) =>
                Math.max(
                    ...sides
                        .filter((each) => each.sized.fields && each.sized.extents[axis] === extent)
                        .map((each) => marginOf(each.sized.fields as Fields, axis, extent)),
                ),
            ),
        // eslint-disable-next-line react-hooks/exhaustive-deps
        [fields, sides],
    );
    const weighed = weights ? weightAxesOf(fields.weights, row) : null;
    const unitKey = unit.join(",");
    const scenes: AxisScene[] = useMemo(
        () =>
            axes.map((axis, place) => {
                const index = places[place] as number;
                const span = windowOf(axis, index);
                const weightAxis = weighed?.[place];
                return {
                    extent: extents[place] as number,
                    margin: margins[place] as number,
                    stretches: picking ? [] : stretches(fields, readOf(axis, index)),
                    window: span && !picking ? [span.first, span.last] : null,
                    lost: picking ? [] : (lostOf(fields, axis, index, extents[place] as number)?.where ?? []),
                    weight: weightAxis ? weightsOf(fields.weights, weightAxis, index) : null,
                };
            }),
        // eslint-disable-next-line react-hooks/exhaustive-deps
        [grid, unitKey, picking, weights, margins],
    );
    const pixelKey = pixel.join(",");
    const seen = useMemo(
        () => (picking ? seeing(fields, grid, pixel) : null),
        // eslint-disable-next-line react-hooks/exhaustive-deps
        [grid, picking, pixelKey],
    );

    /** Keys and numbers end a hover: what they move is the unit of the chosen layer. */
    const chosen = () => {
        session.hovered.value = null;
        session.hoveredAt.value = null;
        const index = session.shown(side, session.chosen.peek()).index;
        return { row: index, grid: session.grid(side, index), unit: session.unit(side, index) };
    };
    const goChosen = (to: (grid: Grid, unit: readonly number[]) => readonly number[]) => {
        const { row, grid, unit } = chosen();
        if (grid) session.at.value = session.atUnit(side, row, kept(grid, to(grid, unit)));
    };

    /** Go to a position of the input, along some of its axes. */
    const go = (part: Record<number, number>, settled: boolean) => {
        if (picking) {
            if (!settled) return; // a position is picked by a click
            session.pixel.value = pixel.map((old, axis) =>
                Math.min(Math.max(Math.round(part[axis] ?? old), 0), (extents[axis] as number) - 1),
            );
            return;
        }
        const now = session.at.peek()?.place ?? session.atUnit(side, row, unit)?.place ?? [];
        const at = session.atPlace(
            side,
            row,
            extents.map((_, axis) => part[axis] ?? now[axis] ?? 0),
        );
        if (settled) session.at.value = at;
        session.hoveredAt.value = settled ? null : at;
    };
    const goUnit = (index: readonly number[], settled: boolean) => {
        const at = session.atUnit(side, row, index);
        if (settled) session.at.value = at;
        session.hoveredAt.value = settled ? null : at;
    };
    const leave = () => {
        session.hoveredAt.value = null;
    };
    const step = (axis: number, by: number) => {
        if (picking) {
            chosen();
            go({ [axis]: (pixel[axis] as number) + by }, true);
        } else goChosen((grid, unit) => neighbour(grid, unit, axis, by));
    };

    const stepUnit = (index: number, by: number) => goChosen((_, unit) => moved(unit, index, by));

    const words = picking
        ? seenWords(names, pixel, layer, axes, seen)
        : sentence(model, sized, row, unit, rate, session.gates.value);
    const flat = extents.length >= 2 ? ([extents.length - 2, extents.length - 1] as const) : null;
    const lines = flat ? extents.slice(0, -2).map((_, axis) => axis) : [0];
    const [slices, setSlices] = useState<Record<number, number>>({});
    const slice = (axis: number) => {
        if (picking) return pixel[axis] as number;
        const read = readOf(axes[axis] as Axis, places[axis] as number);
        const middle = Math.floor((Math.max(read.first, 0) + Math.max(read.last, 0)) / 2);
        return Math.min(slices[axis] ?? middle, (extents[axis] as number) - 1);
    };
    const inSlice =
        !flat ||
        lines.every((axis) =>
            (scenes[axis] as AxisScene).stretches.some(([a, b]) => slice(axis) >= a && slice(axis) <= b),
        );
    const label = picking
        ? `The ${whole(model)}; ${words}`
        : `What one unit sees of the ${whole(model)}; ${words}`;

    return (
        <div class="picture">
            <p class="words" data-testid="words" aria-live="polite">
                {words}
            </p>
            <div class="scene">
                <div class="input-picture">
                    {lines.map((axis) => (
                        <div key={axis}>
                            {flat && <div class="axis-name">{names[axis]}</div>}
                            <Strip
                                low={flat !== null}
                                scene={scenes[axis] as AxisScene}
                                name={names[axis] ?? ""}
                                rate={extents.length === 1 ? rate : null}
                                weights={weights && !picking}
                                pixel={picking ? (pixel[axis] as number) : null}
                                label={label}
                                theme={theme}
                                pick={(position, settled) => go({ [axis]: position }, settled)}
                                leave={leave}
                                step={(by) => step(axis, by)}
                            />
                            {flat && !picking && (
                                <label class="slice">
                                    {singular(names[axis] ?? "")} {slice(axis)}
                                    <input
                                        type="range"
                                        min={0}
                                        max={(extents[axis] as number) - 1}
                                        value={slice(axis)}
                                        data-testid="slice"
                                        onInput={(event) =>
                                            setSlices({
                                                ...slices,
                                                [axis]: Number(event.currentTarget.value),
                                            })
                                        }
                                    />
                                </label>
                            )}
                        </div>
                    ))}
                    {flat && (
                        <Plane
                            rows={scenes[flat[0]] as AxisScene}
                            columns={scenes[flat[1]] as AxisScene}
                            shown={inSlice && !picking}
                            weights={weights}
                            everything={[sees?.[flat[0]] === null, sees?.[flat[1]] === null]}
                            pixel={picking ? [pixel[flat[0]] as number, pixel[flat[1]] as number] : null}
                            image={extents.length === 2 ? session.report.value.image : null}
                            label={label}
                            theme={theme}
                            near={session.near.value}
                            come={(near) => (session.near.value = near)}
                            most={session.sides.value.length > 1 ? 380 : 460}
                            pick={(y, x, settled) => go({ [flat[0]]: y, [flat[1]]: x }, settled)}
                            leave={leave}
                            step={(y, x) => (y ? step(flat[0], y) : step(flat[1], x))}
                        />
                    )}
                    {flat && lines.length > 0 && !inSlice && !picking && (
                        <p class="aside">The unit reads nothing of this slice.</p>
                    )}
                </div>
                <div class="controls">
                    <Units
                        session={session}
                        side={side}
                        row={row}
                        sizes={sizes}
                        unit={unit}
                        seeing={seen?.units ?? null}
                        goUnit={goUnit}
                        leave={leave}
                        step={stepUnit}
                    />
                    {picking ? (
                        <Numbers
                            legend="position"
                            names={names}
                            values={pixel}
                            extents={extents}
                            step={step}
                            set={(axis, to) => {
                                chosen();
                                go({ [axis]: to }, true);
                            }}
                        />
                    ) : (
                        <Numbers
                            legend="unit"
                            names={indexNames(grid, names)}
                            values={unit}
                            extents={sizes}
                            step={stepUnit}
                            set={(index, to) =>
                                goChosen((_, unit) => moved(unit, index, to - (unit[index] as number)))
                            }
                        />
                    )}
                    {weights && !picking && (
                        <Weighed fields={fields} row={row} places={places} names={names} />
                    )}
                </div>
            </div>
            {picking && <PixelList session={session} side={side} pixel={pixel} />}
        </div>
    );
}

/** What the indices of a unit are called: by the axis of the input that goes with it, where one alone does. */
function indexNames({ indices, sizes }: Grid, names: readonly string[]): string[] {
    return sizes.map((_, index) => {
        const axes = indices.flatMap((each, axis) => (each === index ? [axis] : []));
        return axes.length === 1 ? (names[axes[0] as number] ?? "") : "index";
    });
}

function moved(unit: readonly number[], axis: number, by: number): number[] {
    return unit.map((index, place) => (place === axis ? index + by : index));
}

function seenWords(
    names: string[],
    pixel: readonly number[],
    layer: Row,
    axes: readonly Axis[],
    seen: Seeing | null,
): string {
    const { count, all } = seen ?? { count: 0, all: 0 };
    const where = names.map((name, axis) => `${singular(name)} ${pixel[axis]}`).join(", ");
    const most = axes.every((axis) => axis.exact) ? "" : "at most ";
    return `${where}: seen by ${most}${number(count)} of the ${number(all)} ${all === 1 ? "unit" : "units"} of ${layer.name} (${percent(all ? count / all : 0)})`;
}

interface UnitsProps extends FieldProps {
    row: number;
    sizes: number[];
    unit: number[];
    seeing: Progression[][] | null;
    goUnit: (index: readonly number[], settled: boolean) => void;
    leave: () => void;
    step: (index: number, by: number) => void;
}

/** The map of units: of more than two axes the last two, at the place of the unit along the others. */
function Units({ session, side, row, sizes, unit, seeing, goUnit, leave, step }: UnitsProps) {
    const last = sizes.length - 1;
    const extents: [number, number] = [last > 0 ? (sizes[last - 1] as number) : 1, sizes[last] as number];
    const index: [number, number] = [last > 0 ? (unit[last - 1] as number) : 0, unit[last] as number];
    const to = (y: number, x: number) => [
        ...unit.slice(0, Math.max(last - 1, 0)),
        ...(last > 0 ? [y] : []),
        x,
    ];
    const name = side.sized.analysis.layers[row]?.name ?? "";
    const one: Progression[] = [{ first: 0, last: 0, step: 1 }];
    const marked: [Progression[], Progression[]] | null = seeing && [
        last > 0 ? (seeing[last - 1] as Progression[]) : one,
        seeing[last] as Progression[],
    ];
    const size = sizes.join("x");
    return (
        <div class="units">
            <div class="axis-name">
                units of {name}: {size}
            </div>
            <UnitMap
                extents={extents}
                unit={seeing ? null : index}
                seeing={marked}
                label={`Units of ${name}, ${size}${seeing ? "; those that see the position are marked" : `; unit ${unit.join(", ")} is chosen`}`}
                theme={session.theme.value}
                pick={(y, x, settled) => goUnit(to(y, x), settled)}
                leave={leave}
                step={(y, x) => {
                    if (x) step(last, x);
                    else if (last > 0) step(last - 1, y);
                }}
            />
        </div>
    );
}

interface NumbersProps {
    legend: string;
    names: string[];
    values: readonly number[];
    extents: readonly number[];
    set: (axis: number, to: number) => void;
    step: (axis: number, by: number) => void;
}

function Numbers({ legend, names, values, extents, set, step }: NumbersProps) {
    const id = useId();
    return (
        <fieldset class="numbers">
            <legend>{legend}</legend>
            {values.map((value, axis) => (
                <label key={axis} for={`${id}-${axis}`}>
                    {singular(names[axis] ?? `axis ${axis}`)}
                    <input
                        id={`${id}-${axis}`}
                        type="number"
                        inputMode="numeric"
                        min={0}
                        max={(extents[axis] ?? 1) - 1}
                        value={value}
                        disabled={extents[axis] === 1}
                        data-testid={`at-${axis}`}
                        onKeyDown={(event) => {
                            // the number that stands here may be that of another layer, which is hovered
                            const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
                            if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
                            event.preventDefault();
                            step(axis, by);
                        }}
                        onInput={(event) => {
                            const to = event.currentTarget.valueAsNumber;
                            if (Number.isInteger(to)) set(axis, to);
                        }}
                    />
                </label>
            ))}
        </fieldset>
    );
}

/** What the weights say: how few positions hold most of it along each axis. */
function Weighed({ fields, row, places, names }: WeighedProps) {
    const axes = weightAxesOf(fields.weights, row);
    if (!axes) {
        const why = fields.weights.why[row];
        return <p class="aside">Weights of this layer are not known{why && `: ${why}`}.</p>;
    }
    const middle = axes.every((axis, place) => axis.middle === places[place]);
    const whose = middle ? "its weight" : "the middle unit's weight";
    return (
        <div class="weighed">
            <div class="ramp" role="img" aria-label="Dark: little weight; bright: the largest weight" />
            <div class="ramp-ends">
                <span>little</span>
                <span>most weight</span>
            </div>
            {axes.length > 1 && <p>Along each axis by itself:</p>}
            {fields.weights.shares.map((share, place) => (
                <p key={share}>
                    {percent(share)} of {whose} lies within{" "}
                    <b>{axes.map(({ widths }, axis) => counted(widths[place], names[axis])).join(", ")}</b>
                </p>
            ))}
        </div>
    );
}

interface WeighedProps {
    fields: Fields;
    row: number;
    places: readonly number[];
    names: readonly string[];
}

function counted(count = 0, noun = "positions"): string {
    return `${number(count)} ${count === 1 ? singular(noun) : noun}`;
}
