import { describe, expect, it } from "vitest";

import * as figures from "../src/model/figures";
import { lines } from "../src/model/columns";
import { read, write } from "../src/model/hash";
import { totalsOf } from "../src/model/totals";
import { sentence, whyNot } from "../src/model/words";
import type { Fields, Model, Row, Sized } from "../src/report";
import { type Step, modelOf, pooling } from "./sample";

const row = (more: Partial<Row>): Row =>
    ({ ...((pooling().models[0] as Model).sizes[0] as Sized).analysis.layers[1], ...more }) as Row;

describe("figures read as in rfcalc's own tables", () => {
    // the table "a field reads" of docs/formats.md
    it.each([
        ["18x18", { receptive_field: [18, 18] }],
        ["global", { receptive_field: [null, null], local_receptive_field: [null, null] }],
        ["global (7x7)", { receptive_field: [null, null], local_receptive_field: [7, 7] }],
        ["~18x18", { receptive_field: [18, 18], status: "bound" }],
        ["none", { receptive_field: [0, 0] }],
        ["?", { receptive_field: null, status: "unknown" }],
        ["global x 5", { receptive_field: [null, 5], local_receptive_field: [null, 5] }],
    ] as [string, Partial<Row>][])("%s", (text, more) => expect(figures.field(row(more))).toBe(text));

    // the doctests of rfcalc/render/humanise.py
    it.each(
        [118013952, 3857973248, 999999, 640, null].map((value, i) => [
            value,
            ["118 M", "3.86 G", "1.00 M", "640", "?"][i],
        ]),
    )("%s in short", (value, text) => expect(figures.short(value as number | null)).toBe(text));
    it.each(
        [154792, 640, 24016495008, null].map((value, i) => [value, ["155 kB", "640 B", "24.0 GB", "?"][i]]),
    )("%s bytes", (value, text) => expect(figures.bytes(value as number | null)).toBe(text));
    it("shapes", () => {
        expect(figures.shape([null, 112, 112, 64])).toBe("112x112x64");
        expect(figures.shape([1, 10])).toBe("1x10");
        expect(figures.shape([null])).toBe("?");
        expect(figures.shape([null, "H - 2", "W - 2", 8])).toBe("(H - 2, W - 2, 8)");
    });
    it.each([
        [0.00098, "<1%"],
        [0.284, "28%"],
        [0.9999, "99%"],
        [1, "100%"],
        [null, "?"],
        [0, "0%"],
    ] as const)("%s as a share", (share, text) => expect(figures.percent(share)).toBe(text));
});

describe("a field in words", () => {
    const report = pooling();
    const [model, plain] = report.models as [Model, Model];
    const said = (which: Model, layer: string, unit: number[]) => {
        const sized = which.sizes[0] as Sized;
        return sentence(
            which,
            sized,
            sized.analysis.layers.findIndex((each) => each.name === layer),
            unit,
        );
    };

    it("says what pooling is for", () => {
        expect(said(model, "conv3", [1, 1])).toBe(
            "conv3, unit (1, 1) of 3x3: rows 4-21, columns 4-21: 18x18 of 28x28 (41% of the image); 0 in padding",
        );
        expect(said(plain, "conv3", [11, 11])).toBe(
            "conv3, unit (11, 11) of 22x22: rows 11-17, columns 11-17: 7x7 of 28x28 (6% of the image); 0 in padding",
        );
    });

    it("says what lies in padding, and what is left out", () => {
        const padded = modelOf({
            extents: [9, 9],
            steps: [
                { name: "conv", kind: "conv", kernel: 3, stride: 1, padding: 2, dilation: 2, channels: 1 },
            ],
        });
        expect(said(padded, "conv", [0, 4])).toBe(
            "conv, unit (0, 4) of 9x9: rows 0-2, columns 2-6: 3x5 of 9x9 (19% of the image), of which it reads 2x3; 1 of 3 taps along rows in padding",
        );
    });

    const conv = { name: "conv", kind: "conv", kernel: 3, stride: 1, padding: 1, channels: 1 };
    const pool = { name: "pool", kind: "max_pool", kernel: 3, stride: 3, padding: 0, channels: 1 };
    const crop = { name: "crop", kind: "crop", kernel: 1, stride: 1, padding: -8, channels: 1 };
    const apart = { ...conv, dilation: 6, padding: 6 };
    it.each([
        ["1 row of its window is cut off or in padding", 32, [crop, conv], [0, 5]],
        ["1 row and 1 column of its window are cut off or in padding", 32, [crop, conv], [0, 0]],
        ["3 rows in padding", 10, [pool, conv], [0, 1]],
        ["3 rows of its window are cut off or in padding", 10, [pool, conv], [2, 1]],
        ["1 of 3 taps along rows in padding", 32, [apart], [0, 9]],
        ["1 of 3 taps along rows and 1 of 3 taps along columns in padding", 32, [apart], [5, 30]],
        ["0 in padding", 32, [apart], [6, 9]],
        ["1 of 3 taps along rows is cut off or in padding", 32, [crop, apart], [0, 6]],
    ] as [string, number, Step[], number[]][])(
        "says what is not read of it: %s",
        (text, extent, steps, unit) => {
            const cut = modelOf({ extents: [extent, extent], steps });
            const told = sentence(cut, cut.sizes[0] as Sized, steps.length, unit);
            expect(told.split("; ")[1]).toBe(text);
        },
    );

    it("says times where there is a rate", () => {
        const sound = modelOf({
            extents: [100],
            steps: [{ name: "conv", kind: "conv", kernel: 16, stride: 1, padding: 0, channels: 1 }],
        });
        const sized = sound.sizes[0] as Sized;
        expect(sentence(sound, sized, 1, [4], 16000)).toBe(
            "conv, unit 4 of 85: samples 4-19: 16 of 100 (16% of the input): 250 µs to 1.25 ms, 1 ms long; 0 in padding",
        );
    });

    it("says why there is none", () => {
        const sized = { ...(model.sizes[0] as Sized), fields: null, fields_missing: "the size is open" };
        expect(sentence(model, sized, 1, [0, 0])).toBe("conv1: the size is open");
        expect(whyNot({ ...sized, fields_missing: "" }, 1)).not.toBe("");
        const fields = { ...((model.sizes[0] as Sized).fields as Fields), why: { "1": "too many units" } };
        expect(whyNot({ ...sized, fields }, 1)).toBe("too many units");
    });
});

