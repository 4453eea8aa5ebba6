// Looked up in runs, and the other way round, against the positions themselves.
import { describe, expect, it } from "vitest";

import {
    countOf,
    has,
    middleOf,
    nearest,
    readOf,
    resampled,
    stretches,
    tapsOf,
    unitsReading,
    weightAxesOf,
    weightsOf,
} from "../src/model/units";
import { gridOf } from "../src/model/grid";
import type { Axis, Fields, Run, Sized } from "../src/report";
import { type Reads, type Step, behind, modelOf } from "./sample";

const step = (kernel: number, stride = 1, padding = 0, dilation = 1): Step => ({
    name: `k${kernel}s${stride}p${padding}d${dilation}`,
    kind: "conv",
    kernel,
    stride,
    padding,
    dilation,
    channels: 4,
});

const CHAINS: [name: string, extent: number, steps: Step[]][] = [
    ["convolutions and poolings", 28, [step(3), step(2, 2), step(3), step(2, 2), step(3)]],
    ["padding", 9, [step(3, 1, 1), step(5, 2, 2), step(3, 1, 1)]],
    ["dilation, which leaves holes", 40, [step(3, 1, 2, 2), step(3, 1, 4, 4)]],
    ["holes at strides", 61, [step(3, 2, 1), step(3, 1, 3, 3), step(3, 2, 2, 2)]],
    ["a stride that leaves positions out", 20, [step(1, 3), step(2, 2)]],
    ["a field beyond the input", 6, [step(5, 1, 2), step(5, 1, 2), step(5, 1, 2)]],
];

function tried(extent: number, steps: Step[]): { fields: Fields; reads: Reads[] } {
    const sized = modelOf({ extents: [extent], steps }).sizes[0] as Sized;
    let reads: Reads = Array.from({ length: extent }, (_, at) => [at]);
    const all = [reads];
    for (const each of steps) all.push((reads = behind(reads, each)));
    return { fields: sized.fields as Fields, reads: all };
}

const axisOf = (fields: Fields, row: number) => gridOf(fields, row)?.axes[0] as Axis;

function positions(fields: Fields, axis: Axis, unit: number): number[] {
    return stretches(fields, readOf(axis, unit)).flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
}

describe.each(CHAINS)("%s", (_, extent, steps) => {
    const { fields, reads } = tried(extent, steps);

    it("gives each unit the positions that it reads", () => {
        reads.forEach((units, row) => {
            const axis = axisOf(fields, row);
            expect(axis.extent).toBe(units.length);
            units.forEach((read, unit) => {
                expect(positions(fields, axis, unit)).toEqual(read);
                expect(tapsOf(fields, readOf(axis, unit))).toBe(read.length);
            });
        });
    });

    it("gives each position the units that read it", () => {
        reads.forEach((units, row) => {
            const axis = axisOf(fields, row);
            for (let position = -1; position <= extent; position++) {
                const wanted = units.flatMap((read, unit) => (read.includes(position) ? [unit] : []));
                const found = unitsReading(fields, axis, position);
                expect(countOf(found)).toBe(wanted.length);
                expect(units.flatMap((_, unit) => (has(found, unit) ? [unit] : []))).toEqual(wanted);
            }
        });
    });

    it("finds the unit whose field has its middle nearest to a place", () => {
        reads.forEach((units, row) => {
            const axis = axisOf(fields, row);
            for (let place = -2; place < extent + 2; place += 0.5) {
                const away = (unit: number) => Math.abs(middleOf(axis, unit) - place);
                const best = Math.min(...units.map((_, unit) => away(unit)));
                expect(away(nearest(axis, place))).toBe(best);
            }
        });
    });

    it("weighs what is read and nothing else", () => {
        reads.forEach((units, row) => {
            const [axis] = weightAxesOf(fields.weights, row) as [
                NonNullable<ReturnType<typeof weightAxesOf>>[number],
            ];
            units.forEach((read, unit) => {
                const weight = weightsOf(fields.weights, axis, unit);
                const weighed = [...(weight?.bytes ?? [])].flatMap((byte, i) =>
                    byte ? [(weight?.first ?? 0) + i] : [],
                );
                expect(weighed).toEqual(read);
            });
        });
    });
});

describe("runs of several phases", () => {
    // as behind upsampling: units two by two read the same, from a place that moves by 3 forwards or backwards
    const RUNS: Run[][] = [
        [[7, 3, 3, [0, 2, -1], [0, 4, -1]]],
        [[6, -2, -2, [20, 22, -1], [19, 21, 0]]],
        [
            [3, 0, 1, [0, 1, -1]],
            [4, 2, 2, [1, 6, 0], [2, 7, -1]],
            [2, 1, 0, [9, 11, -1]],
        ],
        [[5, 0, 0, [3, 9, 0]]],
        [[4, 1, 0, [8, 9, -1]]],
    ];

    it.each(RUNS.map((runs) => [runs]))("%j", (runs) => {
        const extent = runs.reduce((sum, run) => sum + run[0], 0);
        const axis: Axis = { extent, exact: true, runs, window: null };
        const fields = { taps: [[1, 1, 1]] } as Partial<Fields> as Fields;
        // spelled out as the contract says it
        const wanted = runs.flatMap((run) => {
            const spans = run.slice(3) as unknown as [number, number, number][];
            return Array.from({ length: run[0] }, (_, k) => {
                const [first, last, holes] = spans[k % spans.length] as [number, number, number];
                const n = Math.floor(k / spans.length);
                const read: number[] = [];
                for (let at = first + n * run[1]; at <= last + n * run[2]; at++) {
                    const offset = at - (first + n * run[1]);
                    if (holes < 0 || offset === 0 || offset === 2) read.push(at);
                }
                return read;
            });
        });
        wanted.forEach((read, unit) => expect(positions(fields, axis, unit)).toEqual(read));
        for (let position = -3; position < 30; position++) {
            const found = unitsReading(fields, axis, position);
            const units = wanted.flatMap((read, unit) => (read.includes(position) ? [unit] : []));
            expect(wanted.flatMap((_, unit) => (has(found, unit) ? [unit] : []))).toEqual(units);
            expect(countOf(found)).toBe(units.length);
        }
    });
});

describe("weights on fewer cells than positions", () => {
    it.each([1, 3, 7, 10, 25])("keeps the largest of each of %i cells", (count) => {
        const bytes = Uint8Array.from({ length: 25 }, (_, i) => (i * 37) % 256);
        const found = resampled({ first: 5, bytes }, 5, 29, count);
        const wanted = Array.from({ length: count }, (_, cell) =>
            Math.max(
                ...[...bytes].filter((_, i) => (i * count) / 25 < cell + 1 && ((i + 1) * count) / 25 > cell),
            ),
        );
        expect([...found]).toEqual(wanted);
    });
});
