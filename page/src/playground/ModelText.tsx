import { useEffect, useRef } from "preact/hooks";

import type { Bench } from "./bench";
import type { Schema } from "./complete";
import { edit } from "./editor";
import { placeOf } from "./place";

/** Where there is room for it beside the report, the text is open at first. */
const wide = matchMedia("(min-width: 1001px)").matches;

let schema: Schema | null = null;

/** The text of the model, to edit. */
export function ModelText({ bench }: { bench: Bench }) {
    const place = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const editor = edit({
            parent: place.current as HTMLDivElement,
            text: bench.text.peek(),
            schema: () => schema,
            onChange: (text) => bench.typed(text),
        });
        bench.editor = editor;
        void loadSchema();
        return () => {
            bench.editor = null;
            editor.destroy();
        };
    }, [bench]);
    const failure = bench.failure.value;
    useEffect(() => {
        bench.editor?.mark(
            failure && placeOf(bench.text.peek(), failure.where, failure.message),
            failure?.message ?? "",
        );
    }, [bench, failure]);
    return (
        <details class="source" open={wide}>
            <summary>The model as text</summary>
            <div class="text" data-testid="editor" ref={place} />
        </details>
    );
}

async function loadSchema(): Promise<void> {
    if (schema) return;
    const response = await fetch("rfcalc-1.schema.json");
    if (response.ok) schema = (await response.json()) as Schema;
}