describe("totals", () => {
    const model = pooling().models[0] as Model;
    const sized = model.sizes[0] as Sized;
    const said = (totals: object) =>
        Object.fromEntries(
            totalsOf(model, {
                ...sized,
                analysis: { ...sized.analysis, totals: { ...sized.analysis.totals, ...totals } },
            }).map(({ key, value }) => [key, value]),
        );

    it("say that something is not known", () => {
        const values = said({
            params: null,
            macs: null,
            at_least: { macs: 3000000 },
            param_bytes: null,
            peak_memory: null,
            activations: null,
        });
        expect(values).toMatchObject({
            params: "not known",
            macs: "at least 3.00 M",
            param_bytes: "not known",
            peak_memory: "not known",
            activations: "not known",
        });
    });

    it("say where later layers with places see everything, as behind attention", () => {
        const layers = [...sized.analysis.layers];
        const detail = (more: Partial<Row>) =>
            totalsOf(model, {
                ...sized,
                analysis: { ...sized.analysis, layers: [...layers, row(more)] },
            }).find(({ key }) => key === "receptive_field")?.detail;
        const everything = { receptive_field: [null, null], local_receptive_field: [null, null] };
        const gridless = { effective_stride: [null, null] };
        expect(detail({ ...everything, ...gridless, spatial: [9] })).toMatch(/^one unit of conv3; /);
        expect(detail({ ...everything, ...gridless, spatial: [] })).toBe("one unit of conv3");
    });

    it("take the last map, where there is one", () => {
        expect(said({})).toMatchObject({ receptive_field: "18x18", coverage: "41%" });
        const none = totalsOf({ ...model, last: null }, sized).map(({ key, value }) => [key, value]);
        expect(Object.fromEntries(none)).toMatchObject({ receptive_field: "none", coverage: "not known" });
    });
});

describe("the table", () => {
    const rows = [
        row({ name: "b10", macs: 5, kind: "conv" }),
        row({ name: "b9", macs: null, kind: "conv", calls: [row({ name: "b9" }), row({ name: "b9" })] }),
        row({ name: "a", macs: 7, kind: "max_pool" }),
        row({ name: "c", macs: "H*W", kind: "conv" }),
    ];
    const names = (...rest: [Parameters<typeof lines>[1], Parameters<typeof lines>[2]]) =>
        lines(rows, ...rest, new Set()).map((line) => line.row.name);
    const all = { text: "", kind: "" };

    it("orders by figures, what is not known last whichever way", () => {
        expect(names(all, { key: "macs", down: true })).toEqual(["a", "b10", "c", "b9"]);
        expect(names(all, { key: "macs", down: false })).toEqual(["b10", "a", "c", "b9"]);
    });
    it("orders names as people count", () =>
        expect(names(all, { key: "name", down: false })).toEqual(["a", "b9", "b10", "c"]));
    it("keeps what is looked for", () => {
        expect(names({ text: "B1", kind: "" }, null)).toEqual(["b10"]);
        expect(names({ text: "", kind: "max_pool" }, null)).toEqual(["a"]);
    });
    it("shows the calls of a layer below it", () => {
        expect(lines(rows, all, null, new Set([1])).map((line) => [line.row.name, line.call])).toEqual([
            ["b10", -1],
            ["b9", -1],
            ["b9", 0],
            ["b9", 1],
            ["a", -1],
            ["c", -1],
        ]);
    });
});

describe("the address", () => {
    it.each([
        { model: 0, beside: null, size: "28x28", layer: "layer1/first body&=#", unit: [3, 4], pane: "notes" },
        { model: 2, beside: 0, size: "?x?", layer: "größe, 1", unit: null, pane: null },
    ])("says what is shown, and is read again: %j", (place) => {
        const { model, ...rest } = place;
        const wanted = Object.fromEntries(
            Object.entries({ ...rest, ...(model ? { model } : {}) }).filter(
                ([key, value]) => value !== null || key === "beside",
            ),
        );
        expect(read(`#${write(place)}`)).toEqual(wanted);
    });
    it.each(["", "#", "#model=-1", "#unit=1,x", "#layer=%E0%A4%A", "#<script>", "#model=1e9&unit="])(
        "takes nothing from %j",
        (text) => expect(read(text)).toEqual({}),
    );
});
