import { describe, expect, it } from "vitest";

import { answerOf, changesOf } from "../src/playground/changes";
import type { Report } from "../src/report";

// what rfcalc compare says of docs/models/pooling.json, and of docs/models/plain.json
const POOLING = {
    field_layer: "conv3",
    field: [18, 18],
    coverage: 0.41326530612244905,
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
    last_map: [null, 22, 22, 128],
    dense_inputs: 61952,
    params: 712202,
    macs: 47115392,
    memory: 729640,
};

function report(bill: object, answer: string[] = []): Report {
    return { comparison: { entries: [{ bill }, { bill: {} }], answer } } as unknown as Report;
}

describe("what a change did", () => {
    it("is told in the figures that differ", () => {
        expect(
            changesOf(report(POOLING), report(PLAIN)).map(({ what, before, now }) => [what, before, now]),
        ).toEqual([
            ["what a unit of conv3 sees", "18x18 (41%)", "7x7 (6%)"],
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
            { what: "what a unit of the last map sees", before: "conv3: 7x7 (6%)", now: "c: 7x7 (6%)" },
            { what: "inputs of the classifier", before: "61,952", now: "none" },
        ]);
    });
});

describe("what rfcalc says of a model", () => {
    it("are the sentences of its comparison", () => {
        expect(answerOf(report(POOLING, ["One.", "Two."]))).toEqual(["One.", "Two."]);
        expect(answerOf({ comparison: null } as unknown as Report)).toEqual([]);
    });
});
