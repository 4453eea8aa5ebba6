// The units of a layer: how they are told, which see a position, and which lies where. A unit has a place for each index
// of its layer; most layers have an index for each axis of the input, flattened maps and tokens one for several axes.
import type { Axis, Fields } from "../report";
import { type Progression, countOf, mapOf, middleOf, nearest, readOf, unitsReading } from "./units";

export interface Grid {
    axes: Axis[]; // what units read, for each axis of the input
    indices: number[]; // for each axis of the input the index of a unit that goes with it
    sizes: number[]; // how many units there are along each index
}

const grids = new WeakMap<number[], Grid>();

/** The units of a row; null where its fields are not known. */
export function gridOf(fields: Fields, row: number, gates = false): Grid | null {
    const map = mapOf(fields, row, gates);
    const numbers = map === null ? undefined : fields.maps[map];
    const indices = map === null ? undefined : fields.indices[map];
    if (!numbers || !indices) return null;
    let known = grids.get(numbers);
    if (!known) {
        const axes = numbers.map((number) => fields.axes[number] as Axis);
        const sizes: number[] = [];
        indices.forEach((index, axis) => (sizes[index] ??= (axes[axis] as Axis).extent));
        grids.set(numbers, (known = { axes, indices, sizes }));
    }
    return known;
}

/** The axes of the input that go with each index. */
function groupsOf({ indices, sizes }: Grid): number[][] {
    return sizes.map((_, index) => indices.flatMap((each, axis) => (each === index ? [axis] : [])));
}

/** The index of a unit along each axis of the input. */
export function placesOf(grid: Grid, unit: readonly number[]): number[] {
    return grid.indices.map((index) => unit[index] ?? 0);
}

/** A unit that is told by a place for each index, or for each axis of the input; null where it is told otherwise. */
export function unitTold(grid: Grid, told: readonly number[]): number[] | null {
    const { indices, sizes } = grid;
    if (told.length === sizes.length) return kept(grid, told);
    if (told.length !== indices.length) return null;
    const unit = sizes.map((_, index) => told[indices.indexOf(index)] as number);
    return indices.every((index, axis) => unit[index] === told[axis]) ? kept(grid, unit) : null;
}

/** A unit, moved to the border where it lies beyond it. */
export function kept({ sizes }: Grid, unit: readonly number[]): number[] {
    return sizes.map((size, index) => Math.min(Math.max(unit[index] ?? 0, 0), size - 1));
}

/** The units that read a position of the input: how many, of how many, and which, along each index. */
export interface Seeing {
    count: number;
    all: number;
    units: Progression[][];
}

export function seeing(fields: Fields, grid: Grid, position: readonly number[]): Seeing {
    const units = groupsOf(grid).map((axes, index) => {
        const each = axes.map((axis) => unitsReading(fields, grid.axes[axis] as Axis, position[axis] ?? 0));
        return each.length === 1 ? (each[0] as Progression[]) : inAll(each, grid.sizes[index] as number);
    });
    return {
        units,
        count: units.reduce((product, each) => product * countOf(each), 1),
        all: grid.sizes.reduce((product, size) => product * size, 1),
    };
}

/** The units that are in each of some lists, where no list has a unit twice. */
function inAll(lists: readonly (readonly Progression[])[], size: number): Progression[] {
    const times = new Uint8Array(size);
    for (const list of lists) {
        for (const { first, last, step } of list) {
            for (let unit = first; unit <= last; unit += step) times[unit] = (times[unit] as number) + 1;
        }
    }
    const found: Progression[] = [];
    for (let unit = 0; unit < size; unit++) {
        if (times[unit] !== lists.length) continue;
        const before = found.at(-1);
        if (before?.last === unit - 1) before.last = unit;
        else found.push({ first: unit, last: unit, step: 1 });
    }
    return found;
}

const middles = new WeakMap<Axis, Float64Array>();

