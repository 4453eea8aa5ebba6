// The worker in which rfcalc runs, on Pyodide. It answers one question after the other; of those that wait only the newest.
import { type PyodideAPI, loadPyodide } from "pyodide";
import { info } from "pyodide/pyodide-lock.json";

import bridge from "./bridge.py?raw";
import type { Answer, Question, Said } from "./messages";

type Ask = (content: Uint8Array, name: string) => string;

const base = new URL("../", self.location.href); // the worker lies in assets/
const began = performance.now();
const program = fetched("rfcalc.zip");
const memory = unpacked("snapshot.bin");
const started = start();
const PAGE = 1 << 16; // bytes in which WebAssembly counts memory
let waiting: Question | null = null;

self.addEventListener("message", (event: MessageEvent<Question>) => {
    waiting = event.data;
    void started.then(() => setTimeout(next)); // messages that came while Python was busy come first
});
started.then(
    () => say({ kind: "ready", took: performance.now() - began }),
    (error: unknown) =>
        say({ kind: "lost", message: error instanceof Error ? error.message : String(error) }),
);

function say(what: Said): void {
    self.postMessage(what);
}

/**
 * The bytes of a file that was compressed when the page was built, since few servers would do that. Its name does not
 * say so: some servers then have the browser unpack it, and others not.
 */
async function unpacked(name: string): Promise<Uint8Array> {
    const response = await fetch(new URL(name, base));
    if (!response.ok || !response.body) throw new Error(`${name} cannot be had (${response.status})`);
    const bytes = response.body.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(bytes).arrayBuffer());
}

async function fetched(name: string): Promise<Uint8Array> {
    const response = await fetch(new URL(name, base));
    if (!response.ok) throw new Error(`${name} cannot be had (${response.status})`);
    return new Uint8Array(await response.arrayBuffer());
}

interface Started {
    python: PyodideAPI;
    ask: Ask;
}

/** Python with rfcalc: as it was once it had answered, or else from its beginning. */
async function start(): Promise<Started> {
    try {
        return await begun(await memory);
    } catch (error) {
        console.warn(
            `The snapshot is of no use here, so that rfcalc starts from its beginning: ${last(error)}`,
        );
        return begun();
    }
}

async function begun(snapshot?: Uint8Array): Promise<Started> {
    const python = await loadPyodide({
        indexURL: new URL("pyodide/", base).href,
        packageBaseUrl: new URL("pyodide/", base).href,
        lockFileContents: JSON.stringify({ info, packages: {} }), // those of Pyodide's distribution are never asked for
        env: { HOME: "/home" },
        ...(snapshot && { _loadSnapshot: snapshot, createPyodideModule: roomFor(snapshot.length) }),
    });
    python.FS.writeFile("/rfcalc.zip", await program);
    if (snapshot) {
        python.FS.mkdirTree("/models");
        python.FS.chdir("/models");
    } else {
        python.runPython('import sys; sys.path.insert(0, "/rfcalc.zip")');
        python.runPython(bridge);
    }
    return { python, ask: python.globals.get("answer") as Ask };
}

type Create = NonNullable<NonNullable<Parameters<typeof loadPyodide>[0]>["createPyodideModule"]>;

/** Pyodide's module with as much memory as a snapshot takes: it is put in as it is, and would not fit else. */
function roomFor(size: number): Create {
    return async (settings) => {
        // eslint-disable-next-line no-restricted-syntax -- it lies beside the page, as it came
        const { default: create } = (await import(
            /* @vite-ignore */ new URL("pyodide/pyodide.asm.mjs", base).href
        )) as { default: Create };
        const { instantiateWasm } = settings;
        const grown: typeof instantiateWasm = (imports, done) =>
            instantiateWasm?.(imports, (instance, module) => {
                const memory = instance.exports.memory as WebAssembly.Memory;
                const missing = size - memory.buffer.byteLength;
                if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
                done(instance, module);
            });
        return create(Object.assign(settings, { instantiateWasm: grown }));
    };
}

async function next(): Promise<void> {
    const question = waiting;
    if (!question) return;
    waiting = null;
    const from = performance.now();
    const answer = await answered(question);
    say({ kind: "answer", id: question.id, took: performance.now() - from, answer });
}

/** The answer as JSON: the page parses it, which is quicker than a copy of what was parsed here. */
async function answered({ content, name }: Question): Promise<string> {
    const { python, ask } = await started;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    try {
        try {
            return ask(bytes, name);
        } catch (error) {
            if (!String(error).includes("networkx")) throw error;
        }
        python.FS.writeFile("/networkx.zip", await fetched("networkx.zip"));
        python.runPython('sys.path.append("/networkx.zip")');
        return ask(bytes, name);
    } catch (error) {
        const answer: Answer = { error: { where: null, message: last(error) } };
        return JSON.stringify(answer);
    }
}

/** The last line of a traceback. */
function last(error: unknown): string {
    const lines = String(error instanceof Error ? error.message : error)
        .trim()
        .split("\n");
    return (lines.at(-1) ?? "").slice(0, 500);
}
