// The graph of layers: groups folded or open, laid out once the page is there.
import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { number, shape } from "../model/figures";
import { MOST, type Node, type Seen, countSeen, openAll, seenOf, treeOf, wayTo } from "../model/graph";
import { type Layout, NODE, layOut, pathOf } from "../model/layout";
import type { Analysis, Mark, Row } from "../report";
import { useWidth, whenIdle } from "./hooks";
import { markLetter, markName } from "./marks";
import { titleWidth } from "./paint";
import type { Session, Side } from "./session";

const AT_FIRST = 48; // nodes that are seen without being asked for

export function Graph({ session, side }: { session: Session; side: Side }) {
    const { analysis } = side.sized;
    const root = useMemo(() => treeOf(analysis, side.model.tree), [analysis, side.model.tree]);
    const [open, setOpen] = useState<ReadonlySet<string>>(() => openAll(root, AT_FIRST));
    const seen = useMemo(() => seenOf(analysis, root, open), [analysis, root, open]);
    const [drawn, setDrawn] = useState<{ seen: Seen; layout: Layout } | null>(null);
    const [said, say] = useState("");
    const [scale, setScale] = useState(0); // 0: as wide as the pane, where that can be read
    const [pane, width] = useWidth<HTMLDivElement>();
    const wanted = useRef<string | null>(null); // the node to go to once it is there

    useEffect(() => whenIdle(() => setDrawn({ seen, layout: layOut(seen) })), [seen]);

    const chosen = useComputed(() => session.shown(side, session.chosen.value).index).value;
    const node = drawn?.seen.nodeOf.get(chosen);
    const fitting = drawn && width ? Math.min(1, Math.max((width - 4) / drawn.layout.width, 0.82)) : 1;
    const factor = scale || fitting;
    useEffect(() => {
        const at = node !== undefined && drawn?.layout.nodes.get(node);
        if (!at || !pane.current) return;
        const { clientHeight, clientWidth, scrollTop, scrollLeft } = pane.current;
        const [x, y] = [at.x * factor, at.y * factor];
        const near =
            y > scrollTop + 30 &&
            y < scrollTop + clientHeight - 30 &&
            x > scrollLeft + 30 &&
            x < scrollLeft + clientWidth - 30;
        if (!near) pane.current.scrollTo({ top: y - clientHeight / 2, left: x - clientWidth / 2 });
    }, [node, drawn, factor, pane]);
    useEffect(() => {
        if (!wanted.current || !drawn) return;
        pane.current?.querySelector<SVGElement>(`[data-node="${wanted.current}"]`)?.focus();
        wanted.current = null;
    }, [drawn, pane]);

    const toggle = (id: string, focus = true) => {
        const next = new Set(open);
        if (next.delete(id)) {
            if (focus) wanted.current = id;
        } else {
            next.add(id);
            if (countSeen(root, next) > MOST) {
                say(`No more than ${MOST} nodes are drawn at a time: fold others first.`);
                return;
            }
            const child = nodeWith(root, id)?.children?.[0];
            if (focus && child) wanted.current = child.id;
        }
        say("");
        setOpen(next);
    };
    const reveal = () => {
        const next = new Set(open);
        for (const id of wayTo(root, chosen)) next.add(id);
        if (countSeen(root, next) > MOST) {
            next.clear();
            for (const id of wayTo(root, chosen)) next.add(id);
        }
        wanted.current = `r${chosen}`;
        setOpen(next);
    };
    const foldable = root.children?.some((child) => child.children) ?? false;
    const hidden = node !== undefined && node !== `r${chosen}`;

    return (
        <section class="graph" aria-label={`Graph of ${side.model.title}`} data-testid="graph">
            <div class="tools">
                {foldable && (
                    <>
                        <button
                            type="button"
                            data-testid="open-all"
                            onClick={() => {
                                const all = openAll(root);
                                setOpen(all);
                                say(countFolded(root, all) ? `As much is open as ${MOST} nodes show.` : "");
                            }}
                        >
                            open all
                        </button>
                        <button
                            type="button"
                            data-testid="close-all"
                            onClick={() => {
                                setOpen(new Set());
                                say("");
                            }}
                        >
                            close all
                        </button>
                    </>
                )}
                <span class="zoom">
                    <button
                        type="button"
                        aria-label="Smaller"
                        onClick={() => setScale(Math.max(factor / 1.25, 0.3))}
                    >
                        −
                    </button>
                    <button
                        type="button"
                        aria-label="Larger"
                        onClick={() => setScale(Math.min(factor * 1.25, 2))}
                    >
                        +
                    </button>
                </span>
            </div>
            <p class="aside" aria-live="polite">
                {said}
                {hidden && (
                    <button type="button" class="link" onClick={reveal} data-testid="reveal">
                        open the way to {analysis.layers[chosen]?.name}
                    </button>
                )}
            </p>
            <div
                class="graph-pane"
                ref={pane}
                tabIndex={0}
                role="group"
                aria-label={`Graph of ${side.model.title}, scrolled`}
                onPointerLeave={() => session.hover(side, null)}
            >
                {drawn ? (
                    <Drawing
                        drawn={drawn}
                        session={session}
                        side={side}
                        factor={factor}
                        toggle={toggle}
                        current={node ?? null}
                    />
                ) : (
                    <p class="aside">
                        The graph of {number(analysis.layers.length)} layers is being laid out.
                    </p>
                )}
            </div>
        </section>
    );
}

