// Which positions of the input a unit reads, and which units read a position: looked up in the runs of the document.
import type { Axis, Fields, Run, WeightAxis, Weights } from "../report";

/** What a unit reads of one axis: first to last, in the pattern `holes` (-1: all between); first > last: nothing. */
export interface Read {
    first: number;
    last: number;
    holes: number;
}

/** An interval of positions, both ends in it. */
export type Interval = readonly [first: number, last: number];

/** Units first, first + step, ... last. */
export interface Progression {
    first: number;
    last: number;
    step: number;
}

const NOTHING: Read = { first: 0, last: -1, holes: -1 };

interface Placed {
    run: Run;
    start: number;
}

function spansOf(run: Run): [number, number, number][] {
    return run.slice(3) as unknown as [number, number, number][];
}

const starts = new WeakMap<object, number[]>();

/** The unit that each run begins with: worked out once for a list of runs. */
function startsOf(runs: readonly (readonly [number, ...unknown[]])[]): number[] {
    let known = starts.get(runs);
    if (!known) {
        known = [];
        let start = 0;
        for (const run of runs) {
            known.push(start);
            start += run[0];
        }
        starts.set(runs, known);
    }
    return known;
}

/** The place in `runs` of the one that unit k is in, or -1. */
function placeOf(runs: readonly (readonly [number, ...unknown[]])[], unit: number): number {
    const begins = startsOf(runs);
    let low = 0;
    let high = begins.length - 1;
    while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((begins[middle] as number) <= unit) low = middle;
        else high = middle - 1;
    }
    const run = runs[low];
    const begin = begins[low];
    return run && begin !== undefined && unit >= begin && unit < begin + run[0] ? low : -1;
}

function runAt(axis: Axis, unit: number): Placed | null {
    const place = placeOf(axis.runs, unit);
    const run = axis.runs[place];
    return run ? { run, start: startsOf(axis.runs)[place] as number } : null;
}

/** What unit k reads of an axis. */
export function readOf(axis: Axis, unit: number): Read {
    const placed = runAt(axis, unit);
    if (!placed) return NOTHING;
    const { run, start } = placed;
    const period = run.length - 3;
    const phase = (unit - start) % period;
    const times = Math.floor((unit - start) / period);
    const [first, last, holes] = run[3 + phase] as [number, number, number];
    return { first: first + times * run[1], last: last + times * run[2], holes };
}

/** What unit k would read if there were no border; null where that is not known, or has no end. */
export function windowOf(axis: Axis, unit: number): { first: number; last: number; taps: number } | null {
    if (!axis.window) return null;
    const { advance, spans } = axis.window;
    const span = spans[unit % spans.length];
    if (!span) return null;
    const moved = Math.floor(unit / spans.length) * advance;
    return { first: span[0] + moved, last: span[1] + moved, taps: span[2] };
}

/** The stretches that are read on end. */
export function stretches(fields: Fields, read: Read): Interval[] {
    if (read.first > read.last) return [];
    const pattern = fields.taps[read.holes];
    if (!pattern) return [[read.first, read.last]];
    const found: Interval[] = [];
    let at = read.first;
    for (let i = 0; i < pattern.length && at <= read.last; i++) {
        const length = pattern[i] as number;
        if (i % 2 === 0 && length > 0) found.push([at, Math.min(at + length - 1, read.last)]);
        at += length;
    }
    return found;
}

