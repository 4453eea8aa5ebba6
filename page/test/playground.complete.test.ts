import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { type Schema, saidAt, suggestionsAt } from "../src/playground/complete";

const SCHEMA = JSON.parse(readFileSync("../docs/schema/rfcalc-1.schema.json", "utf8")) as Schema;

/** What is suggested where a bar stands. */
function at(text: string): string[] {
    const offset = text.indexOf("|");
    return suggestionsAt(SCHEMA, text.replace("|", ""), offset)?.options.map((each) => each.label) ?? [];
}

const HEAD = '{"rfcalc": 1, "input": [28, 28, 1], ';

describe("completion", () => {
    it("knows the keys of a model, but those that are there", () => {
        const keys = at('{"rfcalc": 1, "|"}');
        expect(keys).toEqual(expect.arrayContaining(["input", "layers", "blocks", "parameters"]));
        expect(keys).not.toContain("rfcalc");
    });

    it("asks first for the kind of a layer", () => {
        const keys = at(`${HEAD}"layers": [{"|"}]}`);
        expect(keys).toEqual(expect.arrayContaining(["kind", "block", "repeat", "name"]));
        expect(keys).not.toContain("kernel");
    });

    it("knows the settings of a kind", () => {
        const keys = at(`${HEAD}"layers": [{"kind": "conv", "kernel": 3, "|"}]}`);
        expect(keys).toEqual(expect.arrayContaining(["filters", "stride", "dilation", "padding"]));
        expect(keys).not.toContain("kernel");
        expect(keys).not.toContain("units");
        expect(keys[0]).toBe("filters"); // it has to be there
        expect(keys.indexOf("stride")).toBeLessThan(keys.indexOf("inputs")); // those of any layer come last
    });

    it("knows the kinds, whatever is written there already", () => {
        for (const typed of ["", "co", "conv"])
            expect(at(`${HEAD}"layers": [{"kind": "${typed}|"}]}`)).toEqual(
                expect.arrayContaining(["conv", "max_pool", "linear"]),
            );
    });

    it("knows the values of a setting", () => {
        expect(at(`${HEAD}"layers": [{"kind": "conv", "padding": "|"}]}`)).toEqual([
            "valid",
            "same",
            "same_lower",
            "causal",
        ]);
        expect(at(`${HEAD}"layers": [{"kind": "conv", "bias": |}]}`)).toEqual(["true", "false"]);
    });

    it("knows the names of layers and of blocks", () => {
        const text = `${HEAD}"blocks": {"unit": {"layers": ["relu"]}}, "layers": [{"kind": "conv", "name": "first"}, `;
        expect(at(`${text}{"kind": "add", "inputs": ["|"]}]}`)).toEqual(["first", "input"]);
        expect(at(`${text}{"block": "|"}]}`)).toEqual(["unit"]);
    });

    it("replaces what is written, quotes and all, and gives a colon where there is none", () => {
        const text = `${HEAD}"layers": [{"kind": "conv", "ker"}]}`;
        const found = suggestionsAt(SCHEMA, text, text.indexOf('"ker"') + 4);
        expect(found && text.slice(found.from, found.to)).toBe('"ker"');
        expect(found?.options.find((each) => each.label === "kernel")?.insert).toBe('"kernel": ');
        const named = `${HEAD}"layers": [{"kind": "conv", "ker": 3}]}`;
        const other = suggestionsAt(SCHEMA, named, named.indexOf('"ker"') + 4);
        expect(other?.options.find((each) => each.label === "kernel")?.insert).toBe('"kernel"');
    });

    it("says what a key means", () => {
        const text = `${HEAD}"layers": [{"kind": "conv", "stride": 1}]}`;
        expect(saidAt(SCHEMA, text, text.indexOf("stride"))?.said).toBe(
            "step between windows, in input elements [1]",
        );
        expect(saidAt(SCHEMA, text, text.indexOf("conv") + 1)?.said).toMatch(/^Convolution/);
    });
});
