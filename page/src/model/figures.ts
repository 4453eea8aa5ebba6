// Figures as people read them: the spellings of rfcalc's own tables (docs/formats.md).
import type { Row } from "../report";

export type Figure = number | string | null | undefined;
type Extents = readonly (number | string | null)[];

const UNITS = ["", " k", " M", " G", " T", " P", " E"];

/** A number written out, thousands apart; a formula as it is; "?" where it is not known. */
export function number(value: Figure): string {
    if (value === null || value === undefined) return "?";
    if (typeof value === "string") return value;
    if (Number.isInteger(value)) return value.toLocaleString("en-GB");
    return String(Number(value.toPrecision(3)));
}

/** A large number in three digits and a unit: 3.86 G. */
export function short(value: Figure): string {
    if (typeof value !== "number" || !Number.isInteger(value) || Math.abs(value) < 1000) return number(value);
    let scaled = value;
    let unit = 0;
    while (Math.abs(scaled) >= 999.5 && unit < UNITS.length - 1) {
        scaled /= 1000;
        unit += 1;
    }
    const digits = Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
    return scaled.toFixed(digits) + UNITS[unit];
}

/** Bytes, in units of a thousand: 155 kB. */
export function bytes(value: Figure): string {
    const text = short(value);
    return text === "?" ? text : text.includes(" ") ? `${text}B` : `${text} B`;
}

function extent(size: number | string | null, missing: string): string {
    if (size === null) return missing;
    return typeof size === "number" && !Number.isInteger(size)
        ? String(Number(size.toPrecision(4)))
        : String(size);
}

/** Extents with a cross between them; with a formula among them as a tuple. */
export function extents(sizes: Extents, missing = "?"): string {
    if (sizes.length === 0) return "-";
    const texts = sizes.map((size) => extent(size, missing));
    return sizes.length > 1 && sizes.some((size) => typeof size === "string")
        ? `(${texts.join(", ")})`
        : texts.join("x");
}

/** A shape without the open batch in front. */
export function shape(sizes: Extents | null): string {
    if (sizes === null) return "?";
    const rest = sizes.length > 1 && sizes[0] === null ? sizes.slice(1) : sizes;
    return rest.length ? extents(rest) : "scalar";
}

/** A share of the input; only what covers everything reads 100%. */
export function percent(share: number | null): string {
    if (share === null) return "?";
    if (share > 0 && share < 0.01) return "<1%";
    return `${share >= 1 ? 100 : Math.min(Math.round(share * 100), 99)}%`;
}

function fieldOf(sizes: Extents | null, local: Extents | null = null): string {
    if (sizes === null) return "?";
    if (sizes.length === 0) return "-";
    if (sizes.every((size) => size === null)) {
        const inside = local !== null && !local.includes(null) && local.some((size) => size !== 0);
        return inside ? `global (${extents(local)})` : "global";
    }
    if (sizes.includes(null))
        return sizes.map((size) => (size === null ? "global" : number(size))).join(" x ");
    return sizes.some((size) => size !== 0) ? extents(sizes) : "none";
}

/** A receptive field as docs/formats.md spells it: 18x18, ~18x18, global (7x7), none, ?. */
export function field(row: Row): string {
    const bound = row.status === "bound" && row.receptive_field !== null ? "~" : "";
    return bound + fieldOf(row.receptive_field, row.local_receptive_field);
}

export function smallestField(row: Row): string {
    return fieldOf(row.receptive_field_min);
}

export function localField(row: Row): string {
    return fieldOf(row.local_receptive_field);
}

/** Strides and the like; a dash where the layer keeps no grid. */
export function grid(values: Extents | null): string {
    if (values === null) return "?";
    return values.every((value) => value === null) ? "-" : extents(values, "-");
}

/** Signed figures, which a cross between them would garble. */
export function tuple(values: Extents | null): string {
    if (values === null) return "?";
    return values.every((value) => value === null)
        ? "-"
        : values.map((value) => extent(value, "-")).join(", ");
}

export function coverage(row: Row): string {
    return row.receptive_field?.length === 0 ? "-" : percent(row.coverage);
}

/** All parameters of a layer: a number, a formula where one of the two is one, null where one is not known. */
export function params(row: Row): number | string | null {
    const { trainable, non_trainable: fixed } = row.params;
    if (trainable === null || fixed === null) return null;
    if (typeof trainable === "number" && typeof fixed === "number") return trainable + fixed;
    return fixed === 0 ? trainable : trainable === 0 ? fixed : `${trainable} + ${fixed}`;
}
