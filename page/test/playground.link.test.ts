import { describe, expect, it } from "vitest";

import { LONGEST, askedFor, packed, unpacked } from "../src/playground/link";

const MODEL = '{"rfcalc": 1, "name": "größer 😀", "input": [28, 28, 1], "layers": ["relu"]}\n';

describe("a link", () => {
    it.each([
        ["a model", MODEL],
        ["nothing", ""],
        ["much", "x".repeat(300_000)],
    ])("gives back %s", async (_, text) => {
        const letters = await packed(text);
        expect(letters).toMatch(/^[A-Za-z0-9_-]*$/);
        expect(await unpacked(letters)).toBe(text);
    });

    it("that was cut off is no model", async () => {
        const letters = await packed(MODEL);
        await expect(unpacked(letters.slice(0, letters.length / 2))).rejects.toThrow();
        await expect(unpacked("%%%")).rejects.toThrow();
        await expect(unpacked("")).rejects.toThrow();
    });

    it("opens no more than a page can hold", async () => {
        await expect(unpacked(await packed("x".repeat(LONGEST + 1)))).rejects.toThrow("too large");
    });
});

describe("an address", () => {
    const examples = ["pooling", "plain"];
    it.each([
        ["", "", null],
        ["?model=plain", "", { example: "plain" }],
        ["?other=1", "#elsewhere", null],
    ])("%s%s asks for %o", async (search, hash, asked) => {
        expect(await askedFor(search, hash, examples)).toEqual(asked);
    });

    it("holds a model", async () => {
        expect(await askedFor("?model=plain", `#model=${await packed(MODEL)}`, examples)).toEqual({
            text: MODEL,
        });
    });

    it.each([
        ["", "#model=AAAA", "cut off"],
        ["?model=<b>", "", "no example called <b>"],
    ])("%s%s says what is wrong with it", async (search, hash, said) => {
        expect(await askedFor(search, hash, examples)).toEqual({
            broken: expect.stringContaining(said) as string,
        });
    });
});
