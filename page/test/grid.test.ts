// Units whose indices go with one axis of the input each, or with several, against all units and all positions.
import { describe, expect, it } from "vitest";

import {
    type Grid,
    gridOf,
    middleUnit,
    nearestUnit,
    neighbour,
    placesOf,
    seeing,
    unitTold,
} from "../src/model/grid";
import { countOf, has } from "../src/model/units";
import { unitName } from "../src/model/words";
import type { Axis, Fields, Row, Run, Sized } from "../src/report";

type Span = [first: number, last: number, holes: number];

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const window = (place: number): Span => [place * 4, place * 4 + 5, -1];
const holed = (place: number): Span => [place * 3, place * 3 + 4, 0]; // reads the first, the third and the fifth
const NOTHING: Span = [0, -1, -1];

interface Case {
    name: string;
    extents: number[]; // of the input
    spans: Span[][]; // for each axis of the input what each unit reads, along the index that goes with it
    indices: number[];
}

const CASES: Case[] = [
    {
        name: "a map",
        extents: [12, 16],
        spans: [range(2).map(window), range(3).map(window)],
        indices: [0, 1],
    },
    {
        name: "a map that was flattened, channels last",
        extents: [12, 16],
        spans: [
            range(24).map((i) => window(Math.floor(i / 12))),
            range(24).map((i) => window(Math.floor(i / 4) % 3)),
        ],
        indices: [0, 0],
    },
    {
        name: "a map that was flattened, channels first",
        extents: [12, 16],
        spans: [range(24).map((i) => holed(Math.floor(i / 3) % 2)), range(24).map((i) => window(i % 3))],
        indices: [0, 0],
    },
    {
        name: "tokens, the first of which reads nothing",
        extents: [12, 16],
        spans: [
            range(7).map((i) => (i ? window(Math.floor((i - 1) / 3)) : NOTHING)),
            range(7).map((i) => (i ? window((i - 1) % 3) : NOTHING)),
        ],
        indices: [0, 0],
    },
    {
        name: "tokens of a film",
        extents: [10, 12, 16],
        spans: [
            range(3).map(holed),
            range(6).map((i) => window(Math.floor(i / 3))),
            range(6).map((i) => holed(i % 3)),
        ],
        indices: [0, 1, 1],
    },
    {
        name: "frames with columns, and rows",
        extents: [10, 12, 16],
        spans: [range(6).map((i) => window(i % 2)), range(3).map(window), range(6).map((i) => holed(i % 3))],
        indices: [0, 1, 0],
    },
];

const fieldsOf = ({ spans, indices }: Case): Fields => ({
    of: [0],
    local: [0],
    maps: [spans.map((_, axis) => axis)],
    indices: [indices],
    axes: spans.map((each): Axis => ({
        extent: each.length,
        exact: true,
        runs: each.map((span): Run => [1, 0, 0, span]),
        window: null,
    })),
    taps: [[1, 1, 1, 1, 1]],
    why: {},
    weights: { of: [], maps: [], axes: [], profiles: [], shares: [], why: {} },
});

/** Every element of a product, the last index the fastest. */
function product(sizes: readonly number[]): number[][] {
    return sizes.reduce<number[][]>(
        (found, size) => found.flatMap((each) => range(size).map((i) => [...each, i])),
        [[]],
    );
}

const reads = ([first, last, holes]: Span, at: number) =>
    at >= first && at <= last && (holes < 0 || (at - first) % 2 === 0);

