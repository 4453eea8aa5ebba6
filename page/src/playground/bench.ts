// What is on the bench: a model, its text or file, the last report of it, and what is wrong with it.
import { batch, signal } from "@preact/signals";

import type { Report } from "../report";
import { Session, type Theme } from "../view/session";
import type { Editor } from "./editor";
import { Engine } from "./engine";
import { EXAMPLES, type Example, exampleFiles } from "./examples";
import type { Answer, Failure } from "./messages";
import { askedFor } from "./link";
import { type Edit, type Parameter, type Switches, parametersOf, switchesOf } from "./switches";

const PAUSE = 150; // milliseconds without a key, after which rfcalc is asked

export interface Given {
    name: string;
    size: number;
}

export class Bench {
    readonly engine = new Engine();
    readonly text = signal("");
    readonly switches = signal<Switches[]>([]);
    readonly parameters = signal<Parameter[]>([]);
    readonly broken = signal(false); // whether the text is no JSON now
    readonly example = signal<Example | null>(null);
    readonly file = signal<Given | null>(null); // in place of the text
    readonly report = signal<Report | null>(null);
    readonly opened = signal<Report | null>(null); // the report of the model as it was opened
    readonly failure = signal<Failure | null>(null);
    readonly remark = signal(""); // of a link or a file that could not be taken
    readonly session = signal<Session | null>(null);
    editor: Editor | null = null;

    private timer = 0;
    private name = "model.json";
    private source = ""; // the text as it was opened
    private turn = 0;
    private theme: Theme = null;

    /** Open what the address asks for. */
    async begin(): Promise<void> {
        const asked = await askedFor(
            location.search,
            location.hash,
            EXAMPLES.map((each) => each.key),
        );
        if (asked && "text" in asked) return this.openText(asked.text, "model.json");
        if (asked && "broken" in asked) this.remark.value = asked.broken;
        await this.openExample(asked && "example" in asked ? asked.example : "pooling");
    }

    async openExample(key: string): Promise<void> {
        const turn = ++this.turn;
        const { model, report } = exampleFiles(key);
        try {
            const [text, known] = await Promise.all([
                fetched(model).then((got) => got.text()),
                fetched(report).then((got) => got.json() as Promise<Report>),
            ]);
            if (turn !== this.turn) return;
            this.enter(text, `${key}.json`, EXAMPLES.find((each) => each.key === key) ?? null);
            this.take({ report: known });
        } catch (error) {
            this.remark.value = `The example ${key} cannot be had: ${error instanceof Error ? error.message : "?"}.`;
        }
    }

    openText(text: string, name: string): void {
        this.turn++;
        this.enter(text, name, null);
        this.ask(text);
    }

    openFile(name: string, bytes: Uint8Array): void {
        this.turn++;
        clearTimeout(this.timer);
        batch(() => {
            this.afresh();
            this.example.value = null;
            this.file.value = { name, size: bytes.length };
            this.name = name;
        });
        this.ask(bytes);
    }

    /** What was typed, or changed by a switch. */
    typed(text: string): void {
        if (text === this.text.peek()) return;
        this.show(text);
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => this.ask(text), PAUSE);
    }

    /** A change by a switch: rfcalc is asked at once. */
    change(edits: readonly Edit[]): void {
        this.editor?.change(edits);
        clearTimeout(this.timer);
        this.ask(this.text.peek());
    }

    /** Back to the model as it was opened. */
    reset(): void {
        this.editor?.replace(this.source);
    }

    /** Give up on an answer that takes too long. */
    stop(): void {
        this.engine.restart();
        this.failure.value = { where: null, message: "Stopped: what is shown is the last answer." };
    }

    get changed(): boolean {
        return this.file.value === null && this.text.value !== this.source;
    }

    private enter(text: string, name: string, example: Example | null): void {
        batch(() => {
            this.afresh();
            this.file.value = null;
            this.example.value = example;
            this.name = name;
            this.source = text;
            this.show(text);
        });
        clearTimeout(this.timer);
        if (this.editor && this.editor.text() !== text) this.editor.replace(text);
        clearTimeout(this.timer);
    }

    private afresh(): void {
        this.engine.drop();
        this.failure.value = null;
        this.opened.value = null;
        this.theme = this.session.value?.theme.value ?? this.theme;
        this.session.value = null;
        this.report.value = null;
    }

    private show(text: string): void {
        batch(() => {
            this.text.value = text;
            const found = switchesOf(text);
            this.broken.value = found === null;
            if (!found) return; // they stay where they are till the text can be read again
            this.switches.value = found;
            this.parameters.value = parametersOf(text);
        });
    }

    /** A session for another model; whether it is light or dark stays. */
    private sessionOf(report: Report): Session {
        const session = new Session(report);
        session.layer.value = session.chosen.peek(); // it stays chosen when others would be the first choice
        session.theme.value = this.theme;
        return session;
    }

    private ask(content: string | Uint8Array): void {
        void this.engine.ask(this.name, content).then((answer) => this.take(answer));
    }

    private take(answer: Answer): void {
        batch(() => {
            this.failure.value = answer.error ?? null;
            const { report } = answer;
            if (!report) return;
            const session = this.session.value;
            if (!session) this.session.value = this.sessionOf(report);
            else {
                // a model that has got its first counterfactual shows it, unless the reader wanted none
                if (session.report.value.models.length === 1 && report.models.length > 1)
                    session.beside.value = 1;
                session.report.value = report;
            }
            this.report.value = report;
            this.opened.value ??= report;
        });
    }
}

async function fetched(name: string): Promise<Response> {
    const response = await fetch(name);
    if (!response.ok) throw new Error(`the server says ${response.status}`);
    return response;
}
