// Rows by name, sizes by extents, and the layer of one model that stands for a layer of another.
import type { Analysis, Model, Row, Sized } from "../report";
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

/** The row of `other` that is called as row `index` of `one`, or else as the last one before it that both have. */
export function counterpart(one: Analysis, index: number, other: Analysis): { index: number; same: boolean } {
    for (let at = index; at >= 0; at--) {
        const name = (one.layers[at] as Row).name;
        const found = rowOf(other, name);
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
