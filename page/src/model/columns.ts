// The columns of the table of layers: keys and headings of docs/formats.md.
import type { Row } from "../report";
import * as figures from "./figures";
import type { Figure } from "./figures";

export interface Column {
    key: string;
    title: string;
    about: string;
    cell: (row: Row) => string;
    value: (row: Row) => Figure; // what it is sorted by; null and formulas come last
    text?: boolean; // words, which stand on the left
    usual?: boolean;
}

const area = (sizes: readonly (number | string | null)[] | null): Figure =>
    sizes === null || sizes.length === 0
        ? null
        : sizes.reduce<number>((product, size) => product * (typeof size === "number" ? size : Infinity), 1);

const total = (sizes: readonly (number | string | null)[] | null): Figure =>
    sizes === null
        ? null
        : sizes.reduce<number>((product, size) => product * (typeof size === "number" ? size : 1), 1);

const first = (sizes: readonly (number | null)[] | null): Figure =>
    sizes?.find((size) => size !== null) ?? null;

export const COLUMNS: readonly Column[] = [
    {
        key: "name",
        title: "layer",
        about: "the layer's name",
        cell: (row) => row.name,
        value: (row) => row.name,
        text: true,
        usual: true,
    },
    {
        key: "kind",
        title: "kind",
        about: "the kind that it was read as",
        cell: (row) => row.kind,
        value: (row) => row.kind,
        text: true,
        usual: true,
    },
    {
        key: "op",
        title: "op",
        about: "what the file calls it",
        cell: (row) => row.op,
        value: (row) => row.op,
        text: true,
    },
    {
        key: "inputs",
        title: "inputs",
        about: "the layers that it takes",
        cell: (row) => row.inputs.join(", "),
        value: (row) => row.inputs.join(", "),
        text: true,
    },
    {
        key: "outputs",
        title: "outputs",
        about: "its output tensors, where the file names them",
        cell: (row) => (row.outputs ?? []).join(", "),
        value: (row) => (row.outputs ?? []).join(", "),
        text: true,
    },
    {
        key: "block",
        title: "block",
        about: "the block or nested model around it",
        cell: (row) => row.block ?? "",
        value: (row) => row.block ?? "",
        text: true,
    },
    {
        key: "output_shape",
        title: "output shape",
        about: "extents in the file's order",
        cell: (row) => figures.shape(row.output_shape),
        value: (row) => total(row.output_shape),
        usual: true,
    },
    {
        key: "spatial",
        title: "spatial",
        about: "extents of the axes with places",
        cell: (row) => figures.extents(row.spatial),
        value: (row) => total(row.spatial),
    },
    {
        key: "receptive_field",
        title: "receptive field",
        about: "positions of the input that one output depends on",
        cell: figures.field,
        value: (row) => area(row.receptive_field),
        usual: true,
    },
    {
        key: "receptive_field_min",
        title: "smallest field",
        about: "the smallest, where outputs differ",
        cell: figures.smallestField,
        value: (row) => area(row.receptive_field_min),
    },
    {
        key: "local_receptive_field",
        title: "local field",
        about: "the field with gates cut",
        cell: figures.localField,
        value: (row) => area(row.local_receptive_field),
    },
    {
        key: "effective_stride",
        title: "stride",
        about: "positions of the input between one output and the next",
        cell: (row) => figures.grid(row.effective_stride),
        value: (row) => first(row.effective_stride),
        usual: true,
    },
    {
        key: "effective_padding",
        title: "padding",
        about: "how far the field of output 0 reaches beyond the input",
        cell: (row) => figures.tuple(row.effective_padding),
        value: (row) => first(row.effective_padding),
    },
    {
        key: "center",
        title: "center",
        about: "where the field of output 0 has its centre",
        cell: (row) => figures.tuple(row.center),
        value: (row) => first(row.center),
    },
    {
        key: "coverage",
        title: "covers",
        about: "share of the input that the field takes in",
        cell: figures.coverage,
        value: (row) => row.coverage,
        usual: true,
    },
    {
        key: "status",
        title: "status",
        about: "exact, bound or unknown",
        cell: (row) => row.status,
        value: (row) => row.status,
        text: true,
    },
    {
        key: "reason",
        title: "reason",
        about: "why it is not exact",
        cell: (row) => row.reason ?? "",
        value: (row) => row.reason ?? "",
        text: true,
    },
    {
        key: "params",
        title: "params",
        about: "parameters, each tensor counted once",
        cell: (row) => figures.number(figures.params(row)),
        value: (row) => figures.params(row),
        usual: true,
    },
    {
        key: "trainable",
        title: "trainable",
        about: "parameters that are trained",
        cell: (row) => figures.number(row.params.trainable),
        value: (row) => row.params.trainable,
    },
    {
        key: "non_trainable",
        title: "non-trainable",
        about: "parameters that are not trained",
        cell: (row) => figures.number(row.params.non_trainable),
        value: (row) => row.params.non_trainable,
    },
    {
        key: "macs",
        title: "MACs",
        about: "multiply-accumulates at batch 1",
        cell: (row) => figures.short(row.macs),
        value: (row) => row.macs,
        usual: true,
    },
    {
        key: "activations",
        title: "activations",
        about: "elements of the output at batch 1",
        cell: (row) => figures.short(row.activations),
        value: (row) => row.activations,
        usual: true,
    },
];

export interface Order {
    key: string;
    down: boolean; // the largest first
}

/** One line of the table: a layer, or a call of one. */
export interface Line {
    row: Row;
    index: number; // of the layer
    call: number; // -1: the layer itself
}

function compare(one: Figure, other: Figure, down: boolean): number {
    const rank = (value: Figure, text: boolean) =>
        value === null || value === undefined || Number.isNaN(value)
            ? 2
            : typeof value === "string" && !text
              ? 1
              : 0;
    const text = typeof one === "string" && typeof other === "string";
    const by = rank(one, text) - rank(other, text);
    if (by !== 0 || one === null || other === null || one === undefined || other === undefined) return by;
    const difference = text
        ? (one as string).localeCompare(other as string, "en", { numeric: true })
        : one === other
          ? 0
          : (one as number) < (other as number)
            ? -1
            : 1;
    return down ? -difference : difference;
}

/** The places of the rows that hold the text in their name, kind, op or block, and are of the kind asked for. */
export function chosenRows(rows: readonly Row[], text: string, kind: string): number[] {
    const wanted = text.trim().toLowerCase();
    const found: number[] = [];
    rows.forEach((row, index) => {
        if (kind && row.kind !== kind) return;
        const says = `${row.name}\n${row.kind}\n${row.op}\n${row.block ?? ""}`;
        if (!wanted || says.toLowerCase().includes(wanted)) found.push(index);
    });
    return found;
}

/** The lines of the table: filtered, ordered, and with the calls of those layers that are opened. */
export function lines(
    rows: readonly Row[],
    filter: { text: string; kind: string },
    order: Order | null,
    opened: ReadonlySet<number>,
): Line[] {
    const places = chosenRows(rows, filter.text, filter.kind);
    const column = order && COLUMNS.find(({ key }) => key === order.key);
    if (order && column) {
        const values = new Map(places.map((place) => [place, column.value(rows[place] as Row)]));
        places.sort((one, other) => compare(values.get(one), values.get(other), order.down) || one - other);
    }
    return places.flatMap((index) => {
        const row = rows[index] as Row;
        const calls = opened.has(index) ? (row.calls ?? []) : [];
        return [{ row, index, call: -1 }, ...calls.map((each, call) => ({ row: each, index, call }))];
    });
}