describe.each(CASES)("$name", (each) => {
    const { extents, spans, indices } = each;
    const fields = fieldsOf(each);
    const grid = gridOf(fields, 0) as Grid;
    const sizes = range(Math.max(...indices) + 1).map((index) => spans[indices.indexOf(index)]?.length ?? 0);
    const units = product(sizes);
    const spanOf = (unit: readonly number[], axis: number) =>
        spans[axis]?.[unit[indices[axis] as number] as number] as Span;
    const middle = (unit: readonly number[]) =>
        indices.map((_, axis) => {
            const [first, last] = spanOf(unit, axis);
            return first > last ? NaN : (first + last) / 2;
        });

    it("has a size for each index", () => expect(grid.sizes).toEqual(sizes));

    it("is told by a place for each index, or for each axis", () => {
        for (const unit of units) {
            expect(unitTold(grid, unit)).toEqual(unit);
            expect(unitTold(grid, placesOf(grid, unit))).toEqual(unit);
        }
        expect(unitTold(grid, range(extents.length + 1))).toBeNull();
        if (sizes.length < extents.length) expect(unitTold(grid, range(extents.length))).toBeNull();
        expect(
            unitTold(
                grid,
                sizes.map(() => 1000),
            ),
        ).toEqual(sizes.map((size) => size - 1));
    });

    it("is seen at a position by the units that read it along each axis, each counted once", () => {
        for (const position of product(extents)) {
            const wanted = units.filter((unit) =>
                position.every((at, axis) => reads(spanOf(unit, axis), at)),
            );
            const found = seeing(fields, grid, position);
            expect(found.all).toBe(units.length);
            expect(found.count).toBe(wanted.length);
            expect(
                units.filter((unit) => found.units.every((list, i) => has(list, unit[i] as number))),
            ).toEqual(wanted);
            expect(found.units.map(countOf).reduce((all, count) => all * count, 1)).toBe(wanted.length);
        }
    });

    it("has a unit whose middle is nearest to a place", () => {
        for (const place of product(extents.map((extent) => Math.ceil(extent / 3)))) {
            const at = place.map((i) => i * 3 - 0.25);
            const away = (unit: number[]) =>
                middle(unit).reduce((sum, to, axis) => sum + (to - (at[axis] as number)) ** 2, 0);
            const all = units.map(away).filter((far) => !isNaN(far));
            expect(away(nearestUnit(grid, at))).toBeCloseTo(Math.min(...all), 9);
        }
    });

    it("has a neighbour along each axis where there is one, as near as can be, which leads back", () => {
        for (const unit of units) {
            const here = middle(unit);
            indices.forEach((index, axis) => {
                for (const by of [1, -1]) {
                    const found = neighbour(grid, unit, axis, by);
                    const there = middle(found);
                    expect(found.filter((place, i) => i !== index && place !== unit[i])).toEqual([]);
                    const ahead = units
                        .filter((other) => other.every((place, i) => i === index || place === unit[i]))
                        .map(middle)
                        .filter((to) => ((to[axis] as number) - (here[axis] as number)) * by > 0);
                    if (here.includes(NaN) || !ahead.length) {
                        if (indices.filter((other) => other === index).length > 1)
                            expect(found).toEqual(unit);
                        continue;
                    }
                    const cost = (to: number[]) =>
                        to.reduce((sum, at, i) => {
                            const far = Math.abs(at - (here[i] as number));
                            return sum + (i === axis ? far : far * 1000);
                        }, 0);
                    expect(cost(there)).toBe(Math.min(...ahead.map(cost)));
                    expect(neighbour(grid, found, axis, -by)).toEqual(unit); // in the same channel, too
                }
            });
        }
    });

    it("goes as many steps as it is told", () => {
        const unit = nearestUnit(
            grid,
            extents.map(() => 0),
        );
        extents.forEach((_, axis) => {
            const twice = neighbour(grid, neighbour(grid, unit, axis, 1), axis, 1);
            expect(neighbour(grid, unit, axis, 2)).toEqual(twice);
        });
    });

    it("has a middle", () => {
        const found = middleUnit(grid);
        expect(units).toContainEqual(found);
        expect(middle(found)).not.toContain(NaN);
    });
});

describe("a unit is called", () => {
    const sized = (each: Case) =>
        ({
            fields: fieldsOf(each),
            analysis: { layers: [{ name: "layer" } as Row] },
        }) as Partial<Sized> as Sized;
    it.each([
        [0, [1, 2], "layer, unit (1, 2) of 2x3"],
        [1, [5], "layer, unit 5 of 24"],
        [4, [2, 5], "layer, unit (2, 5) of 3x6"],
    ])("%s, %j: %s", (which, unit, said) => {
        expect(unitName(sized(CASES[which] as Case), 0, unit)).toBe(said);
    });
});
