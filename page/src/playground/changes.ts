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
    dense_inputs: number | null;
    params: number | null;
    macs: number | null;
    memory: number | null;
}

function billOf(report: Report): Bill | null {
    const comparison = report.comparison as { entries?: { bill?: Bill }[] } | null;
    return comparison?.entries?.[0]?.bill ?? null;
}

function lines(bill: Bill): [what: string, value: string][] {
    const field = bill.field && extents(bill.field, "global");
    const share = bill.coverage === null ? "" : ` (${percent(bill.coverage)})`;
    return [
        [`what a unit of ${bill.field_layer ?? "the last map"} sees`, field ? field + share : "?"],
        ["last map", bill.last_map ? shape(bill.last_map) : "-"],
        ["inputs of the classifier", number(bill.dense_inputs)],
        ["parameters", number(bill.params)],
        ["multiply-accumulates", short(bill.macs)],
        ["activation memory", bytes(bill.memory)],
    ];
}

/** The figures that differ; none where there is nothing to compare. */
export function changesOf(opened: Report, report: Report): Change[] {
    const [before, now] = [billOf(opened), billOf(report)];
    if (!before || !now) return [];
    const old = lines(before);
    return lines(now).flatMap(([what, value], index) => {
        const [, was] = old[index] as [string, string];
        return was === value ? [] : [{ what, before: was, now: value }];
    });
}

/** What rfcalc says of the model beside its counterfactuals. */
export function answerOf(report: Report): string[] {
    const comparison = report.comparison as { answer?: string[] } | null;
    return comparison?.answer ?? [];
}
