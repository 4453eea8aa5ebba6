// Every layer, with how many of its units see one position of the input.
import { useMemo, useRef } from "preact/hooks";

import { number } from "../model/figures";
import { gridOf, seeing } from "../model/grid";
import { mapOf } from "../model/units";
import { singular } from "../model/words";
import type { Session, Side } from "./session";
import { useVirtual } from "./virtual";

interface Seen {
    row: number;
    count: number | null;
    all: number | null;
    exact: boolean;
}

/** How many units of each row read a position; rows whose maps are alike are counted once. */
function seenBy(side: Side, pixel: readonly number[], gates: boolean): Seen[] {
    const { fields, analysis } = side.sized;
    const known = new Map<number, Seen>();
    return analysis.layers.map((_, row) => {
        const map = fields && mapOf(fields, row, gates);
        const grid = fields && gridOf(fields, row, gates);
        if (!fields || !grid || map === null) return { row, count: null, all: null, exact: true };
        let seen = known.get(map);
        if (!seen) {
            const { count, all } = seeing(fields, grid, pixel);
            seen = { row, count, all, exact: grid.axes.every((axis) => axis.exact) };
            known.set(map, seen);
        }
        return { ...seen, row };
    });
}

const HEIGHT = 26;

export function PixelList({
    session,
    side,
    pixel,
}: {
    session: Session;
    side: Side;
    pixel: readonly number[];
}) {
    const gates = session.gates.value;
    const key = pixel.join(",");
    // eslint-disable-next-line react-hooks/exhaustive-deps
    const seen = useMemo(() => seenBy(side, pixel, gates), [side, key, gates]);
    const scroller = useRef<HTMLDivElement>(null);
    const { items, before, after } = useVirtual(scroller, seen.length, HEIGHT);
    const layers = side.sized.analysis.layers;
    const chosen = session.shown(side, session.chosen.value).index;
    return (
        <div
            class="pixel-list"
            ref={scroller}
            data-testid="pixel-list"
            tabIndex={0}
            role="region"
            aria-label={`Units of ${side.model.title} that see the position`}
        >
            <table aria-rowcount={seen.length + 1}>
                <thead>
                    <tr>
                        <th scope="col">layer</th>
                        <th scope="col" class="figure">
                            units that see this {singular(side.model.units[0] ?? "position")}
                        </th>
                        <th scope="col" class="figure">
                            of
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {before > 0 && <tr aria-hidden="true" style={{ height: `${before}px` }} />}
                    {items.map(({ index }) => {
                        const each = seen[index] as Seen;
                        return (
                            <tr
                                key={index}
                                aria-rowindex={index + 2}
                                class={index === chosen ? "chosen" : ""}
                                onClick={() => session.choose(side, index)}
                            >
                                <td>
                                    <button type="button" class="link">
                                        {layers[index]?.name}
                                    </button>
                                </td>
                                <td class="figure">
                                    {each.count === null
                                        ? "not known"
                                        : `${each.exact ? "" : "~"}${number(each.count)}`}
                                </td>
                                <td class="figure">{number(each.all)}</td>
                            </tr>
                        );
                    })}
                    {after > 0 && <tr aria-hidden="true" style={{ height: `${after}px` }} />}
                </tbody>
            </table>
        </div>
    );
}