/** Where the field of each unit has its middle; NaN for units that read nothing. */
function middlesOf(axis: Axis): Float64Array {
    let known = middles.get(axis);
    if (!known) {
        known = Float64Array.from({ length: axis.extent }, (_, unit) => {
            const { first, last } = readOf(axis, unit);
            return first > last ? NaN : middleOf(axis, unit);
        });
        middles.set(axis, known);
    }
    return known;
}

/** The unit whose field has its middle nearest to a place in the input: over all axes that go with one index. */
export function nearestUnit(grid: Grid, place: readonly number[]): number[] {
    return groupsOf(grid).map((axes, index) => {
        const [only] = axes;
        if (axes.length === 1) return nearest(grid.axes[only as number] as Axis, place[only as number] ?? 0);
        const along = axes.map((axis) => middlesOf(grid.axes[axis] as Axis));
        let [best, least] = [0, Infinity];
        for (let unit = 0; unit < (grid.sizes[index] as number); unit++) {
            const away = along.reduce(
                (sum, each, i) => sum + ((each[unit] as number) - (place[axes[i] as number] ?? 0)) ** 2,
                0,
            );
            if (away < least) [best, least] = [unit, away];
        }
        return best;
    });
}

/** The unit that lies in the middle of the layer. */
export function middleUnit(grid: Grid): number[] {
    const middle = grid.sizes.map((size) => Math.floor(size / 2));
    const joint = groupsOf(grid).map((axes) => axes.length > 1);
    if (!joint.includes(true)) return middle;
    const centre = grid.axes.map((axis) => {
        const [low, high] = middlesOf(axis).reduce(
            ([low, high], at) => [Math.min(low, isNaN(at) ? low : at), Math.max(high, isNaN(at) ? high : at)],
            [Infinity, -Infinity] as [number, number],
        );
        return (low + high) / 2;
    });
    const found = nearestUnit(grid, centre);
    return middle.map((unit, index) => (joint[index] ? (found[index] as number) : unit));
}

/** The unit that lies some steps further along an axis of the input; the same where none does. */
export function neighbour(grid: Grid, unit: readonly number[], axis: number, by: number): number[] {
    const index = grid.indices[axis] as number;
    const axes = groupsOf(grid)[index] as number[];
    const found = [...unit];
    if (axes.length === 1) found[index] = (unit[index] as number) + by;
    else {
        const along = axes.map((each) => middlesOf(grid.axes[each] as Axis));
        const way = axes.indexOf(axis);
        for (let step = 0; step < Math.abs(by); step++) {
            found[index] = next(along, found[index] as number, way, Math.sign(by));
        }
    }
    return kept(grid, found);
}

/**
 * Of units by their middles the one that lies next along an axis: as near as can be along the others, and of those that
 * lie in one place, as the channels of a flattened map do, the one that comes there as early as this one does here.
 */
function next(along: readonly Float64Array[], unit: number, way: number, sign: number): number {
    const of = (other: number) => along.map((each) => each[other] as number);
    const here = of(unit);
    const inPlace = (other: number, place: readonly number[]) =>
        along.every((each, i) => each[other] === place[i]);
    let [best, aside, ahead] = [unit, Infinity, Infinity];
    let rank = 0;
    for (let other = 0; other < (along[0] as Float64Array).length; other++) {
        if (other < unit && inPlace(other, here)) rank++;
        const there = of(other);
        const far = ((there[way] as number) - (here[way] as number)) * sign;
        if (!(far > 0)) continue;
        const off = there.reduce(
            (sum, at, i) => sum + (i === way ? 0 : Math.abs(at - (here[i] as number))),
            0,
        );
        if (off < aside || (off === aside && far < ahead)) [best, aside, ahead] = [other, off, far];
    }
    if (best === unit) return unit;
    const place = of(best);
    for (let other = best + 1; rank > 0 && other < (along[0] as Float64Array).length; other++) {
        if (!inPlace(other, place)) continue;
        best = other;
        rank--;
    }
    return best;
}
