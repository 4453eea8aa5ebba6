// The editor of a model's text: colours, completion from the schema, and the place of an error marked.
import {
    autocompletion,
    closeBrackets,
    closeBracketsKeymap,
    completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import {
    HighlightStyle,
    bracketMatching,
    indentOnInput,
    indentUnit,
    syntaxHighlighting,
} from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { type Schema, saidAt, suggestionsAt } from "./complete";
import type { Range } from "./place";
import type { Edit } from "./switches";

const COLOURS = HighlightStyle.define([
    { tag: tags.propertyName, color: "var(--accent)" },
    { tag: tags.string, color: "var(--series-3)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--second)" },
]);

const LOOK = EditorView.theme({
    "&": { fontSize: "12.5px", color: "var(--ink)", backgroundColor: "var(--panel)", height: "100%" },
    "&.cm-focused": { outline: "none" }, // the page draws it around all of the editor
    ".cm-scroller": {
        fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
        lineHeight: "1.5",
    },
    ".cm-content": { caretColor: "var(--ink)", padding: "6px 0" },
    ".cm-cursor": { borderLeftColor: "var(--ink)" },
    ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--muted)", border: "0" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
        backgroundColor: "var(--accent-soft)",
    },
    ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
        backgroundColor: "var(--cell)",
        outline: "1px solid var(--line)",
    },
    ".cm-lintRange-error": {
        backgroundImage: "none",
        textDecoration: "underline wavy var(--second) 1.5px",
        textUnderlineOffset: "3px",
        backgroundColor: "color-mix(in srgb, var(--second) 14%, transparent)",
    },
    ".cm-tooltip": {
        backgroundColor: "var(--panel)",
        color: "var(--ink)",
        border: "1px solid var(--line)",
        borderRadius: "5px",
        maxWidth: "min(420px, 86vw)",
        fontSize: "13px",
    },
    ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "15em" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": {
        backgroundColor: "var(--accent-soft)",
        color: "var(--ink)",
    },
    ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
    ".cm-said": { padding: "4px 8px", whiteSpace: "pre-line" },
    ".cm-diagnostic-error": { borderLeftColor: "var(--second)" },
});

export interface Editor {
    text(): string;
    /** Put another text in; the reader can take it back. */
    replace(text: string): void;
    change(edits: readonly Edit[]): void;
    mark(range: Range | null, message: string): void;
    focusAt(offset: number): void;
    destroy(): void;
}

interface Options {
    parent: HTMLElement;
    text: string;
    schema: () => Schema | null; // null while it is on its way
    onChange: (text: string) => void;
}

export function edit({ parent, text, schema, onChange }: Options): Editor {
    // in a shadow, the editor's styles are style sheets made by script, which the page's policy allows: elements are not
    const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
    const view = new EditorView({
        root,
        parent: root as unknown as Element,
        state: EditorState.create({
            doc: text,
            extensions: [
                lineNumbers(),
                history(),
                drawSelection(),
                indentOnInput(),
                indentUnit.of("  "),
                bracketMatching(),
                closeBrackets(),
                json(),
                syntaxHighlighting(COLOURS),
                completion(schema),
                meaning(schema),
                keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
                EditorView.lineWrapping,
                EditorView.contentAttributes.of({
                    "aria-label": "The model, as JSON",
                    spellcheck: "false",
                    tabindex: "0",
                }),
                EditorView.updateListener.of((update) => {
                    if (update.docChanged) onChange(update.state.doc.toString());
                }),
                LOOK,
            ],
        }),
    });
    return {
        text: () => view.state.doc.toString(),
        replace: (to) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: to } }),
        change: (edits) => view.dispatch({ changes: edits as Edit[] }),
        mark(range, message) {
            const { length } = view.state.doc;
            const from = Math.min(range?.from ?? 0, length);
            const marks = range
                ? [
                      {
                          from,
                          to: Math.min(Math.max(range.to, from), length),
                          severity: "error" as const,
                          message,
                      },
                  ]
                : [];
            view.dispatch(setDiagnostics(view.state, marks));
        },
        focusAt(offset) {
            const at = Math.min(offset, view.state.doc.length);
            view.dispatch({
                selection: { anchor: at },
                effects: EditorView.scrollIntoView(at, { y: "center" }),
            });
            view.focus();
        },
        destroy: () => view.destroy(),
    };
}

function completion(schema: () => Schema | null) {
    return autocompletion({
        icons: false,
        override: [
            (context) => {
                const known = schema();
                const typing = context.matchBefore(/[\w"]+/);
                if (!known || (!typing && !context.explicit)) return null;
                const found = suggestionsAt(known, context.state.doc.toString(), context.pos);
                return (
                    found && {
                        from: found.from,
                        to: found.to,
                        filter: false,
                        options: sifted(found.options, context.state.sliceDoc(found.from, context.pos)).map(
                            (each) => ({
                                label: each.label,
                                apply: each.insert,
                                ...(each.info && {
                                    detail: each.info.length > 64 ? `${each.info.slice(0, 62)}…` : each.info,
                                }),
                            }),
                        ),
                    }
                );
            },
        ],
    });
}

/** Those that begin with what is typed, then those that hold it. */
function sifted<Each extends { label: string }>(options: readonly Each[], typed: string): Each[] {
    const sought = typed.replace(/^"/, "").toLowerCase();
    const first = options.filter((each) => each.label.toLowerCase().startsWith(sought));
    return [
        ...first,
        ...options.filter((each) => !first.includes(each) && each.label.toLowerCase().includes(sought)),
    ];
}

function meaning(schema: () => Schema | null) {
    return hoverTooltip((view, offset) => {
        const known = schema();
        const found = known && saidAt(known, view.state.doc.toString(), offset);
        if (!found) return null;
        return {
            pos: found.from,
            end: found.to,
            create: () => {
                const dom = document.createElement("div");
                dom.className = "cm-said";
                dom.textContent = found.said;
                return { dom };
            },
        };
    });
}
