// What changed in a model since it was opened, in the figures that pooling is about.
import { bytes, extents, number, percent, shape, short } from "../model/figures";
import type { Report } from "../report";

export interface Change {
    what: string;
    before: string;
    now: string;
}

/** Of a comparison (docs/formats.md) the figures of one model. */
interface Bill {
    field_layer: string | null;
    field: (number | null)[] | null;
    coverage: number | null;
    last_map: (number | null)[] | null;
    dense_layer: string | null;
    dense_inputs: number | null;
    params: number | null;
    macs: number | null;
    memory: number | null;
}

function billOf(report: Report): Bill | null {
    const comparison = report.comparison as { entries?: { bill?: Bill }[] } | null;
    return comparison?.entries?.[0]?.bill ?? null;
}

function fieldOf({ field, coverage }: Bill): string {
    if (!field) return "?";
    return extents(field, "global") + (coverage === null ? "" : ` (${percent(coverage)})`);
}

function costs(bill: Bill): [what: string, value: string][] {
    return [
        ["last map", bill.last_map ? shape(bill.last_map) : "none"],
        ["inputs of the classifier", bill.dense_layer === null ? "none" : number(bill.dense_inputs)],
        ["parameters", number(bill.params)],
        ["multiply-accumulates", short(bill.macs)],
        ["activation memory", bytes(bill.memory)],
    ];
}

/** How far a unit of the last map sees: of one layer, or where another one is the last now, of both by their names. */
function sight(before: Bill, now: Bill): Change[] {
    const [was, is] = [fieldOf(before), fieldOf(now)];
    if (before.field_layer !== now.field_layer) {
        const named = (bill: Bill, field: string) =>
            bill.field_layer ? `${bill.field_layer}: ${field}` : "none";
        return [
            { what: "what a unit of the last map sees", before: named(before, was), now: named(now, is) },
        ];
    }
    return was === is
        ? []
        : [{ what: `what a unit of ${now.field_layer ?? "it"} sees`, before: was, now: is }];
}

/** The figures that differ; none where there is nothing to compare. */
export function changesOf(opened: Report, report: Report): Change[] {
    const [before, now] = [billOf(opened), billOf(report)];
    if (!before || !now) return [];
    const old = costs(before);
    const changed = costs(now).flatMap(([what, value], index) => {
        const was = old[index]?.[1] ?? "";
        return was === value ? [] : [{ what, before: was, now: value }];
    });
    return [...sight(before, now), ...changed];
}

/** What rfcalc says of the model beside its counterfactuals. */
export function answerOf(report: Report): string[] {
    const comparison = report.comparison as { answer?: string[] } | null;
    return comparison?.answer ?? [];
}
