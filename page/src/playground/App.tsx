// The page: a model on the one side, its report on the other.
import { useEffect, useState } from "preact/hooks";

import type { Report } from "../report";
import { ReportView } from "../view/ReportView";
import type { Bench } from "./bench";
import { Changes } from "./Changes";
import { EXAMPLES } from "./examples";
import { taken } from "./files";
import { ModelText } from "./ModelText";
import { Share } from "./Share";
import { SwitchList } from "./SwitchList";

export function App({ bench }: { bench: Bench }) {
    const dropping = useDrop(bench);
    const report = bench.report.value;
    const session = bench.session.value;
    const theme = session?.theme.value ?? undefined;
    return (
        <div class="playground" data-theme={theme}>
            <section class="report bench" data-theme={theme} aria-label="Model">
                <Top bench={bench} />
                {bench.remark.value && (
                    <p class="remark" role="alert" data-testid="remark">
                        {bench.remark.value}{" "}
                        <button type="button" onClick={() => (bench.remark.value = "")}>
                            close
                        </button>
                    </p>
                )}
                {bench.file.value ? <FileCard bench={bench} /> : <ModelText bench={bench} />}
                <Status bench={bench} />
                {!bench.file.value && <SwitchList bench={bench} />}
                <Share bench={bench} />
            </section>
            <Changes bench={bench} theme={theme} />
            <div class="shown" data-testid="shown">
                {report && session ? (
                    <ReportView key={layersOf(report)} report={report} session={session} />
                ) : (
                    <Waiting bench={bench} />
                )}
            </div>
            {dropping && (
                <div class="dropping">Drop a model: JSON, .keras or .pt2. It stays on this machine.</div>
            )}
        </div>
    );
}

/** The layers of a report: other layers get a view of their own, since rows and nodes are numbered by them. */
function layersOf(report: Report): string {
    const names = report.models.map((model) => model.sizes[0]?.analysis.layers.map((row) => row.name));
    return JSON.stringify(names);
}

function Top({ bench }: { bench: Bench }) {
    const example = bench.example.value;
    return (
        <>
            <div class="top">
                <p class="brand">
                    rfcalc <span>playground</span>
                </p>
                <span class="choice">
                    <select
                        data-testid="example"
                        aria-label="Example"
                        value={example?.key ?? ""}
                        onChange={(event) => {
                            bench.remark.value = "";
                            void bench.openExample(event.currentTarget.value);
                        }}
                    >
                        {!example && <option value="">your own</option>}
                        {EXAMPLES.map(({ key, title }) => (
                            <option key={key} value={key}>
                                {title}
                            </option>
                        ))}
                    </select>
                </span>
                <label class="file">
                    open a file
                    <input
                        type="file"
                        data-testid="file"
                        onChange={(event) => {
                            const file = event.currentTarget.files?.[0];
                            event.currentTarget.value = "";
                            if (file) void open(bench, file);
                        }}
                    />
                </label>
            </div>
            {example && (
                <p class="hint" data-testid="hint">
                    <b>Try:</b> {example.hint}
                </p>
            )}
        </>
    );
}

async function open(bench: Bench, file: File): Promise<void> {
    bench.remark.value = "";
    try {
        const got = await taken(file);
        if ("refused" in got) bench.remark.value = got.refused;
        else if ("text" in got) bench.openText(got.text, file.name);
        else bench.openFile(file.name, got.bytes);
    } catch {
        bench.remark.value = `${file.name} cannot be read.`;
    }
}

/** Whether a file is held over the page; one that is dropped is opened. */
function useDrop(bench: Bench): boolean {
    const [over, setOver] = useState(false);
    useEffect(() => {
        const held = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
        const enter = (event: DragEvent) => {
            if (!held(event)) return;
            event.preventDefault();
            setOver(true);
        };
        const leave = (event: DragEvent) => {
            if (!event.relatedTarget) setOver(false);
        };
        const drop = (event: DragEvent) => {
            if (!held(event)) return;
            event.preventDefault();
            setOver(false);
            const file = event.dataTransfer?.files[0];
            if (file) void open(bench, file);
        };
        // before the editor, which would put the text of a file in
        addEventListener("dragover", enter, true);
        addEventListener("dragleave", leave, true);
        addEventListener("drop", drop, true);
        return () => {
            removeEventListener("dragover", enter, true);
            removeEventListener("dragleave", leave, true);
            removeEventListener("drop", drop, true);
        };
    }, [bench]);
    return over;
}

function FileCard({ bench }: { bench: Bench }) {
    const file = bench.file.value;
    if (!file) return null;
    return (
        <div class="card file-card" data-testid="file-card">
            <p>
                <b>{file.name}</b>, {Math.ceil(file.size / 1000).toLocaleString("en-GB")} kB. It is read in
                this page, and not sent anywhere.
            </p>
            <button type="button" onClick={() => void bench.openExample("pooling")}>
                back to the examples
            </button>
        </div>
    );
}

/** What rfcalc is at, or what is wrong with the model: the whole line. */
function Status({ bench }: { bench: Bench }) {
    const { engine } = bench;
    const failure = bench.failure.value;
    const state = engine.state.value;
    const said = failure?.where ?? bench.file.value?.name;
    const busy = useAfter(400, state === "busy"); // most answers come sooner, and need no word
    const slow = useAfter(2000, state === "busy");
    return (
        <div class={`status ${failure ? "wrong" : ""}`} data-testid="status" data-state={state}>
            <div role="status">
                {state === "lost" ? (
                    <p>
                        <b>rfcalc could not be started in this browser:</b> {engine.lost.value}. The examples
                        can be looked at all the same.
                    </p>
                ) : (
                    failure && (
                        <p data-testid="failure">
                            {said && <b>{said}: </b>}
                            {failure.message}
                        </p>
                    )
                )}
                {state === "loading" && <p>rfcalc is loading; after that it answers as you type.</p>}
                {busy && <p>rfcalc is at work{slow ? " on a model that takes longer" : ""}…</p>}
            </div>
            {slow && (
                <button type="button" onClick={() => bench.stop()}>
                    stop
                </button>
            )}
            {(state === "ready" || state === "busy") && !busy && !failure && (
                <p class="aside">
                    {engine.answers.value > 0
                        ? `rfcalc answered in ${Math.round(engine.took.value)} ms`
                        : "rfcalc runs in this page: change something"}
                </p>
            )}
        </div>
    );
}

/** Whether something has been so for a while. */
function useAfter(milliseconds: number, so: boolean): boolean {
    const [long, setLong] = useState(false);
    useEffect(() => {
        setLong(false);
        if (!so) return;
        const timer = setTimeout(() => setLong(true), milliseconds);
        return () => clearTimeout(timer);
    }, [milliseconds, so]);
    return so && long;
}

function Waiting({ bench }: { bench: Bench }) {
    const wrong = bench.failure.value ?? (bench.engine.state.value === "lost" ? {} : null);
    return (
        <main class="report waiting">
            <p>
                {wrong
                    ? "There is no report of this model; what is wrong stands beside it."
                    : "The report comes here."}
            </p>
        </main>
    );
}
