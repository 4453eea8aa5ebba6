// Rows by name, sizes by extents, and the layer of one model that stands for a layer of another.
import type { Analysis, Model, Report, Row, Sized } from "../report";
import { extents } from "./figures";

const indices = new WeakMap<Analysis, Map<string, number>>();

function namesOf(analysis: Analysis): Map<string, number> {
    let known = indices.get(analysis);
    if (!known) {
        known = new Map();
        const rows = [...analysis.layers.entries()];
        // names of rows come before those of tensors and calls, which may be called alike
        const told = [
            ...rows.map(([index, row]) => [row.name, index] as const),
            ...rows.flatMap(([index, row]) => tensorsOf(row).map((name) => [name, index] as const)),
        ];
        for (const [name, index] of told) if (!known.has(name)) known.set(name, index);
        indices.set(analysis, known);
    }
    return known;
}

/** What a row's output tensors, its calls and theirs are called. */
function tensorsOf(row: Row): string[] {
    const calls = row.calls ?? [];
    return [...(row.outputs ?? []), ...calls.flatMap((call) => [call.name, ...(call.outputs ?? [])])];
}

/** The row of this name, or of a call or an output tensor that is called so; -1 where there is none. */
export function rowOf(analysis: Analysis, name: string): number {
    return namesOf(analysis).get(name) ?? -1;
}

/** What a size is called: its extents, "?" where one is open. */
export function sizeName(sized: Sized): string {
    return sized.extents.length ? extents(sized.extents) : "as it is";
}

/** Of a report with several sizes, the one that its comparison and its growth are of: " at 28x28"; "" else. */
export function atFirstSize({ models }: Report): string {
    const first = models[0]?.sizes[0];
    return first && models.some(({ sizes }) => sizes.length > 1) ? ` at ${sizeName(first)}` : "";
}

/** What a model is shown at, and where that is not the size that was asked for, why. */
export interface Asked {
    sized: Sized;
    lacks: string; // "" where it is the size that was asked for
}

/** The size of a model with this name; the first, and why, where it has none of it. */
export function sizedAs(model: Model, name: string | null): Asked {
    const first = model.sizes[0] as Sized;
    if (name === null) return { sized: first, lacks: "" };
    const found = model.sizes.find((sized) => sizeName(sized) === name);
    if (found) return { sized: found, lacks: "" };
    const left = model.left_out.find((each) => extents(each.extents) === name);
    const why = left ? `cannot be built at ${name}: ${left.reason}` : `is not in this report at ${name}`;
    return { sized: first, lacks: `${why}; shown at ${sizeName(first)}` };
}

interface Layers {
    layers: { old: { name: string } | null; new: { name: string } | null }[];
}

/** By the name of a layer of one model that of the layer which stands for it in another; null where none does. */
export type Pairing = (name: string) => string | null;

const pairings = new WeakMap<object, [ahead: Pairing, back: Pairing]>();

/** How layers of two models are paired: as their difference says, and else by equal names. */
export function pairing(report: Report, from: number, to: number): Pairing {
    const diff = report.diff as Layers | null;
    if (!diff || from === to || Math.max(from, to) > 1) return (name) => name;
    let known = pairings.get(diff);
    if (!known) pairings.set(diff, (known = pairingsOf(diff)));
    return known[from as 0 | 1];
}

function pairingsOf({ layers }: Layers): [Pairing, Pairing] {
    const [ahead, back] = [new Map<string, string>(), new Map<string, string>()];
    for (const each of layers) {
        if (!each.old || !each.new) continue;
        if (!ahead.has(each.old.name)) ahead.set(each.old.name, each.new.name);
        if (!back.has(each.new.name)) back.set(each.new.name, each.old.name);
    }
    // a name that stands for another layer already is not taken for this one as well
    const through =
        (pairs: Map<string, string>, others: Map<string, string>): Pairing =>
        (name) =>
            pairs.get(name) ?? (others.has(name) ? null : name);
    return [through(ahead, back), through(back, ahead)];
}

/** The row of `other` that stands for row `index` of `one`, or else for the last one before it that has such a row. */
export function counterpart(
    one: Analysis,
    index: number,
    other: Analysis,
    paired: Pairing,
): { index: number; same: boolean } {
    for (let at = index; at >= 0; at--) {
        const name = paired((one.layers[at] as Row).name);
        const found = name === null ? -1 : rowOf(other, name);
        if (found >= 0) return { index: found, same: at === index };
    }
    return { index: 0, same: false };
}