/** How many positions are read. */
export function tapsOf(fields: Fields, read: Read): number {
    return stretches(fields, read).reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

function hits(fields: Fields, read: Read, position: number): boolean {
    if (position < read.first || position > read.last) return false;
    if (read.holes < 0) return true;
    return stretches(fields, read).some(([first, last]) => position >= first && position <= last);
}

/** The range of n in 0 ... count - 1 with a + n * step <= bound (sign 1) or >= bound (sign -1). */
function bounded(a: number, step: number, bound: number, sign: 1 | -1, range: Interval): Interval {
    const room = sign * (bound - a);
    const pace = sign * step;
    if (pace === 0) return room >= 0 ? range : [0, -1];
    return pace > 0
        ? [range[0], Math.min(range[1], Math.floor(room / pace))]
        : [Math.max(range[0], Math.ceil(room / pace)), range[1]];
}

/** The units of an axis that read a position of the input, as progressions in order of their runs. */
export function unitsReading(fields: Fields, axis: Axis, position: number): Progression[] {
    const found: Progression[] = [];
    const begins = startsOf(axis.runs);
    axis.runs.forEach((run, place) => {
        const start = begins[place] as number;
        const spans = spansOf(run);
        const step = spans.length;
        spans.forEach(([first, last, holes], phase) => {
            const count = Math.ceil((run[0] - phase) / step);
            if (count <= 0) return;
            let range: Interval = [0, count - 1];
            range = bounded(first, run[1], position, 1, range);
            range = bounded(last, run[2], position, -1, range);
            if (range[0] > range[1]) return;
            const add = (from: number, to: number) =>
                found.push({ first: start + phase + from * step, last: start + phase + to * step, step });
            if (holes < 0) {
                add(...range);
                return;
            }
            const reads = (n: number) =>
                hits(fields, { first: first + n * run[1], last: last + n * run[2], holes }, position);
            if (run[1] === 0 && run[2] === 0) {
                if (reads(range[0])) add(...range);
                return;
            }
            let from = -1;
            for (let n = range[0]; n <= range[1] + 1; n++) {
                const inside = n <= range[1] && reads(n);
                if (inside && from < 0) from = n;
                if (!inside && from >= 0) {
                    add(from, n - 1);
                    from = -1;
                }
            }
        });
    });
    return found;
}

export function countOf(units: readonly Progression[]): number {
    return units.reduce((sum, { first, last, step }) => sum + Math.floor((last - first) / step) + 1, 0);
}

export function has(units: readonly Progression[], unit: number): boolean {
    return units.some(
        ({ first, last, step }) => unit >= first && unit <= last && (unit - first) % step === 0,
    );
}

/** Where the field of a unit has its middle; that of the window without border where it is known. */
export function middleOf(axis: Axis, unit: number): number {
    const span = windowOf(axis, unit) ?? readOf(axis, unit);
    return (span.first + span.last) / 2;
}

const LISTED = 1 << 18;

/** The unit whose field has its middle nearest to a position. */
export function nearest(axis: Axis, position: number): number {
    const end = axis.extent - 1;
    if (end <= 0) return 0;
    let low = 0;
    let high = end;
    if (axis.window && axis.window.advance !== 0) {
        // far enough around the place that the first phase's middle and the advance give
        const { advance, spans } = axis.window;
        const guess = Math.round(((position - middleOf(axis, 0)) / advance) * spans.length);
        const reach = 2 * spans.length + 2;
        low = Math.min(Math.max(guess - reach, 0), end);
        high = Math.min(Math.max(guess + reach, 0), end);
    } else if (axis.extent > LISTED) {
        const whole = Math.max(middleOf(axis, end) - middleOf(axis, 0), 1);
        low = high = Math.min(Math.max(Math.round(((position - middleOf(axis, 0)) / whole) * end), 0), end);
    }
    let best = low;
    let distance = Infinity;
    for (let unit = low; unit <= high; unit++) {
        const away = Math.abs(middleOf(axis, unit) - position);
        if (away < distance) {
            best = unit;
            distance = away;
        }
    }
    return best;
}

/** The index of a row's map: with gates, or with gates cut, which is the same for rows that look through none. */
export function mapOf(fields: Fields, row: number, gates: boolean): number | null {
    const [whole, local] = [fields.of[row] ?? null, fields.local[row] ?? null];
    return gates ? (whole ?? local) : (local ?? whole);
}

export function weightAxesOf(weights: Weights, row: number): WeightAxis[] | null {
    const map = weights.of[row];
    const axes = map === null || map === undefined ? undefined : weights.maps[map];
    return axes ? axes.map((index) => weights.axes[index] as WeightAxis) : null;
}

const decoded = new WeakMap<Weights, (Uint8Array | undefined)[]>();

function profile(weights: Weights, index: number): Uint8Array {
    let known = decoded.get(weights);
    if (!known) decoded.set(weights, (known = []));
    return (known[index] ??= Uint8Array.from(atob(weights.profiles[index] ?? ""), (char) =>
        char.charCodeAt(0),
    ));
}

/** What each position weighs in unit k: bytes from position `first` on; null where there is nothing. */
export function weightsOf(
    weights: Weights,
    axis: WeightAxis,
    unit: number,
): { first: number; bytes: Uint8Array } | null {
    const place = placeOf(axis.units, unit);
    const run = axis.units[place];
    if (!run) return null;
    const offset = unit - (startsOf(axis.units)[place] as number);
    const period = run.length - 2;
    const [index, first] = run[2 + (offset % period)] as [number, number];
    return { first: first + Math.floor(offset / period) * run[1], bytes: profile(weights, index) };
}

/** The largest of `bytes` that falls on each of `count` cells which share the positions from - to evenly. */
export function resampled(
    weight: { first: number; bytes: Uint8Array },
    from: number,
    to: number,
    count: number,
): Uint8Array {
    const found = new Uint8Array(count);
    const scale = count / (to - from + 1);
    for (let i = 0; i < weight.bytes.length; i++) {
        const position = weight.first + i;
        if (position < from || position > to) continue;
        const begin = Math.min(Math.floor((position - from) * scale), count - 1);
        const end = Math.max(Math.ceil((position - from + 1) * scale), begin + 1);
        const byte = weight.bytes[i] as number;
        for (let cell = begin; cell < end && cell < count; cell++)
            if (byte > (found[cell] as number)) found[cell] = byte;
    }
    return found;
}
