import { describe, expect, it } from "vitest";

import {
    type Edit,
    type Switches,
    edits,
    parametersOf,
    switchesOf,
    toggled,
} from "../src/playground/switches";

const TEXT = `{"rfcalc": 1, "name": "pooling", "input": [28, 28, 1], "layers": [
  {"kind": "conv", "name": "conv1", "filters": 32, "kernel": 3},
  {"kind": "max_pool", "name": "pool1", "kernel": 2},
  {"kind": "conv", "filters": 64, "kernel": [3, 3], "stride": [1, 2], "dilation": "2 ** index"},
  {"kind": "avgpool2d", "name": "pool2", "kernel": 3, "stride": 2, "repeat": 0},
  {"repeat": 2, "name": "body", "layers": [{"kind": "depthwise_conv", "name": "deep", "kernel": 13}]},
  {"kind": "gap"}, "relu"
]}`;

function changed(text: string, changes: Edit[]): string {
    return [...changes]
        .sort((one, other) => other.from - one.from)
        .reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);
}

describe("the switches of a model", () => {
    const found = switchesOf(TEXT) ?? [];

    it("are those of its convolutions and poolings", () => {
        expect(found.map(({ name, kind, on }) => [name, kind, on])).toEqual([
            ["conv1", "conv", null],
            ["pool1", "max_pool", true],
            ["conv", "conv", null],
            ["pool2", "avgpool2d", false],
            ["body/deep", "depthwise_conv", null],
        ]);
    });

    it.each([
        [0, "kernel", 3, "3", 11],
        [0, "stride", 1, "", 4],
        [0, "dilation", 1, "", 8],
        [1, "stride", 2, "", 4], // by default the window length
        [2, "kernel", 3, "[3, 3]", 11],
        [2, "stride", null, "[1, 2]", 4],
        [2, "dilation", null, '"2 ** index"', 8],
        [3, "stride", 2, "2", 4],
        [4, "kernel", 13, "13", 13], // a slider reaches what is there
    ])("number %i has %s at %s", (index, key, value, written, most) => {
        expect(found[index]?.settings.find((each) => each.key === key)).toEqual({
            key,
            value,
            written,
            most,
        });
    });

    it("are none of a text that is no JSON, or no model", () => {
        expect(switchesOf("{")).toBeNull();
        expect(switchesOf('{"layers": 3}')).toEqual([]);
        expect(switchesOf("[1, 2]")).toEqual([]);
        expect(parametersOf("{")).toEqual([]);
    });

    it("of blocks say which block", () => {
        const text =
            '{"blocks": {"unit": {"layers": [{"kind": "conv", "name": "c", "kernel": 1}]}}, "layers": []}';
        expect(switchesOf(text)).toMatchObject([{ name: "unit/c", path: ["blocks", "unit", "layers", 0] }]);
    });
});

describe("what a switch changes", () => {
    it("takes a pooling out, and puts it back as it was", () => {
        const [, pool1] = switchesOf(TEXT) as [Switches, Switches];
        const without = changed(TEXT, toggled(TEXT, pool1));
        expect(without).toContain('{"kind": "max_pool", "name": "pool1", "kernel": 2, "repeat": 0},\n');
        const [, off] = switchesOf(without) as [Switches, Switches];
        expect(off.on).toBe(false);
        expect(changed(without, toggled(without, off))).toBe(TEXT);
    });

    it("is one number", () => {
        expect(changed(TEXT, edits(TEXT, ["layers", 0, "kernel"], 5))).toBe(
            TEXT.replace('"kernel": 3}', '"kernel": 5}'),
        );
        expect(changed(TEXT, edits(TEXT, ["layers", 2, "kernel"], 5))).toContain(
            '"filters": 64, "kernel": 5, ',
        );
        expect(changed(TEXT, edits(TEXT, ["layers", 0, "stride"], 2))).toContain('"kernel": 3, "stride": 2}');
    });

    it.each(["kernel", "stride", "dilation"] as const)("is read again as it was set: %s", (key) => {
        for (const [index, each] of (switchesOf(TEXT) ?? []).entries()) {
            const text = changed(TEXT, edits(TEXT, [...each.path, key], 4));
            expect(JSON.parse(text)).toBeTruthy();
            expect(switchesOf(text)?.[index]?.settings.find((one) => one.key === key)?.value).toBe(4);
        }
    });
});

describe("the parameters of a model", () => {
    it("are its named numbers", () => {
        expect(parametersOf('{"parameters": {"n": 3, "width": 16, "even": "2 * n"}}')).toEqual([
            { name: "n", value: 3, most: 8 },
            { name: "width", value: 16, most: 32 },
        ]);
    });
});
