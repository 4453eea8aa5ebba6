// The figures at the head of the page.
import type { Model, Row, Sized } from "../report";
import { bytes, field, number, percent, short } from "./figures";

export interface Total {
    key: string;
    label: string;
    value: string;
    detail: string;
}

interface Totals {
    params?: number | string | null;
    macs?: number | string | null;
    flops?: number | string | null;
    activations?: number | string | null;
    activation_bytes?: number | string | null;
    param_bytes?: Record<string, number | string | null> | null;
    peak_memory?: {
        bytes: number | string | null;
        layer: string | null;
        reordered: number | string | null;
    } | null;
    complete?: boolean;
    at_least?: Record<string, number | string | null>;
}

const UNKNOWN = "not known";

/** A figure as it is known: in three digits, "at least" so much, or "not known"; in full beside it. */
function told(
    totals: Totals,
    key: "params" | "macs" | "activations",
    detail: string,
): Pick<Total, "value" | "detail"> {
    const value = totals[key];
    if (value !== null && value !== undefined) {
        const brief = short(value);
        const exact = number(value);
        return { value: brief, detail: [brief === exact ? "" : exact, detail].filter(Boolean).join("; ") };
    }
    const least = totals.at_least?.[key];
    return least
        ? { value: `at least ${short(least)}`, detail: `${number(least)} are known` }
        : { value: UNKNOWN, detail: "" };
}

function byType(totals: Totals): Pick<Total, "value" | "detail"> {
    const kinds = Object.entries(totals.param_bytes ?? {});
    if (!totals.param_bytes || kinds.some(([, count]) => count === null))
        return { value: UNKNOWN, detail: "" };
    if (kinds.some(([, count]) => typeof count === "string")) {
        return { value: kinds.map(([kind, count]) => `${number(count)} B ${kind}`).join(" + "), detail: "" };
    }
    const sum = kinds.reduce((total, [, count]) => total + (count as number), 0);
    const detail = kinds.length === 1 ? `in ${(kinds[0] as [string, unknown])[0]}` : "";
    return {
        value: bytes(sum),
        detail: detail || kinds.map(([kind, count]) => `${bytes(count)} ${kind}`).join(", "),
    };
}

/** Whether a later layer that still has places, as tokens are, sees all of the input whatever its size. */
function seesAllBehind({ layers }: Sized["analysis"], last: number): boolean {
    return layers
        .slice(last + 1)
        .some(
            (row) =>
                row.spatial.length > 0 &&
                row.receptive_field?.every((size) => size === null) === true &&
                row.receptive_field.length > 0,
        );
}

/** What a model costs and how far it sees: nothing is left blank where it is not known. */
export function totalsOf(model: Model, { analysis }: Sized): Total[] {
    const totals = analysis.totals as Totals;
    const peak = totals.peak_memory;
    const last: Row | undefined = model.last === null ? undefined : analysis.layers[model.last];
    return [
        { key: "params", label: "parameters", ...told(totals, "params", "") },
        { key: "macs", label: "MACs at batch 1", ...told(totals, "macs", "") },
        { key: "param_bytes", label: "parameter memory", ...byType(totals) },
        {
            key: "activations",
            label: "activations",
            ...told(totals, "activations", totals.activation_bytes ? bytes(totals.activation_bytes) : ""),
        },
        {
            key: "peak_memory",
            label: "peak memory",
            value: peak?.bytes === null || peak?.bytes === undefined ? UNKNOWN : bytes(peak.bytes),
            detail: peak?.layer ? `of activations, in ${peak.layer}` : "of activations",
        },
        {
            key: "receptive_field",
            label: "field of the last map",
            value: last ? field(last).replace("?", UNKNOWN) : "none",
            detail: last
                ? `one unit of ${last.name}${seesAllBehind(analysis, model.last as number) ? "; layers behind it see everything" : ""}`
                : "no layer keeps a grid",
        },
        {
            key: "coverage",
            label: "coverage",
            value: last && last.coverage !== null ? percent(last.coverage) : UNKNOWN,
            detail: "of the input, by that field",
        },
    ];
}
