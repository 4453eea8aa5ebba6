import { describe, expect, it } from "vitest";

import { LARGEST, taken } from "../src/playground/files";

function file(name: string, text: string, size = text.length) {
    const bytes = new TextEncoder().encode(text);
    return { name, size, arrayBuffer: () => Promise.resolve(bytes.buffer as ArrayBuffer) };
}

describe("a file", () => {
    it.each(["model.json", "model.txt"])(
        "in rfcalc's own format is edited, whatever it is called: %s",
        async (name) => {
            const text = '{"rfcalc": 1, "layers": []}';
            expect(await taken(file(name, text))).toEqual({ text });
        },
    );

    it.each([
        ["keras.json", '{"class_name": "Sequential"}'],
        ["model.keras", "PK\u0003\u0004"],
        ["cut.json", '{"rfcalc": 1, '],
        ["list.json", "[1]"],
        ["long.json", `{"rfcalc": 1, "description": "${"x".repeat(600_000)}"}`],
    ])("else is handed to rfcalc as it is: %s", async (name, text) => {
        const got = await taken(file(name, text));
        expect("bytes" in got && new TextDecoder().decode(got.bytes) === text).toBe(true);
    });

    it.each([
        ["model.onnx", "rfcalc[onnx]"],
        ["MODEL.ONNX", "rfcalc[onnx]"],
        ["model.yaml", "rfcalc[yaml]"],
        ["model.py", "package.module:factory"],
    ])("that needs what does not run here is refused with what to do: %s", async (name, said) => {
        expect(await taken(file(name, ""))).toEqual({ refused: expect.stringContaining(said) as string });
    });

    it("that is too large is refused before it is read", async () => {
        const large = {
            ...file("model.keras", "", LARGEST + 1),
            arrayBuffer: () => Promise.reject(new Error()),
        };
        expect(await taken(large)).toEqual({ refused: expect.stringContaining("256 MB") as string });
    });
});
