import { describe, expect, it } from "vitest";

import { MOST, countSeen, openAll, seenOf, treeOf, wayTo } from "../src/model/graph";
import { layOut } from "../src/model/layout";
import { rowOf } from "../src/model/lookup";
import type { Analysis, Group, Model, Row, Sized } from "../src/report";
import { chain, modelOf } from "./sample";

const analysisOf = (model: Model | undefined): Analysis => ((model as Model).sizes[0] as Sized).analysis;

describe("a model with blocks", () => {
    const step = (name: string) => ({ name, kind: "conv", kernel: 3, stride: 1, padding: 1, channels: 4 });
    const names = ["a/1", "a/2", "b/in/1", "b/in/2", "b/3", "out"];
    const analysis = analysisOf(modelOf({ extents: [8], steps: names.map(step) }));
    const layer = (name: string) => analysis.layers.findIndex((row) => row.name === name);
    (analysis.layers[layer("b/3")] as { inputs: string[] }).inputs = ["b/in/2", "a/2"];
    const tree: Group = {
        title: "",
        rows: [0, 6],
        groups: [
            { title: "a", rows: [1, 2], groups: [] },
            { title: "b", rows: [5], groups: [{ title: "in", rows: [3, 4], groups: [] }] },
        ],
    };
    const root = treeOf(analysis, tree);
    const titles = (open: Set<string>) => seenOf(analysis, root, open).nodes.map((node) => node.title);
    const edges = (open: Set<string>) => {
        const seen = seenOf(analysis, root, open);
        const title = new Map(seen.nodes.map((node) => [node.id, node.title]));
        return seen.edges.map(({ from, to }) => `${title.get(from)} > ${title.get(to)}`);
    };

    it("is seen folded, in order, with the edges between groups", () => {
        expect(titles(new Set())).toEqual(["input", "a", "b", "out"]);
        expect(edges(new Set())).toEqual(["input > a", "a > b", "b > out"]);
    });

    it("is seen in parts where a group is open", () => {
        const open = new Set(wayTo(root, layer("b/in/1")));
        expect(titles(open)).toEqual(["input", "a", "b/in/1", "b/in/2", "b/3", "out"]);
        expect(edges(open)).toEqual([
            "input > a",
            "a > b/in/1",
            "b/in/1 > b/in/2",
            "b/in/2 > b/3",
            "a > b/3",
            "b/3 > out",
        ]);
        expect(seenOf(analysis, root, open).boxes.map((box) => [box.title, box.nodes.length])).toEqual([
            ["b", 3],
            ["in", 2],
        ]);
    });

    it("is laid out with each node below what it takes", () => {
        const seen = seenOf(analysis, root, openAll(root));
        const { nodes } = layOut(seen);
        for (const { from, to } of seen.edges) {
            expect(nodes.get(to)?.y).toBeGreaterThan(nodes.get(from)?.y as number);
        }
    });

    it("has the titles of boxes that begin at the same layer beside each other", () => {
        const { boxes } = layOut(seenOf(analysis, root, openAll(root)));
        const [outer, inner] = ["b", "in"].map((title) => boxes.find((box) => box.title === title));
        expect(inner?.tab.x).toBeGreaterThanOrEqual((outer?.tab.x ?? 0) + (outer?.tab.width ?? 0));
    });
});

describe("a chain of 10,000 layers", () => {
    const model = chain(10000).models[0];
    const analysis = analysisOf(model);
    const root = treeOf(analysis, (model as Model).tree);

    it("is cut into stretches, of which no more are opened than can be drawn", () => {
        expect(countSeen(root, new Set())).toBeLessThanOrEqual(101);
        const open = openAll(root);
        expect(countSeen(root, open)).toBeLessThanOrEqual(MOST);
        expect(open.size).toBeGreaterThan(0);
    });

    it("has each layer in one node, and edges along the chain", () => {
        const seen = seenOf(analysis, root, openAll(root));
        expect(seen.nodeOf.size).toBe(analysis.layers.length);
        expect(seen.edges.length).toBe(seen.nodes.length - 1);
    });

    it("has a way to any layer", () => {
        const open = new Set(wayTo(root, 7777));
        expect(seenOf(analysis, root, open).nodeOf.get(7777)).toBe("r7777");
    });
});

describe("a layer that is called twice", () => {
    const step = (name: string) => ({ name, kind: "conv", kernel: 3, stride: 1, padding: 1, channels: 4 });
    const analysis = analysisOf(modelOf({ extents: [8], steps: ["a", "shared", "b", "join"].map(step) }));
    const [shared, b, join] = analysis.layers.slice(2) as [Row, Row, Row];
    shared.calls = [
        { ...shared, name: "shared" },
        { ...shared, name: "shared@2", inputs: ["b"], outputs: ["shared@2:0"] },
    ];
    b.inputs = ["a"];
    join.inputs = ["shared", "shared@2:0"];

    it("is found by the names of its calls, with the edges of all", () => {
        expect(rowOf(analysis, "shared@2")).toBe(2);
        expect(rowOf(analysis, "shared@2:0")).toBe(2);
        const tree = { title: "", rows: analysis.layers.map((_, row) => row), groups: [] };
        const { edges } = seenOf(analysis, treeOf(analysis, tree), new Set());
        const told = edges.map(({ from, to }) => `${from} > ${to}`);
        expect(told).toEqual(["r0 > r1", "r1 > r2", "r3 > r2", "r1 > r3", "r2 > r4"]);
    });
});
