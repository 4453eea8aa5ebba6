// What the field of a unit is, in words.
import type { Fields, Model, Row, Sized } from "../report";
import { extents, number, percent } from "./figures";
import { gridOf, placesOf } from "./grid";
import { type Interval, readOf, tapsOf } from "./units";
import { type Lost, lostOf } from "./window";

/** What positions along each axis are called: rows and columns of an image, samples, frames. */
export function axisNames(model: Model): string[] {
    const { units } = model;
    if (units.length === 2 && units[0] === units[1]) return ["rows", "columns"];
    if (units.length === 3 && units[1] === units[2]) {
        return [units[0] === units[1] ? "slices" : (units[0] as string), "rows", "columns"];
    }
    return units.length === new Set(units).size
        ? units
        : units.map((unit, axis) => `${unit} of axis ${axis}`);
}

export function singular(noun: string): string {
    return noun.replace(/^(\w+?)s\b/, "$1");
}

/** What the whole input is called. */
export function whole(model: Model): string {
    return model.units.length === 2 && model.units.every((unit) => unit === "pixels") ? "image" : "input";
}

/** A time, in seconds or parts of them. */
export function seconds(positions: number, rate: number): string {
    const time = positions / rate;
    if (time === 0) return "0 s";
    if (Math.abs(time) < 1e-3) return `${Number((time * 1e6).toPrecision(3))} µs`;
    if (Math.abs(time) < 1) return `${Number((time * 1e3).toPrecision(3))} ms`;
    return `${Number(time.toPrecision(4))} s`;
}

/** What is known of a unit's field, axis by axis. */
export interface AxisField {
    name: string;
    all: boolean; // all of the axis, whatever its size
    read: Interval; // first > last: nothing
    size: number;
    taps: number; // of those, how many are read
    lost: Lost | null; // what of its window is not read; null: not known
    exact: boolean;
}

export function unitField(
    model: Model,
    sized: Sized,
    row: number,
    unit: readonly number[],
    gates = false,
): AxisField[] | null {
    const fields = sized.fields;
    const grid = fields && gridOf(fields, row, gates);
    if (!grid) return null;
    const places = placesOf(grid, unit);
    const names = axisNames(model);
    const layer = sized.analysis.layers[row] as Row;
    const sizes = gates ? layer.receptive_field : layer.local_receptive_field;
    return grid.axes.map((axis, place) => {
        const index = Math.min(places[place] as number, axis.extent - 1);
        const read = readOf(axis, index);
        return {
            name: names[place] ?? `axis ${place}`,
            all: sizes?.[place] === null,
            read: [read.first, read.last],
            size: Math.max(read.last - read.first + 1, 0),
            taps: tapsOf(fields as Fields, read),
            lost: lostOf(fields as Fields, axis, index, sized.extents[place] ?? read.last + 1),
            exact: axis.exact,
        };
    });
}

function stretch({ name, all, read, size }: AxisField): string {
    if (all) return `all ${name}, whatever the size`;
    if (size === 0) return `no ${name}`;
    return size === 1 ? `${singular(name)} ${read[0]}` : `${name} ${read[0]}-${read[1]}`;
}

function listed(parts: readonly string[]): string {
    return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : (parts[0] ?? "");
}

/** What of the window is not read, and why, as far as that is known. */
function notRead(axes: readonly AxisField[]): string {
    const known = axes.filter((axis) => axis.lost !== null && !axis.all);
    if (known.length === 0) return "";
    const lost = known.filter((axis) => axis.lost?.count);
    if (lost.length === 0) return "0 in padding";
    const parts = lost.map(({ name, lost }) => {
        const { count, of } = lost as Lost;
        if (of !== null) return `${number(count)} of ${number(of)} taps along ${name}`;
        return `${number(count)} ${count === 1 ? singular(name) : name}`;
    });
    if (lost.every((axis) => axis.lost?.beyond)) return `${listed(parts)} in padding`;
    const one = lost.length === 1 && lost[0]?.lost?.count === 1;
    const whose = lost.some((axis) => axis.lost?.of !== null) ? "" : " of its window";
    return `${listed(parts)}${whose} ${one ? "is" : "are"} cut off or in padding`;
}

/** Which unit it is: "conv3, unit (1, 1) of 3x3", "flatten, unit 5 of 576". */
export function unitName(sized: Sized, row: number, unit: readonly number[], gates = false): string {
    const layer = sized.analysis.layers[row] as Row;
    const sizes = (sized.fields && gridOf(sized.fields, row, gates)?.sizes) ?? [];
    if (sizes.every((size) => size === 1)) return `${layer.name}, its one unit`;
    const at = sizes.length === 1 ? String(unit[0]) : `(${unit.join(", ")})`;
    return `${layer.name}, unit ${at} of ${extents(sizes)}`;
}

/** The whole sentence that stands beside the picture of a field. */
export function sentence(
    model: Model,
    sized: Sized,
    row: number,
    unit: readonly number[],
    rate: number | null = null,
    gates = false,
): string {
    const layer = sized.analysis.layers[row] as Row;
    const axes = unitField(model, sized, row, unit, gates);
    if (!axes) return `${layer.name}: ${whyNot(sized, row)}`;
    const subject = unitName(sized, row, unit, gates);
    if (axes.length === 0) return `${layer.name}: the input has no axis with places`;
    if (axes.some((axis) => axis.size === 0)) return `${subject}: reads nothing of the ${whole(model)}`;
    const sizes = axes.map((axis) => axis.size);
    const area = sizes.reduce((product, size) => product * size, 1);
    const everything = sized.extents.reduce<number>((product, size) => product * (size ?? 1), 1);
    const parts = [axes.map(stretch).join(", ")];
    const most = axes.every((axis) => axis.exact) ? "" : "at most ";
    const taps = axes.map((axis) => axis.taps);
    const holes = taps.some((count, place) => count !== sizes[place])
        ? `, of which it reads ${extents(taps)}`
        : "";
    parts.push(
        `${most}${extents(sizes)} of ${extents(sized.extents)} (${percent(area / everything)} of the ${whole(model)})${holes}`,
    );
    const [only] = axes;
    if (rate && axes.length === 1 && only) {
        const [from, to] = only.read;
        parts.push(`${seconds(from, rate)} to ${seconds(to + 1, rate)}, ${seconds(only.size, rate)} long`);
    }
    const lost = notRead(axes);
    return `${subject}: ${parts.join(": ")}${lost && `; ${lost}`}`;
}

/** Why there is no picture of a row's field. */
export function whyNot(sized: Sized, row: number): string {
    const layer = sized.analysis.layers[row] as Row;
    if (!sized.fields) return sized.fields_missing || "the fields of units are not in this report";
    const why = sized.fields.why[row];
    if (why) return why;
    if (layer.receptive_field?.length && layer.receptive_field.every((size) => size === 0)) {
        return "it depends on no position of the input";
    }
    if (layer.container) return "it stands for several layers; choose one of them";
    return (
        layer.reason ??
        (layer.status === "unknown"
            ? "its field is not known"
            : "which positions its units read is not known")
    );
}
