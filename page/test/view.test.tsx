// @vitest-environment happy-dom
// The page in a browser without pictures: what it says, what it does when it is used.
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Fields, Model, Report, Row, Sized } from "../src/report";
import { ReportView } from "../src/view/ReportView";
import { chain, modelOf, pooling, reportOf } from "./sample";

// there is no layout here: everything is as large as a pane
for (const side of ["offsetWidth", "offsetHeight", "clientWidth", "clientHeight"]) {
    Object.defineProperty(HTMLElement.prototype, side, { configurable: true, get: () => 480 });
}

let root: HTMLElement;

beforeEach(() => {
    root = document.createElement("div");
    document.body.append(root);
});

afterEach(() => {
    render(null, root);
    root.remove();
});

const show = (report: Report) => act(() => render(<ReportView report={report} />, root));
const all = (hook: string) => [...root.querySelectorAll<HTMLElement>(`[data-testid="${hook}"]`)];
const words = () => all("words").map((each) => each.textContent);
const rowOf = (name: string, side = 0) =>
    all("layers")[side]?.querySelector(`[data-layer="${name}"]`) as HTMLElement;
const send = (element: Element | undefined, event: Event) => act(() => void element?.dispatchEvent(event));
const click = (element: Element | undefined) => send(element, new MouseEvent("click", { bubbles: true }));
const sizedOf = (report: Report) => (report.models[0] as Model).sizes[0] as Sized;

