// The table of layers: columns to choose from, ordered by any, filtered; only rows in sight are made.
import { useComputed } from "@preact/signals";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";

import { COLUMNS, type Column, type Line, type Order, lines } from "../model/columns";
import { number } from "../model/figures";
import type { Mark } from "../report";
import { MarkIcons } from "./marks";
import type { Session, Side } from "./session";
import { useVirtual } from "./virtual";

const HEIGHT = 28;
const HEAD = 30;
const USUAL = COLUMNS.filter((column) => column.usual).map((column) => column.key);

export function Table({ session, side }: { session: Session; side: Side }) {
    const { analysis, marks } = side.sized;
    const rows = analysis.layers;
    const [keys, setKeys] = useState<readonly string[]>(USUAL);
    const [text, setText] = useState("");
    const [kind, setKind] = useState("");
    const [order, setOrder] = useState<Order | null>(null);
    const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
    const columns = COLUMNS.filter((column) => keys.includes(column.key));
    const shown = useMemo(
        () => lines(rows, { text, kind }, order, opened),
        [rows, text, kind, order, opened],
    );
    const kinds = useMemo(() => [...new Set(rows.map((row) => row.kind))].sort(), [rows]);
    const marked = useMemo(() => {
        const found = new Map<number, Mark[]>();
        for (const mark of marks) found.set(mark.row, [...(found.get(mark.row) ?? []), mark]);
        return found;
    }, [marks]);
    const chosen = useComputed(() => session.shown(side, session.chosen.value).index).value;
    const printing = session.printing.value;

    const scroller = useRef<HTMLDivElement>(null);
    const virtual = useVirtual(scroller, shown.length, HEIGHT, HEAD);
    const focusing = useRef(false);
    const place = shown.findIndex((line) => line.index === chosen && line.call < 0);
    useEffect(() => {
        if (place < 0) return;
        virtual.show(place);
        if (!focusing.current) return;
        focusing.current = false;
        requestAnimationFrame(() => {
            scroller.current
                ?.querySelector<HTMLElement>(`tr[data-row="${chosen}"]`)
                ?.focus({ preventScroll: true });
        });
        // only where the choice, or the order, has changed
        // eslint-disable-next-line react-hooks/exhaustive-deps
    }, [chosen, order, text, kind]);

    const move = (event: KeyboardEvent) => {
        const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -15, PageDown: 15, Home: -Infinity, End: Infinity }[
            event.key
        ];
        if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        const target = event.target as HTMLElement;
        if (target.tagName !== "TR") return;
        event.preventDefault();
        const layers = shown.filter((line) => line.call < 0);
        const now = layers.findIndex((line) => line.index === chosen);
        const next = layers[Math.min(Math.max((now < 0 ? 0 : now) + by, 0), layers.length - 1)];
        if (!next) return;
        focusing.current = true;
        session.choose(side, next.index);
    };
    const sort = (column: Column) =>
        setOrder((before) => {
            const down = !column.text;
            if (before?.key !== column.key) return { key: column.key, down };
            return before.down === down ? { key: column.key, down: !down } : null;
        });
    const toggle = (index: number) => {
        const next = new Set(opened);
        if (!next.delete(index)) next.add(index);
        setOpened(next);
    };

    const id = useId();
    const visible: { line: Line; at: number }[] = printing
        ? shown.map((line, at) => ({ line, at }))
        : virtual.items.flatMap(({ index }) => (shown[index] ? [{ line: shown[index], at: index }] : []));
    return (
        <section class="layers" aria-label={`Layers of ${side.model.title}`} data-testid="layers">
            <div class="tools">
                <label>
                    find{" "}
                    <input
                        type="search"
                        value={text}
                        placeholder="name, kind or block"
                        data-testid="filter"
                        onInput={(event) => setText(event.currentTarget.value)}
                    />
                </label>
                <label>
                    kind{" "}
                    <select
                        value={kind}
                        data-testid="kind"
                        onChange={(event) => setKind(event.currentTarget.value)}
                    >
                        <option value="">all</option>
                        {kinds.map((each) => (
                            <option key={each} value={each}>
                                {each}
                            </option>
                        ))}
                    </select>
                </label>
                <details class="menu">
                    <summary>columns</summary>
                    <div class="menu-body">
                        {COLUMNS.map((column) => (
                            <label key={column.key} for={`${id}-${column.key}`} title={column.about}>
                                <input
                                    id={`${id}-${column.key}`}
                                    type="checkbox"
                                    checked={keys.includes(column.key)}
                                    disabled={column.key === "name"}
                                    onChange={(event) =>
                                        setKeys(
                                            event.currentTarget.checked
                                                ? [...keys, column.key]
                                                : keys.filter((key) => key !== column.key),
                                        )
                                    }
                                />
                                {column.title}
                            </label>
                        ))}
                    </div>
                </details>
                <span class="count" aria-live="polite">
                    {shown.length === rows.length
                        ? `${number(rows.length)} layers`
                        : `${number(new Set(shown.map((line) => line.index)).size)} of ${number(rows.length)} layers`}
                </span>
            </div>
            <div class="table-pane" ref={scroller} onPointerLeave={() => session.hover(side, null)}>
                <table
                    role="grid"
                    aria-label={`Layers of ${side.model.title}`}
                    aria-rowcount={shown.length + 1}
                    aria-colcount={columns.length}
                    onKeyDown={move}
                >
                    <thead>
                        <tr aria-rowindex={1}>
                            {columns.map((column) => (
                                <th
                                    key={column.key}
                                    scope="col"
                                    class={column.text ? "" : "figure"}
                                    aria-sort={
                                        order?.key === column.key
                                            ? order.down
                                                ? "descending"
                                                : "ascending"
                                            : "none"
                                    }
                                >
                                    <button
                                        type="button"
                                        title={column.about}
                                        onClick={() => sort(column)}
                                        data-testid={`sort-${column.key}`}
                                    >
                                        {column.title}
                                        <span aria-hidden="true">
                                            {order?.key === column.key ? (order.down ? " ▼" : " ▲") : ""}
                                        </span>
                                    </button>
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {!printing && virtual.before > 0 && (
                            <tr aria-hidden="true" style={{ height: `${virtual.before}px` }} />
                        )}
                        {/* a row that is scrolled under the pointer is not hovered: the pointer has to move */}
                        {visible.map(({ line, at }) => {
                            const is = line.index === chosen && line.call < 0;
                            return (
                                <tr
                                    key={`${line.index}.${line.call}`}
                                    aria-rowindex={at + 2}
                                    aria-selected={is}
                                    data-testid="layer-row"
                                    data-row={line.call < 0 ? line.index : undefined}
                                    data-layer={line.row.name}
                                    tabIndex={is || (place < 0 && at === 0) ? 0 : -1}
                                    class={`${is ? "chosen" : ""} ${line.call < 0 ? "" : "call"} ${line.row.container ? "container" : ""}`}
                                    onClick={() => session.choose(side, line.index)}
                                    onPointerMove={() => session.hover(side, line.index)}
                                >
                                    {columns.map((column) => (
                                        <td key={column.key} class={column.text ? "" : "figure"}>
                                            {column.key === "name" ? (
                                                <Name
                                                    line={line}
                                                    marks={marked.get(line.index)}
                                                    open={opened.has(line.index)}
                                                    toggle={toggle}
                                                />
                                            ) : column.key === "coverage" ? (
                                                <Coverage
                                                    share={line.row.coverage}
                                                    text={column.cell(line.row)}
                                                />
                                            ) : (
                                                column.cell(line.row)
                                            )}
                                        </td>
                                    ))}
                                </tr>
                            );
                        })}
                        {!printing && virtual.after > 0 && (
                            <tr aria-hidden="true" style={{ height: `${virtual.after}px` }} />
                        )}
                    </tbody>
                </table>
                {shown.length === 0 && <p class="aside">No layer is called so.</p>}
            </div>
        </section>
    );
}

interface NameProps {
    line: Line;
    marks: readonly Mark[] | undefined;
    open: boolean;
    toggle: (index: number) => void;
}

function Name({ line, marks, open, toggle }: NameProps) {
    const calls = line.row.calls?.length ?? 0;
    if (line.call >= 0)
        return (
            <span class="call-name">
                call {line.call + 1}: {line.row.name}
            </span>
        );
    return (
        <>
            <span class="name" title={line.row.name}>
                {line.row.name}
            </span>
            {calls > 1 && (
                <button
                    type="button"
                    class="disclosure"
                    aria-expanded={open}
                    data-testid="calls"
                    onClick={(event) => {
                        event.stopPropagation();
                        toggle(line.index);
                    }}
                >
                    {calls} calls
                </button>
            )}
            {marks && <MarkIcons marks={marks} />}
        </>
    );
}

function Coverage({ share, text }: { share: number | null; text: string }) {
    return (
        <>
            {share !== null && (
                <svg class="bar" width="44" height="8" aria-hidden="true">
                    <rect class="bar-ground" width="44" height="8" />
                    <rect
                        class="bar-share"
                        width={share > 0 ? Math.max(Math.min(share, 1) * 44, 1) : 0}
                        height="8"
                    />
                </svg>
            )}
            {text}
        </>
    );
}
