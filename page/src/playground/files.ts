// A file that was dropped or chosen: whether it is taken as text, handed to rfcalc as it is, or refused, and why.

export type Taken = { text: string } | { bytes: Uint8Array } | { refused: string };

/** Bytes of a file that a page can hold beside Python's memory. */
export const LARGEST = 256_000_000;

/** Characters of a model that are shown in the editor. */
const LONGEST_TEXT = 500_000;

const ONNX =
    "ONNX files need the package onnx, which does not run here. On your machine: pip install 'rfcalc[onnx]', then " +
    "rfcalc report model.onnx --output report.html";
const YAML =
    "YAML needs a package that does not run here. On your machine: pip install 'rfcalc[yaml]', then rfcalc report " +
    "model.yaml --output report.html";
const CODE =
    "Python code is not run here. On your machine: rfcalc report package.module:factory --output report.html";

const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
    [/\.onnx$/i, ONNX],
    [/\.ya?ml$/i, YAML],
    [/\.py$/i, CODE],
];

export async function taken(file: Pick<File, "name" | "size" | "arrayBuffer">): Promise<Taken> {
    const refused = ELSEWHERE.find(([name]) => name.test(file.name))?.[1];
    if (refused) return { refused };
    if (file.size > LARGEST) {
        const size = `${Math.round(file.size / 1e6).toLocaleString("en-GB")} MB`;
        return {
            refused: `${file.name} has ${size}, too much for a page; rfcalc report on your machine takes it`,
        };
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = native(bytes);
    return text === null ? { bytes } : { text };
}

/** The text of a model in rfcalc's own format, that is JSON with the key "rfcalc" and a length that can be edited. */
function native(bytes: Uint8Array): string | null {
    if (bytes.length > LONGEST_TEXT) return null;
    try {
        const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
        const known: unknown = JSON.parse(text);
        return typeof known === "object" && known !== null && "rfcalc" in known ? text : null;
    } catch {
        return null; // not JSON: rfcalc says what it is
    }
}
