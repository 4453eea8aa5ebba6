// What changed in a model since it was opened, in the figures that pooling is about.
import { bytes, extents, number, percent, shape, short } from "../model/figures";
import type { Report } from "../report";

export interface Change {
    what: string;
    main: boolean; // whether it is shown where there is little room
    before: string;
    now: string;
}

/** Of a comparison (docs/formats.md) the figures of one model. */
interface Bill {
    field_layer: string | null;
    field: (number | null)[] | null;
    coverage: number | null;
    stride: (number | null)[] | null;
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

function costs(bill: Bill): Omit<Change, "before">[] {
    return [
        {
            what: "stride: pixels between its units",
            main: true,
            now: bill.stride ? extents(bill.stride, "-") : "?",
        },
        { what: "last map", main: false, now: bill.last_map ? shape(bill.last_map) : "none" },
        {
            what: "inputs of the classifier",
            main: true,
            now: bill.dense_layer === null ? "none" : number(bill.dense_inputs),
        },
        { what: "parameters", main: true, now: number(bill.params) },
        { what: "multiply-accumulates", main: false, now: short(bill.macs) },
        { what: "activation memory", main: false, now: bytes(bill.memory) },
    ];
}

/** How far a unit of the last map sees: of one layer, or where another one is the last now, of both by their names. */
function sight(before: Bill, now: Bill): Change[] {
    const [was, is] = [fieldOf(before), fieldOf(now)];
    if (before.field_layer !== now.field_layer) {
        const named = (bill: Bill, field: string) =>
            bill.field_layer ? `${bill.field_layer}: ${field}` : "none";
        const what = "a unit of the last map sees";
        return [{ what, main: true, before: named(before, was), now: named(now, is) }];
    }
    if (was === is) return [];
    return [{ what: `a unit of ${now.field_layer ?? "it"} sees`, main: true, before: was, now: is }];
}

/** What the sketch of a field shows: how large the input is, and how much of it a unit saw and sees, axis by axis. */
export interface Sight {
    input: number[];
    before: number[];
    now: number[];
}

/** Of the last two axes, or the only one; null where a size is open or a field not known. */
export function sightOf(opened: Report, report: Report): Sight | null {
    const sizes = report.models[0]?.sizes[0]?.extents ?? [];
    if (!sizes.length || sizes.some((extent) => extent === null)) return null;
    const input = (sizes as number[]).slice(-2);
    const [before, now] = [billOf(opened), billOf(report)].map((bill) => {
        const field = bill?.field;
        if (field?.length !== sizes.length) return null;
        return field.slice(-2).map((extent, axis) => Math.min(extent ?? Infinity, input[axis] as number));
    });
    return before && now ? { input, before, now } : null;
}

/** The figures that differ; none where there is nothing to compare. */
export function changesOf(opened: Report, report: Report): Change[] {
    const [before, now] = [billOf(opened), billOf(report)];
    if (!before || !now) return [];
    const old = costs(before);
    const changed = costs(now).flatMap((each, index) => {
        const was = old[index]?.now ?? "";
        return was === each.now ? [] : [{ ...each, before: was }];
    });
    return [...sight(before, now), ...changed];
}

/** What rfcalc says of the model beside its counterfactuals. */
export function answerOf(report: Report): string[] {
    const comparison = report.comparison as { answer?: string[] } | null;
    return comparison?.answer ?? [];
}
