// The graph that is seen: groups of the tree folded or open, long rows of layers cut into stretches.
import type { Analysis, Group, Row } from "../report";
import { rowOf } from "./lookup";

/** A node of the tree: one row, or a group of nodes. */
export interface Node {
    id: string;
    title: string;
    row: number; // the row, or the last of the group
    first: number;
    size: number; // how many rows
    children: Node[] | null; // null: a row
}

export interface Edge {
    from: string;
    to: string;
}

export interface Box {
    id: string;
    title: string;
    nodes: string[];
    depth: number;
}

export interface Seen {
    nodes: Node[];
    edges: Edge[];
    boxes: Box[]; // open groups, with the nodes that are seen of them
    nodeOf: Map<number, string>; // row -> the node it is in
}

/** So many nodes are drawn at most; beyond that groups stay folded. */
export const MOST = 400;
const STRETCH = 100;

function leaf(analysis: Analysis, row: number): Node {
    return {
        id: `r${row}`,
        title: (analysis.layers[row] as Row).name,
        row,
        first: row,
        size: 1,
        children: null,
    };
}

function group(id: string, title: string, children: Node[]): Node {
    return {
        id,
        title,
        children,
        first: children[0]?.first ?? 0,
        row: children.at(-1)?.row ?? 0,
        size: children.reduce((sum, child) => sum + child.size, 0),
    };
}

/** Cut what has too many parts into stretches of neighbours, as often as it takes. */
function cut(id: string, parts: Node[]): Node[] {
    if (parts.length <= STRETCH) return parts;
    const length = Math.max(STRETCH, Math.ceil(parts.length / STRETCH));
    const stretches: Node[] = [];
    for (let at = 0; at < parts.length; at += length) {
        const some = parts.slice(at, at + length);
        const title = `${(some[0] as Node).title} … ${(some.at(-1) as Node).title}`;
        stretches.push(group(`${id}~${at}`, title, cut(`${id}~${at}`, some)));
    }
    return stretches;
}

function nodeFor(analysis: Analysis, from: Group, id: string): Node {
    const parts = [
        ...from.rows.map((row) => leaf(analysis, row)),
        ...from.groups.map((each, place) => nodeFor(analysis, each, `${id}.${place}`)),
    ].filter((node) => node.size > 0);
    parts.sort((one, other) => one.first - other.first);
    return group(id, from.title, cut(id, parts));
}

/** The tree of a model as nodes. */
export function treeOf(analysis: Analysis, tree: Group): Node {
    return nodeFor(analysis, tree, "g");
}

function seenBelow(node: Node, open: ReadonlySet<string>): number {
    if (!node.children || !open.has(node.id)) return 1;
    return node.children.reduce((sum, child) => sum + seenBelow(child, open), 0);
}

/** How many nodes are seen. */
export function countSeen(root: Node, open: ReadonlySet<string>): number {
    return (root.children ?? []).reduce((sum, child) => sum + seenBelow(child, open), 0);
}

/** Open groups, the outer ones first, as long as no more than `most` nodes are seen. */
export function openAll(root: Node, most = MOST): Set<string> {
    const open = new Set<string>();
    let count = root.children?.length ?? 0;
    let floor = root.children ?? [];
    while (floor.length) {
        const next: Node[] = [];
        for (const node of floor) {
            if (!node.children || count + node.children.length - 1 > most) continue;
            open.add(node.id);
            count += node.children.length - 1;
            next.push(...node.children);
        }
        floor = next;
    }
    return open;
}

/** The ids of the groups around a row, the outermost first. */
export function wayTo(root: Node, row: number): string[] {
    const way: string[] = [];
    let node: Node | undefined = root;
    while (node?.children) {
        node = node.children.find((child) => contains(child, row));
        if (node?.children) way.push(node.id);
    }
    return way;
}

function contains(node: Node, row: number): boolean {
    if (!node.children) return node.row === row;
    return node.children.some((child) => contains(child, row));
}

function collect(node: Node, open: ReadonlySet<string>, depth: number, seen: Seen): string[] {
    if (!node.children || !open.has(node.id)) {
        seen.nodes.push(node);
        const mark = (each: Node): void =>
            each.children ? each.children.forEach(mark) : void seen.nodeOf.set(each.row, node.id);
        mark(node);
        return [node.id];
    }
    const box: Box = { id: node.id, title: node.title, nodes: [], depth };
    seen.boxes.push(box);
    for (const child of node.children) box.nodes.push(...collect(child, open, depth + 1, seen));
    return box.nodes;
}

/** What is seen of a tree, and the edges between it. */
export function seenOf(analysis: Analysis, root: Node, open: ReadonlySet<string>): Seen {
    const seen: Seen = { nodes: [], edges: [], boxes: [], nodeOf: new Map() };
    for (const child of root.children ?? []) collect(child, open, 0, seen);
    const known = new Set<string>();
    analysis.layers.forEach((row, index) => {
        const to = seen.nodeOf.get(index);
        if (to === undefined) return;
        const calls = row.calls ?? [];
        for (const name of [row, ...calls].flatMap((each) => each.inputs)) {
            const from = seen.nodeOf.get(rowOf(analysis, name));
            if (from === undefined || from === to || known.has(`${from}>${to}`)) continue;
            known.add(`${from}>${to}`);
            seen.edges.push({ from, to });
        }
    });
    return seen;
}
