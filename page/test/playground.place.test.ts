import { describe, expect, it } from "vitest";

import { layerNamed, pathOf, placeOf } from "../src/playground/place";

const TEXT = `{"rfcalc": 1, "input": [28, 28, 1],
  "blocks": {"a b": {"layers": [{"kind": "cov", "name": "inner"}]}},
  "layers": [
    {"kind": "conv", "name": "conv1", "filters": 32, "kernal": 3},
    "relu", {"kind": "relu"},
    {"block": "a b", "name": "body", "repeat": 2},
    {"kind": "add", "inputs": ["conv1", "q"], "repeat": 2}
  ]}`;

const marked = (where: string | null, message = "") => {
    const range = placeOf(TEXT, where, message);
    return range && TEXT.slice(range.from, range.to);
};

describe("the place of an error", () => {
    it.each([
        ["layers[0].kernal", '"kernal"', "conv has no such key; did you mean 'kernel'?"],
        ["layers[0].kernal", "3", "must be an integer"],
        ["layers[0].name", '"conv1"'],
        ["layers[3].inputs[1]", null],
        ["layers[4].inputs[1]", '"q"'],
        ["layers[1]", '"relu"'],
        ["layers[1].kind", '"relu"'], // an entry that is only its kind
        ["blocks['a b'].layers[0].kind", '"cov"'],
        ["line 1, column 2", '"'],
        ["line 2, column 3", '"'],
        ["layer 'conv1'", '{"kind": "conv", "name": "conv1", "filters": 32, "kernal": 3}'],
        ["layer 'relu_2'", '{"kind": "relu"}'],
        ["layer 'body/1/inner'", '{"kind": "cov", "name": "inner"}'],
        ["layer 'elsewhere'", null],
        ["layers[99].kind", null],
        [null, null],
    ])("%s marks %s", (where, text, message = "") => {
        const whole = where === "layers[99].kind" || where === "layers[3].inputs[1]";
        if (whole)
            expect(marked(where)?.length).toBeGreaterThan(20); // the innermost around it that is there
        else expect(marked(where, message)).toBe(text);
    });

    it("is the last character where the text ends too early", () => {
        const cut = '{"rfcalc": 1,\n "layers": [\n';
        expect(placeOf(cut, "line 3, column 1")).toEqual({ from: cut.length - 2, to: cut.length - 1 });
    });

    it("is counted in characters, of which some take two places", () => {
        const text = '{"😀😀": x}';
        const range = placeOf(text, "line 1, column 7");
        expect(range && text.slice(range.from, range.to)).toBe(" ");
    });

    it("is the second of two keys that are the same", () => {
        const text = '{"a": {"b": 1, "c": 2, "b": 3}}';
        expect(placeOf(text, null, "the key 'b' stands twice in one object")).toEqual({ from: 23, to: 26 });
    });

    it("is read from the path that rfcalc writes", () => {
        expect(pathOf(`blocks["it's"].layers[0].kind`)).toEqual(["blocks", "it's", "layers", 0, "kind"]);
        expect(pathOf("parameters.n")).toEqual(["parameters", "n"]);
    });
});

describe("names of layers", () => {
    it("are not found where there is nothing", () => {
        expect(layerNamed({ type: "object", offset: 0, length: 2, children: [] }, "conv")).toBeNull();
    });
});