function nodeWith(node: Node, id: string): Node | null {
    if (node.id === id) return node;
    for (const child of node.children ?? []) {
        const found = nodeWith(child, id);
        if (found) return found;
    }
    return null;
}

function countFolded(node: Node, open: ReadonlySet<string>): number {
    return (node.children ?? []).reduce(
        (sum, child) => sum + (child.children ? (open.has(child.id) ? countFolded(child, open) : 1) : 0),
        0,
    );
}

interface DrawingProps {
    drawn: { seen: Seen; layout: Layout };
    session: Session;
    side: Side;
    factor: number;
    toggle: (id: string, focus?: boolean) => void;
    current: string | null;
}

function Drawing({ drawn, session, side, factor, toggle, current }: DrawingProps) {
    const { seen, layout } = drawn;
    const { analysis, marks } = side.sized;
    const svg = useRef<SVGSVGElement>(null);
    const ways = useMemo(() => {
        const [ahead, back] = [new Map<string, string[]>(), new Map<string, string[]>()];
        for (const { from, to } of seen.edges) {
            ahead.set(from, [...(ahead.get(from) ?? []), to]);
            back.set(to, [...(back.get(to) ?? []), from]);
        }
        return { ahead, back };
    }, [seen]);
    const nodeMarks = useMemo(() => {
        const found = new Map<string, Mark[]>();
        for (const mark of marks) {
            const id = seen.nodeOf.get(mark.row);
            if (id) found.set(id, [...(found.get(id) ?? []), mark]);
        }
        return found;
    }, [seen, marks]);
    const tabbed = current ?? seen.nodes[0]?.id;

    const go = (id: string | undefined) =>
        id && svg.current?.querySelector<SVGElement>(`[data-node="${id}"]`)?.focus();
    const beside = (id: string, by: number) => {
        const here = layout.nodes.get(id);
        if (!here) return undefined;
        const others = [...layout.nodes.values()].filter(
            (other) => Math.abs(other.y - here.y) < 30 && Math.sign(other.x - here.x) === by,
        );
        return others.sort((one, other) => Math.abs(one.x - here.x) - Math.abs(other.x - here.x))[0]?.id;
    };
    const key = (event: KeyboardEvent, node: Node) => {
        if (event.altKey || event.ctrlKey || event.metaKey) return;
        if (event.key === "Enter" || event.key === " ") act(node);
        else if (event.key === "ArrowDown") go(ways.ahead.get(node.id)?.[0]);
        else if (event.key === "ArrowUp") go(ways.back.get(node.id)?.[0]);
        else if (event.key === "ArrowLeft") go(beside(node.id, -1));
        else if (event.key === "ArrowRight") go(beside(node.id, 1));
        else return;
        event.preventDefault();
    };
    const act = (node: Node) => (node.children ? toggle(node.id) : session.choose(side, node.row));

    return (
        <svg
            ref={svg}
            width={layout.width * factor}
            height={layout.height * factor}
            viewBox={`0 0 ${layout.width} ${layout.height}`}
            role="group"
            aria-label={`${seen.nodes.length} nodes; arrow keys go along edges, Enter chooses a layer or opens a group`}
        >
            {layout.boxes.map((box) => (
                <g key={box.id}>
                    <rect class="box" x={box.x} y={box.y} width={box.width} height={box.height} rx={8} />
                    <g class="tab" onClick={() => toggle(box.id)}>
                        <rect
                            x={box.tab.x}
                            y={box.y - 9}
                            width={box.tab.width}
                            height={17}
                            rx={4}
                            role="button"
                            tabIndex={0}
                            aria-label={`Close ${box.title}`}
                            data-testid="close-group"
                            onKeyDown={(event) => {
                                if (event.key !== "Enter" && event.key !== " ") return;
                                event.preventDefault();
                                toggle(box.id);
                            }}
                        />
                        <text class="node-text" x={box.tab.x + 7} y={box.y + 3} aria-hidden="true">
                            − {clip(box.title, Math.floor((box.width - 26) / 6.4))}
                        </text>
                    </g>
                </g>
            ))}
            {layout.edges.map(({ from, to, points }) => (
                <path key={`${from}>${to}`} class="edge" d={pathOf(points)} />
            ))}
            {seen.nodes.map((node) => {
                const place = layout.nodes.get(node.id);
                if (!place) return null;
                return (
                    <g
                        key={node.id}
                        class={node.children ? "node group-node" : "node"}
                        transform={`translate(${place.x - NODE.width / 2} ${place.y - (node.children ? NODE.group : NODE.row) / 2})`}
                        data-testid={node.children ? "graph-group" : "graph-node"}
                        data-layer={node.children ? undefined : node.title}
                        data-current={node.id === current ? "true" : undefined}
                        onClick={() => act(node)}
                        onPointerMove={() => session.hover(side, node.row)}
                    >
                        <title>{titleOf(node, nodeMarks.get(node.id))}</title>
                        {node.children && (
                            <rect
                                class="face behind"
                                x={3}
                                y={3}
                                width={NODE.width}
                                height={NODE.group}
                                rx={6}
                            />
                        )}
                        <rect
                            class={`face ${familyOf((analysis.layers[node.row] as Row).kind)}`}
                            width={NODE.width}
                            height={node.children ? NODE.group : NODE.row}
                            rx={6}
                            role="button"
                            tabIndex={node.id === tabbed ? 0 : -1}
                            data-node={node.id}
                            aria-expanded={node.children ? false : undefined}
                            aria-current={node.id === current ? "true" : undefined}
                            aria-label={labelOf(analysis, node, nodeMarks.get(node.id))}
                            onKeyDown={(event) => key(event, node)}
                            onFocus={() => session.hover(side, node.row)}
                            onBlur={() => session.hover(side, null)}
                        />
                        <NodeFace analysis={analysis} node={node} marks={nodeMarks.get(node.id)} />
                    </g>
                );
            })}
        </svg>
    );
}