describe("a model beside what it is without pooling", () => {
    it("shows what a unit of the last map sees in each", async () => {
        await show(pooling());
        expect(words()).toEqual([
            expect.stringContaining("18x18 of 28x28 (41% of the image)"),
            expect.stringContaining("7x7 of 28x28 (6% of the image)"),
        ]);
    });

    it("follows the pointer over the layers, in step, and goes back to the chosen one", async () => {
        await show(pooling());
        await send(rowOf("conv2"), new PointerEvent("pointermove", { bubbles: true }));
        expect(words()).toEqual([expect.stringMatching(/^conv2.*8x8/), expect.stringMatching(/^conv2.*5x5/)]);
        await send(
            all("layers")[0]?.querySelector(".table-pane") ?? undefined,
            new PointerEvent("pointerleave"),
        );
        expect(words()[0]).toMatch(/^conv3/);
    });

    it.each([
        ["keys on the map of units", "unit-map", "(1, 2)"],
        ["a number", "at-1", "(1, 2)"],
    ])("acts on the chosen layer by %s while the pointer rests on another", async (_, hook, unit) => {
        await show(pooling());
        await send(rowOf("pool1"), new PointerEvent("pointermove", { bubbles: true }));
        expect(words()[0]).toMatch(/^pool1/);
        const element = all(hook)[0] as HTMLElement;
        if (element instanceof HTMLInputElement) {
            element.value = "2";
            await send(element, new Event("input", { bubbles: true }));
        } else await send(element, new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
        expect(words()[0]).toContain(`conv3, unit ${unit} of 3x3`);
    });

    it("shows the last layer before one that the other has not", async () => {
        await show(pooling());
        await click(rowOf("pool2"));
        expect(words()).toEqual([expect.stringMatching(/^pool2/), expect.stringMatching(/^conv2/)]);
        expect(root.textContent).toContain("plain has no pool2; conv2, the last one before it, is shown.");
    });

    it("goes along the table by keys", async () => {
        await show(pooling());
        await send(rowOf("conv3"), new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
        expect(rowOf("pool2").getAttribute("aria-selected")).toBe("true");
    });

    it("counts who sees a position, layer by layer", async () => {
        await show(pooling());
        await click(all("mode-pixel")[0]);
        const counts = [...(all("pixel-list")[0]?.querySelectorAll("tbody tr") ?? [])].map((row) =>
            [...row.children].map((cell) => cell.textContent).join(" "),
        );
        // row 14 and column 14 lie in windows of conv1 at 12, 13, 14; of pool1 at 6, 7; and so on
        expect(counts).toEqual([
            "input 1 784",
            "conv1 9 676",
            "pool1 4 169",
            "conv2 16 121",
            "pool2 4 25",
            "conv3 9 9",
        ]);
        await click(all("pixel-list")[0]?.querySelectorAll("tbody button")[1]);
        expect(words()[0]).toContain("seen by 9 of the 676 units of conv1");
    });
});

describe("costs of two models", () => {
    it("have bars of one scale, so that they compare", async () => {
        await show(pooling());
        const most = all("most").map((list) =>
            [...list.querySelectorAll("li")].map((each) => ({
                macs: each.querySelector(".figure")?.textContent,
                long: Number(each.querySelector(".bar-share")?.getAttribute("width")),
            })),
        );
        // the sample counts parameters times units: conv2 18,496 * 11 * 11, conv3 of the other 73,856 * 22 * 22
        expect(most[0]?.[0]).toEqual({
            macs: "2.24 M",
            long: expect.closeTo((100 * 18_496 * 121) / (73_856 * 484), 1),
        });
        expect(most[1]?.[0]).toEqual({ macs: "35.7 M", long: 100 });
    });
});

describe("two models with other names for their layers", () => {
    const report = pooling();
    const names = ["input", "first", "conv1", "conv3"]; // conv1 stands for conv2
    const other = report.models[1] as Model;
    other.sizes[0]?.analysis.layers.forEach((row, index) => (row.name = names[index] as string));
    const pairs = [
        ["input", "input"],
        ["conv1", "first"],
        ["pool1", null],
        ["conv2", "conv1"],
        ["pool2", null],
    ]; // of conv3 the difference says nothing
    report.diff = {
        layers: pairs.map(([old, now]) => ({ old: old && { name: old }, new: now && { name: now } })),
        answer: [],
        summary: {},
    };

    it.each([
        ["conv1", "first", "first stands for conv1 of pooling."],
        ["conv2", "conv1", "conv1 stands for conv2 of pooling."],
        ["pool2", "conv1", "plain has no pool2; conv1, the last one before it, is shown."],
        ["conv3", "conv3", ""],
    ])("show of %s %s", async (name, found, said) => {
        await show(report);
        await click(rowOf(name));
        expect(words()).toEqual([expect.stringMatching(`^${name}, `), expect.stringMatching(`^${found}, `)]);
        expect(all("stands-for").length).toBe(said.includes("stands for") ? 1 : 0);
        expect(root.textContent).toContain(said);
    });

    it("go in step the other way round", async () => {
        await show(report);
        await click(rowOf("conv1", 1));
        expect(words()).toEqual([expect.stringMatching(/^conv2, /), expect.stringMatching(/^conv1, /)]);
        expect(all("stands-for").map((each) => each.textContent)).toEqual([
            "conv2 stands for conv1 of plain.",
        ]);
    });
});

describe("another report of the same model", () => {
    it("is shown where the one before it was", async () => {
        await show(pooling());
        await click(rowOf("conv1"));
        await show(pooling());
        expect(words()[0]).toMatch(/^conv1/);
    });

    it("is shown from its own last map where it has no such layer", async () => {
        await show(pooling());
        await show(chain(3));
        expect(words()).toEqual([expect.stringMatching(/^conv2, unit/)]);
    });
});

describe("what a document says", () => {
    const HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "__proto__"];

    it("stays text", async () => {
        const steps = HOSTILE.map((name) => ({
            name,
            kind: name,
            kernel: 3,
            stride: 1,
            padding: 1,
            channels: 2,
        }));
        const report = reportOf(modelOf({ extents: [8, 8], steps, title: HOSTILE[0] ?? "" }));
        report.image = "javascript:alert(1)";
        sizedOf(report).analysis.notes = HOSTILE.map((text) => ({
            level: "warning",
            code: text,
            layer: text,
            message: text,
        }));
        await show(report);
        expect(root.querySelector("img, script, iframe, object")).toBeNull();
        for (const name of HOSTILE) expect(rowOf(CSS.escape(name)).textContent).toContain(name);
        const links = [...root.querySelectorAll("a")].map((link) => link.getAttribute("href"));
        expect(links.every((href) => href?.startsWith("#"))).toBe(true);
        expect(root.querySelector("[onerror]")).toBeNull();
    });

    it("is said to be unknown where it is", async () => {
        const report = pooling();
        const sized = sizedOf(report);
        sized.fields = null;
        sized.fields_missing = "the size of the input is open";
        Object.assign(sized.analysis.totals, { macs: null, peak_memory: null });
        await show(report);
        expect(words()[0]).toContain("the size of the input is open");
        expect(root.querySelector('[data-total="macs"]')?.textContent).toContain("not known");
        expect(root.textContent).not.toMatch(/NaN|undefined|Infinity/);
    });
});

describe("several sizes", () => {
    const at = (extent: number) => {
        const steps = [{ name: "conv", kind: "conv", kernel: 3, stride: 1, padding: 0, channels: 1 }];
        return modelOf({ extents: [extent, extent], steps, title: "model" });
    };
    const several = () => {
        const [model, other] = [at(16), { ...at(16), title: "other" }];
        model.sizes.push(...at(8).sizes);
        other.left_out.push({ extents: [8, 8], reason: "too small" });
        return reportOf(model, other);
    };

    it("say where one of them cannot be shown, and which it is instead", async () => {
        await show(several());
        expect(all("lacks")).toEqual([]);
        const select = all("size")[0] as HTMLSelectElement;
        select.value = "8x8";
        await send(select, new Event("change", { bubbles: true }));
        expect(words()).toEqual([expect.stringContaining("of 8x8"), expect.stringContaining("of 16x16")]);
        expect(all("lacks").map((each) => each.textContent)).toEqual([
            "other cannot be built at 8x8: too small; shown at 16x16.",
        ]);
    });

    it("say of which of them growth is", async () => {
        await show(several());
        expect(all("growth")[0]?.querySelector("h2")?.textContent).toBe("Field against depth at 16x16");
        await show(reportOf(at(16)));
        expect(all("growth")[0]?.querySelector("h2")?.textContent).toBe("Field against depth");
    });
});

describe("weights", () => {
    it("are told along each axis by itself, or why they are not", async () => {
        const report = pooling();
        const fields = sizedOf(report).fields as Fields;
        fields.weights.of[4] = null;
        fields.weights.why = { "4": "there was no room" };
        await show(report);
        await click(all("weights")[0]);
        expect(root.querySelector(".weighed")?.textContent).toContain(
            "Along each axis by itself:50% of its weight lies within 18 rows, 18 columns",
        );
        await click(rowOf("pool2"));
        expect(root.textContent).toContain("Weights of this layer are not known: there was no room.");
    });
});

describe("a layer that is called twice", () => {
    it("says that its field is that of the first call", async () => {
        const report = pooling();
        const row = sizedOf(report).analysis.layers[3] as Row;
        row.calls = [row, { ...row, name: "conv2@2" }];
        await show(report);
        await click(rowOf("conv2"));
        expect(all("which-call").map((each) => each.textContent)).toEqual(["The first of 2 calls of it."]);
    });
});

describe("thousands of layers", () => {
    it("have few rows in the page", async () => {
        await show(chain(3000));
        expect(all("layer-row").length).toBeLessThan(100);
        expect(root.querySelector('[role="grid"]')?.getAttribute("aria-rowcount")).toBe("3002");
    });
});
