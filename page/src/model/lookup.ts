// Rows by name, sizes by extents, and the layer of one model that stands for a layer of another.
import type { Analysis, Model, Report, Row, Sized } from "../report";
import { extents } from "./figures";

const indices = new WeakMap<Analysis, Map<string, number>>();

function namesOf(analysis: Analysis): Map<string, number> {
    let known = indices.get(analysis);
    if (!known) {
        known = new Map();
        for (const [index, row] of analysis.layers.entries()) {
            if (!known.has(row.name)) known.set(row.name, index);
        }
        for (const [index, row] of analysis.layers.entries()) {
            for (const output of row.outputs ?? []) if (!known.has(output)) known.set(output, index);
        }
        indices.set(analysis, known);
    }
    return known;
}

/** The row of this name, or whose output tensor is called so; -1 where there is none. */
export function rowOf(analysis: Analysis, name: string): number {
    return namesOf(analysis).get(name) ?? -1;
}

/** What a size is called: its extents, "?" where one is open. */
export function sizeName(sized: Sized): string {
    return sized.extents.length ? extents(sized.extents) : "as it is";
}

/** The size of a model with this name; the first where it has none of it. */
export function sizedAs(model: Model, name: string | null): Sized {
    return model.sizes.find((sized) => sizeName(sized) === name) ?? (model.sizes[0] as Sized);
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

/** The layer that a page shows first: the last one on whose field there is something to see. */
export function firstChoice(analysis: Analysis): number {
    return Math.max(lastMap(analysis), 0);
}

/** The last row that keeps a grid and whose field is known and does not see all of some axis; else the last with a grid. */
export function lastMap(analysis: Analysis): number {
    const keepsGrid = (row: Row) =>
        !row.container && (row.effective_stride?.some((stride) => stride !== null) ?? false);
    const sizeable = (sizes: Row["receptive_field"]) =>
        sizes !== null && sizes.length > 0 && !sizes.includes(null) && sizes.some((size) => size !== 0);
    const layers = analysis.layers;
    const finite = layers.findLastIndex((row) => keepsGrid(row) && sizeable(row.receptive_field));
    const local = layers.findLastIndex((row) => keepsGrid(row) && sizeable(row.local_receptive_field));
    return Math.max(finite, local) >= 0 ? Math.max(finite, local) : layers.findLastIndex(keepsGrid);
}