function clip(text: string, most: number): string {
    if (text.length <= most) return text;
    // the end of a long name tells more than its beginning
    return `…${text.slice(text.length - Math.max(most - 1, 1)).replace(/^[…\s]+/, "")}`;
}

const MOST_LETTERS = 64; // of a title: more have no room, however narrow they are

/** Clip a title to so many pixels, as wide as its letters are. */
function fitted(text: string, room: number): string {
    if (text.length <= MOST_LETTERS && titleWidth(text) <= room) return text;
    let fits = 1;
    let most = Math.min(text.length, MOST_LETTERS);
    while (fits < most) {
        const middle = Math.ceil((fits + most) / 2);
        if (titleWidth(clip(text, middle)) <= room) fits = middle;
        else most = middle - 1;
    }
    return clip(text, fits);
}

/** What is shown when the pointer rests on a node. */
function titleOf(node: Node, marks: readonly Mark[] | undefined): string {
    return [node.title, ...new Set(marks?.map((mark) => mark.message))].join("\n");
}

function labelOf(analysis: Analysis, node: Node, marks: readonly Mark[] | undefined): string {
    const row = analysis.layers[node.row] as Row;
    const remarks = marks?.length ? `; ${[...new Set(marks.map(markName))].join(", ")}` : "";
    return node.children
        ? `Group ${node.title}, ${node.size} layers, ${shape(row.output_shape)}, folded${remarks}`
        : `${row.name}, ${row.kind}, ${shape(row.output_shape)}${remarks}`;
}

function NodeFace({
    analysis,
    node,
    marks,
}: {
    analysis: Analysis;
    node: Node;
    marks: readonly Mark[] | undefined;
}) {
    const row = analysis.layers[node.row] as Row;
    const shown = [...new Map(marks?.map((mark) => [mark.code, mark])).values()].slice(0, 3);
    const room = NODE.width - 18 - shown.length * 19;
    const title = useMemo(
        () => (node.children ? `+ ${fitted(node.title, room - titleWidth("+ "))}` : fitted(row.name, room)),
        [node, row, room],
    );
    return (
        <g class="node-text" aria-hidden="true">
            <text class="node-title" x={10} y={16}>
                {title}
            </text>
            <text class="node-detail" x={10} y={31}>
                {node.children
                    ? `${number(node.size)} ${node.size === 1 ? "layer" : "layers"}`
                    : row.kind.slice(0, Math.max(21 - shape(row.output_shape).length, 5))}
            </text>
            <text class="node-detail end" x={NODE.width - 9} y={31}>
                {clip(shape(row.output_shape), node.children ? 14 : 17)}
            </text>
            {shown.map((mark, place) => (
                <g
                    key={mark.code}
                    class={`node-mark ${mark.level}`}
                    transform={`translate(${NODE.width - 19 * (place + 1) - 3} 4)`}
                >
                    <rect
                        width={16}
                        height={14}
                        rx={mark.level === "warning" ? 7 : mark.level === "error" ? 0 : 3}
                    />
                    <text x={8} y={11}>
                        {markLetter(mark)}
                    </text>
                </g>
            ))}
        </g>
    );
}

/** What kinds have in common, as far as a look at the graph should tell. */
function familyOf(kind: string): string {
    if (/pool/.test(kind)) return "pooling";
    if (/conv|linear|dense|attention|matmul|capsules|lstm|gru|rnn/.test(kind)) return "weights";
    if (kind === "input") return "input";
    return "";
}
