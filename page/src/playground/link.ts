// A model in an address: its text, deflated, in letters that an address may hold.

/** Characters of a model that a link opens: more would be a trap for the reader's memory. */
export const LONGEST = 2_000_000;

/** Characters of an address, up to which most programs hand it on whole. */
export const COMMON = 2_000;

const LETTERS = /^[A-Za-z0-9_-]+$/;

export async function packed(text: string): Promise<string> {
    const bytes = await through(
        new CompressionStream("deflate-raw"),
        new TextEncoder().encode(text),
        Infinity,
    );
    let signs = "";
    for (const byte of bytes) signs += String.fromCharCode(byte);
    return btoa(signs).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The model of a link; an error where it is none, or was cut off. */
export async function unpacked(letters: string): Promise<string> {
    if (!LETTERS.test(letters)) throw new Error("not a model");
    const signs = atob(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(signs, (sign) => sign.charCodeAt(0));
    const text = await through(new DecompressionStream("deflate-raw"), bytes, LONGEST);
    return new TextDecoder("utf-8", { fatal: true }).decode(text);
}

async function through(stream: GenericTransformStream, bytes: Uint8Array, most: number): Promise<Uint8Array> {
    const pair = stream as ReadableWritablePair<Uint8Array, BufferSource>;
    const reader = new Blob([bytes as BlobPart]).stream().pipeThrough(pair).getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        length += value.length;
        if (length > most) {
            await reader.cancel();
            throw new Error("too large");
        }
    }
    return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

export type Asked = { example: string } | { text: string } | { broken: string } | null;

/** What an address asks for: ?model=pooling an example, #model=... the model that it holds. */
export async function askedFor(search: string, hash: string, examples: readonly string[]): Promise<Asked> {
    const letters = /^#model=(.*)$/.exec(hash)?.[1];
    if (letters !== undefined) {
        try {
            return { text: await unpacked(letters) };
        } catch {
            return {
                broken: "This link holds no model that can be read; it may have been cut off on its way.",
            };
        }
    }
    const example = new URLSearchParams(search).get("model");
    if (example === null) return null;
    return examples.includes(example)
        ? { example }
        : { broken: `There is no example called ${example.slice(0, 60)}.` };
}
