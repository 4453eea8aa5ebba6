import { describe, expect, it } from "vitest";

import { answerOf, changesOf, sightOf } from "../src/playground/changes";
import type { Report } from "../src/report";

// what rfcalc compare says of docs/models/pooling.json, and of docs/models/plain.json
const POOLING = {
    field_layer: "conv3",
    field: [18, 18],
    coverage: 0.41326530612244905,
    stride: [4, 4],
    last_map: [null, 3, 3, 128],
    dense_layer: "classes",
    dense_inputs: 1152,
    params: 104202,
    macs: 3100032,
    memory: 154792,
};
const PLAIN = {
    ...POOLING,
    field: [7, 7],
    coverage: 0.0625,
    stride: [1, 1],
    last_map: [null, 22, 22, 128],
    dense_inputs: 61952,
    params: 712202,
    macs: 47115392,
    memory: 729640,
};

function report(bill: object, answer: string[] = [], extents: (number | null)[] = [28, 28]): Report {
    return {
        models: [{ sizes: [{ extents }] }],
        comparison: { entries: [{ bill }, { bill: {} }], answer },
    } as unknown as Report;
}

describe("what a change did", () => {
    it("is told in the figures that differ", () => {
        expect(
            changesOf(report(POOLING), report(PLAIN)).map(({ what, before, now }) => [what, before, now]),
        ).toEqual([
            ["a unit of conv3 sees", "18x18 (41%)", "7x7 (6%)"],
            ["stride: pixels between its units", "4x4", "1x1"],
            ["last map", "3x3x128", "22x22x128"],
            ["inputs of the classifier", "1,152", "61,952"],
            ["parameters", "104,202", "712,202"],
            ["multiply-accumulates", "3.10 M", "47.1 M"],
            ["activation memory", "155 kB", "730 kB"],
        ]);
    });

    it("is nothing where nothing differs, or nothing is known", () => {
        expect(changesOf(report(PLAIN), report({ ...PLAIN }))).toEqual([]);
        expect(changesOf(report(PLAIN), { comparison: null } as unknown as Report)).toEqual([]);
    });

    it("names both layers where another one is the last", () => {
        const other = { ...PLAIN, field_layer: "c", dense_layer: null, dense_inputs: null };
        expect(changesOf(report(PLAIN), report(other))).toEqual([
            {
                what: "a unit of the last map sees",
                main: true,
                before: "conv3: 7x7 (6%)",
                now: "c: 7x7 (6%)",
            },
            { what: "inputs of the classifier", main: true, before: "61,952", now: "none" },
        ]);
    });
});

describe("what rfcalc says of a model", () => {
    it("are the sentences of its comparison", () => {
        expect(answerOf(report(POOLING, ["One.", "Two."]))).toEqual(["One.", "Two."]);
        expect(answerOf({ comparison: null } as unknown as Report)).toEqual([]);
    });
});

describe("the sketch of a field", () => {
    it("shows what a unit saw and sees, which may be all", () => {
        const all = { ...PLAIN, field: [null, 40] };
        expect(sightOf(report(POOLING), report(all))).toEqual({
            input: [28, 28],
            before: [18, 18],
            now: [28, 28],
        });
    });

    it("shows the last two of three axes, and the only one", () => {
        const video = report({ ...PLAIN, field: [3, 7, 9] }, [], [16, 64, 32]);
        expect(sightOf(video, video)?.now).toEqual([7, 9]);
        const sound = report({ ...PLAIN, field: [30] }, [], [100]);
        expect(sightOf(sound, sound)).toEqual({ input: [100], before: [30], now: [30] });
    });

    it("is not there where something is not known", () => {
        expect(sightOf(report(PLAIN), report(PLAIN, [], [null, 28]))).toBeNull();
        expect(sightOf(report(PLAIN), report({ ...PLAIN, field: null }))).toBeNull();
    });
});
