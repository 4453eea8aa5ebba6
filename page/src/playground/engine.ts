// rfcalc, as the page sees it: a worker that is asked, of which only the newest answer counts.
import { signal } from "@preact/signals";

import type { Answer, Question, Said } from "./messages";

export type State = "loading" | "ready" | "busy" | "lost";

export class Engine {
    readonly state = signal<State>("loading");
    readonly lost = signal("");
    /** Milliseconds that the worker took for the last answer, or to be ready. */
    readonly took = signal(0);
    readonly answers = signal(0);
    private worker: Worker;
    private newest = 0;
    private done: ((answer: Answer) => void) | null = null;

    constructor() {
        this.worker = this.begin();
    }

    /** Ask; what was asked before is forgotten, and the promise of that never comes. */
    ask(name: string, content: string | Uint8Array): Promise<Answer> {
        const question: Question = { id: ++this.newest, name, content };
        if (this.state.value === "ready") this.state.value = "busy";
        this.worker.postMessage(question);
        return new Promise((done) => (this.done = done));
    }

    /** Forget what was asked. */
    drop(): void {
        this.newest++;
        this.done = null;
    }

    /** Stop what takes too long: Python cannot be interrupted, so it begins anew. */
    restart(): void {
        this.drop();
        this.worker.terminate();
        this.state.value = "loading";
        this.worker = this.begin();
    }

    private begin(): Worker {
        const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
        worker.addEventListener("message", (event: MessageEvent<Said>) => this.hear(event.data));
        worker.addEventListener("error", (event) => {
            event.preventDefault();
            this.hear({ kind: "lost", message: event.message || "its program cannot be had" });
        });
        return worker;
    }

    private hear(said: Said): void {
        if (said.kind === "lost") {
            this.lost.value = said.message;
            this.state.value = "lost";
            return;
        }
        this.took.value = said.took;
        if (said.kind === "answer") this.answers.value++;
        if (said.kind === "ready") {
            this.state.value = this.done ? "busy" : "ready";
        } else if (said.id === this.newest) {
            const { done } = this;
            this.done = null;
            this.state.value = "ready";
            done?.(JSON.parse(said.answer) as Answer);
        } else if (!this.done) {
            this.state.value = "ready"; // nobody waits for this one any more
        }
    }
}
