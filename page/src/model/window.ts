// What a unit does not read of its window: what it would read if nothing were padded and nothing cut off.
import type { Axis, Fields } from "../report";
import { type Interval, readOf, stretches, tapsOf, windowOf } from "./units";

export interface Lost {
    count: number; // positions of the window that are not read
    of: number | null; // where the window has holes, how many positions are in it; null where it has none
    beyond: boolean; // all of them lie outside the input, in padding; else some may be cut off, or padded further in
    where: Interval[]; // as far as that is known
}

/** What unit k does not read of its window; null where that is not known. */
export function lostOf(fields: Fields, axis: Axis, unit: number, extent: number): Lost | null {
    const window = windowOf(axis, unit);
    if (!window || !axis.exact) return null;
    const read = readOf(axis, unit);
    const count = Math.max(window.taps - tapsOf(fields, read), 0);
    const holes = window.taps < window.last - window.first + 1;
    // holes that the window does not tell of, though no border is near, were not counted
    if (read.holes >= 0 && !holes && readOf(axis, Math.floor(axis.extent / 2)).holes >= 0) return null;
    const all = wholeOf(fields, axis, unit);
    const where = all
        ? without(all, stretches(fields, read))
        : outside([[window.first, window.last]], extent);
    const seen = all ? where : without([[window.first, window.last]], [[read.first, read.last]]);
    return {
        count,
        of: holes ? window.taps : null,
        beyond: length(seen) >= count && length(outside(seen, extent)) === length(seen),
        where: count ? where : [],
    };
}

/** The stretches of the window of unit k: those of a unit in the middle that reads all of its own. */
function wholeOf(fields: Fields, axis: Axis, unit: number): Interval[] | null {
    const window = windowOf(axis, unit);
    if (!window || !axis.window) return null;
    if (window.taps === window.last - window.first + 1) return [[window.first, window.last]];
    const period = axis.window.spans.length;
    const middle = Math.floor(axis.extent / 2 / period) * period + (unit % period);
    const [span, read] = [windowOf(axis, middle), readOf(axis, middle)];
    if (span?.first !== read.first || span.last !== read.last || span.taps !== tapsOf(fields, read))
        return null;
    const away = window.first - span.first;
    return stretches(fields, read).map(([first, last]) => [first + away, last + away]);
}

/** What of the first intervals is in none of the second; both ascend. */
function without(some: readonly Interval[], others: readonly Interval[]): Interval[] {
    const found: Interval[] = [];
    let next = 0;
    for (const [first, last] of some) {
        let at = first;
        while (next < others.length && (others[next] as Interval)[1] < first) next++;
        for (let i = next; i < others.length && (others[i] as Interval)[0] <= last; i++) {
            const [from, to] = others[i] as Interval;
            if (from > to) continue;
            if (from > at) found.push([at, from - 1]);
            at = Math.max(at, to + 1);
        }
        if (at <= last) found.push([at, last]);
    }
    return found;
}

function outside(some: readonly Interval[], extent: number): Interval[] {
    return without(some, [[0, extent - 1]]);
}

function length(some: readonly Interval[]): number {
    return some.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
