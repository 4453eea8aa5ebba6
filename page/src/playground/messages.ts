// What the page and the worker, in which rfcalc runs, say to each other.
import type { Report } from "../report";

export interface Question {
    id: number;
    name: string; // of the file, as the report shows it
    content: string | Uint8Array;
}

/** Where and why there is no report, in rfcalc's words. */
export interface Failure {
    where: string | null;
    message: string;
}

export type Answer = { report: Report; error?: undefined } | { report?: undefined; error: Failure };

export type Said =
    | { kind: "ready"; took: number } // rfcalc can be asked
    | { kind: "lost"; message: string } // rfcalc could not be started
    | { kind: "answer"; id: number; took: number; answer: string }; // an Answer, as JSON;
