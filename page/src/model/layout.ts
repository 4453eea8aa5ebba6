// Where the nodes and edges of the graph lie.
import { Graph, layout } from "@dagrejs/dagre";

import type { Box, Seen } from "./graph";

export interface Placed {
    id: string;
    x: number; // of the middle
    y: number;
}

export interface Layout {
    width: number;
    height: number;
    nodes: Map<string, Placed>;
    edges: { from: string; to: string; points: { x: number; y: number }[] }[];
    boxes: Frame[];
}

/** A box, and where its title stands on its upper edge. */
export interface Frame extends Box {
    x: number;
    y: number;
    width: number;
    height: number;
    tab: { x: number; width: number };
}

export const NODE = { width: 158, row: 40, group: 46 };
const MARGIN = 14;
const PAD = 9;
const TAB = 18;

export function layOut(seen: Seen): Layout {
    const graph = new Graph();
    graph.setGraph({
        rankdir: "TB",
        nodesep: 22,
        edgesep: 10,
        ranksep: seen.boxes.length ? 34 : 22,
        marginx: MARGIN,
        marginy: MARGIN,
    });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const node of seen.nodes) {
        graph.setNode(node.id, { width: NODE.width, height: node.children ? NODE.group : NODE.row });
    }
    for (const { from, to } of seen.edges) graph.setEdge(from, to);
    layout(graph);
    const nodes = new Map<string, Placed>();
    for (const { id } of seen.nodes) {
        const { x, y } = graph.node(id) as { x: number; y: number };
        nodes.set(id, { id, x, y });
    }
    const edges = seen.edges.map(({ from, to }) => ({
        from,
        to,
        points: (graph.edge(from, to) as { points: { x: number; y: number }[] }).points,
    }));
    const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
    const boxes = seen.boxes.flatMap((box) => {
        const places = box.nodes.flatMap((id) => nodes.get(id) ?? []);
        if (!places.length) return [];
        // boxes around boxes keep a little apart
        const pad = PAD - Math.min(box.depth, 3) * 2;
        const x = Math.min(...places.map((place) => place.x)) - NODE.width / 2 - pad;
        const y = Math.min(...places.map((place) => place.y)) - NODE.group / 2 - pad;
        const right = Math.max(...places.map((place) => place.x)) + NODE.width / 2 + pad;
        const bottom = Math.max(...places.map((place) => place.y)) + NODE.group / 2 + pad;
        return [{ ...box, x, y: y - TAB / 3, width: right - x, height: bottom - y + TAB / 3 }];
    });
    return { width, height, nodes, edges, boxes: withTabs(boxes) };
}

/** Put titles of boxes that begin at the same layer beside each other, the outermost first. */
function withTabs(boxes: readonly Omit<Frame, "tab">[]): Frame[] {
    const placed: Frame[] = [];
    for (const box of boxes) {
        const tab = { x: box.x, width: Math.min(box.title.length * 6.4 + 26, box.width) };
        for (const { y, tab: other } of placed) {
            const meets = tab.x < other.x + other.width && other.x < tab.x + tab.width;
            if (meets && Math.abs(y - box.y) < TAB) tab.x = other.x + other.width + 3;
        }
        if (tab.x + tab.width > box.x + box.width) tab.x = box.x;
        placed.push({ ...box, tab });
    }
    return placed;
}

/** A line through the points of an edge, its corners rounded. */
export function pathOf(points: readonly { x: number; y: number }[]): string {
    const [start] = points;
    if (!start) return "";
    let path = `M${start.x.toFixed(1)} ${start.y.toFixed(1)}`;
    for (let i = 1; i < points.length; i++) {
        const here = points[i] as { x: number; y: number };
        const next = points[i + 1];
        if (!next) path += `L${here.x.toFixed(1)} ${here.y.toFixed(1)}`;
        else {
            const middle = { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 };
            path += `Q${here.x.toFixed(1)} ${here.y.toFixed(1)} ${middle.x.toFixed(1)} ${middle.y.toFixed(1)}`;
        }
    }
    return path;
}
