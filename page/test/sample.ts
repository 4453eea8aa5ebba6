// Reports of chains of layers, worked out position by position: what the tests hold the page to, and what it is tried with.
import type { Axis, Model, Report, Row, Run, Sized, WeightAxis } from "../src/report";

export interface Step {
    name: string;
    kind: string;
    kernel: number;
    stride: number;
    padding: number;
    dilation?: number;
    channels: number;
}

export interface Sample {
    extents: number[];
    steps: Step[];
    title?: string;
    weights?: boolean;
}

/** For each unit of a map along one axis the positions that it reads, ascending. */
export type Reads = number[][];

/** The reads behind a step, by looking at each tap. */
export function behind(before: Reads, step: Step): Reads {
    const { kernel, stride, padding, dilation = 1 } = step;
    const extent = Math.floor((before.length + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
    return Array.from({ length: extent }, (_, unit) => {
        const read = new Set<number>();
        for (let tap = 0; tap < kernel; tap++) {
            for (const position of before[unit * stride - padding + tap * dilation] ?? []) read.add(position);
        }
        return [...read].sort((one, other) => one - other);
    });
}

/** Read, left out, read, ... of ascending positions; null where none is left out. */
function pattern(read: number[]): number[] | null {
    const lengths: number[] = [1];
    for (let i = 1; i < read.length; i++) {
        const gap = (read[i] as number) - (read[i - 1] as number) - 1;
        if (gap) lengths.push(gap, 1);
        else lengths[lengths.length - 1] = (lengths.at(-1) as number) + 1;
    }
    return lengths.length > 1 ? lengths : null;
}

class Builder {
    readonly axes: Axis[] = [];
    readonly taps: number[][] = [];
    private readonly known = new Map<string, number>();
    private readonly patterns = new Map<string, number>();

    private holes(read: number[]): number {
        const lengths = pattern(read);
        if (!lengths) return -1;
        const key = lengths.join();
        let index = this.patterns.get(key);
        if (index === undefined) {
            index = this.taps.push(lengths) - 1;
            this.patterns.set(key, index);
        }
        return index;
    }

    axis(reads: Reads, window: Axis["window"]): number {
        const runs: Run[] = [];
        const spans = reads.map(
            (read) => [read[0] ?? 0, read.at(-1) ?? -1, this.holes(read)] as [number, number, number],
        );
        for (let at = 0; at < spans.length;) {
            const [first, last, holes] = spans[at] as [number, number, number];
            const next = spans[at + 1];
            const [a, b] = next && next[2] === holes ? [next[0] - first, next[1] - last] : [0, 0];
            let count = 1;
            for (; at + count < spans.length; count++) {
                const span = spans[at + count] as [number, number, number];
                if (span[0] !== first + count * a || span[1] !== last + count * b || span[2] !== holes) break;
            }
            runs.push([count, a, b, [first, last, holes]]);
            at += count;
        }
        const axis: Axis = { extent: reads.length, exact: true, runs, window };
        const key = JSON.stringify(axis);
        let index = this.known.get(key);
        if (index === undefined) {
            index = this.axes.push(axis) - 1;
            this.known.set(key, index);
        }
        return index;
    }
}

function row(base: Partial<Row> & { name: string; kind: string }): Row {
    return {
        op: base.kind,
        inputs: [],
        output_shape: null,
        spatial: [],
        receptive_field: null,
        receptive_field_min: base.receptive_field ?? null,
        local_receptive_field: base.receptive_field ?? null,
        effective_stride: null,
        effective_padding: null,
        center: null,
        coverage: null,
        status: "exact",
        params: { trainable: 0, non_trainable: 0 },
        macs: 0,
        activations: 0,
        ...base,
    };
}

function tapsBehind(taps: number[], kernel: number, apart: number): number[] {
    return [
        ...new Set(Array.from({ length: kernel }, (_, tap) => taps.map((at) => at + tap * apart)).flat()),
    ];
}

const product = (numbers: readonly number[]) => numbers.reduce((all, each) => all * each, 1);

/** The layers, fields and costs of a chain. */
export function modelOf({ extents, steps, title = "chain", weights = true }: Sample): Model {
    const builder = new Builder();
    const rows: Row[] = [];
    const maps: number[][] = [];
    const weightAxes: WeightAxis[] = [];
    const weightMaps: number[][] = [];
    const profiles: string[] = [];
    let reads: Reads[] = extents.map((extent) => Array.from({ length: extent }, (_, position) => [position]));
    let counts = extents.map((extent) => Array.from({ length: extent }, (_, at) => new Map([[at, 1]])));
    let taps: number | number[] = 1; // how many, where there is no hole between them
    let [size, stride, start, channels] = [1, 1, 0, 3] as [number, number, number, number];
    const memory: number[] = [];

    const put = (step: Step | null) => {
        const map = reads.map((each) => each.length);
        const window: Axis["window"] = {
            advance: stride,
            spans: [[start, start + size - 1, typeof taps === "number" ? taps : taps.length]],
        };
        maps.push(reads.map((each) => builder.axis(each, window)));
        if (weights) weightMaps.push(counts.map((each) => weightAxis(each)));
        const params =
            step && step.kind === "conv"
                ? step.kernel ** extents.length * (rows.at(-1)?.output_shape?.at(-1) as number) * channels +
                  channels
                : 0;
        rows.push(
            row({
                name: step?.name ?? "input",
                kind: step?.kind ?? "input",
                inputs: rows.length ? [(rows.at(-1) as Row).name] : [],
                output_shape: [null, ...map, channels],
                spatial: map,
                receptive_field: extents.map(() => size),
                effective_stride: extents.map(() => stride),
                effective_padding: extents.map(() => -start),
                center: extents.map(() => start + (size - 1) / 2),
                coverage: product(extents.map((extent) => Math.min(size, extent) / extent)),
                params: { trainable: params, non_trainable: 0 },
                macs: params * product(map),
                activations: product(map) * channels,
            }),
        );
        memory.push(
            4 * channels * product(map) +
                (rows.length > 1 ? 4 * (rows[rows.length - 2]?.activations as number) : 0),
        );
    };

    function weightAxis(each: Map<number, number>[]): number {
        const units: WeightAxis["units"] = each.map((weight) => {
            const first = Math.min(...weight.keys());
            const last = Math.max(...weight.keys());
            const most = Math.max(...weight.values());
            const bytes = Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) =>
                Math.ceil(((weight.get(first + i) ?? 0) / most) * 255),
            );
            profiles.push(btoa(String.fromCharCode(...bytes)));
            return [1, 0, [profiles.length - 1, first]];
        });
        return weightAxes.push({ units, middle: Math.floor(each.length / 2), widths: [size, size] }) - 1;
    }

    put(null);
    for (const step of steps) {
        const { kernel, padding, dilation = 1 } = step;
        // without holes before, and none opened: the taps are all positions
        taps =
            typeof taps === "number" && dilation * stride <= taps
                ? taps + (kernel - 1) * dilation * stride
                : tapsBehind(
                      typeof taps === "number" ? Array.from({ length: taps }, (_, at) => at) : taps,
                      kernel,
                      dilation * stride,
                  );
        start -= padding * stride;
        size += (kernel - 1) * dilation * stride;
        const lengthOf = (extent: number) =>
            Math.floor((extent + 2 * padding - dilation * (kernel - 1) - 1) / step.stride) + 1;
        if (weights) {
            counts = counts.map((each) =>
                Array.from({ length: lengthOf(each.length) }, (_, unit) => {
                    const sum = new Map<number, number>();
                    for (let tap = 0; tap < kernel; tap++) {
                        for (const [at, count] of each[unit * step.stride - padding + tap * dilation] ?? [])
                            sum.set(at, (sum.get(at) ?? 0) + count);
                    }
                    return sum;
                }),
            );
        }
        reads = reads.map((each) => behind(each, step));
        stride *= step.stride;
        channels = step.channels;
        put(step);
    }

    const sum = (of: (row: Row) => number) => rows.reduce((all, each) => all + of(each), 0);
    const params = sum((each) => each.params.trainable as number);
    const sized: Sized = {
        extents,
        analysis: {
            schema: "rfcalc/analysis/1",
            model: { name: title, format: "rfcalc", source: `${title}.json` },
            inputs: [{ name: "input", shape: [null, ...extents, 3], spatial: extents }],
            input: "input",
            layers: rows,
            totals: {
                layers: rows.length,
                resolved: rows.length,
                params,
                macs: sum((each) => each.macs as number),
                complete: true,
                param_bytes: { float32: 4 * params },
                activations: sum((each) => each.activations as number),
                activation_bytes: 4 * sum((each) => each.activations as number),
                peak_memory: {
                    bytes: Math.max(...memory),
                    layer: rows[memory.indexOf(Math.max(...memory))]?.name ?? null,
                    reordered: null,
                },
            },
            notes: [],
        },
        marks: [],
        memory,
        fields: {
            of: rows.map((_, index) => index),
            local: rows.map((_, index) => index),
            maps,
            indices: maps.map((axes) => axes.map((_, axis) => axis)),
            axes: builder.axes,
            taps: builder.taps,
            why: {},
            weights: {
                of: rows.map((_, index) => (weights ? index : null)),
                maps: weightMaps,
                axes: weightAxes,
                profiles,
                shares: [0.5, 0.95],
                why: weights
                    ? {}
                    : Object.fromEntries(rows.map((_, index) => [index, "they were not asked for"])),
            },
        },
        fields_missing: "",
    };
    return {
        title,
        about: "",
        units:
            extents.length === 1
                ? ["samples"]
                : extents.length === 3
                  ? ["frames", "pixels", "pixels"]
                  : extents.map(() => "pixels"),
        tree: { title: "", rows: rows.map((_, index) => index), groups: [] },
        sums: [],
        settings: [
            {},
            ...steps.map(({ kernel, stride, padding }) => ({ kernel: [kernel], stride: [stride], padding })),
        ],
        sizes: [sized],
        left_out: [],
        last: rows.length - 1,
    };
}

export function reportOf(...models: Model[]): Report {
    const axes = (models[0] as Model).sizes[0]?.extents ?? [];
    const layers = (models[0] as Model).sizes[0]?.analysis.layers ?? [];
    return {
        schema: "rfcalc/report/1",
        rfcalc: "0",
        models,
        comparison: null,
        growth: axes.map((_, axis) => ({
            axis,
            layers: layers.map((each) => each.name),
            joins: [],
            series: models.map((model) => ({
                names: [model.title],
                everywhere: [],
                lines: [
                    (model.sizes[0]?.analysis.layers ?? []).map((each) => [
                        layers.findIndex((layer) => layer.name === each.name),
                        each.receptive_field?.[axis] ?? null,
                        false,
                        true,
                        true,
                    ]),
                ],
            })),
        })),
        diff: null,
        image: null,
        rate: null,
    };
}

const conv = (name: string, channels: number, more: Partial<Step> = {}): Step => ({
    name,
    kind: "conv",
    kernel: 3,
    stride: 1,
    padding: 0,
    channels,
    ...more,
});
const pool = (name: string, channels: number): Step => ({
    name,
    kind: "max_pool",
    kernel: 2,
    stride: 2,
    padding: 0,
    channels,
});

/** The example of the documentation: three convolutions, with and without max pooling between them. */
export function pooling(): Report {
    const plain = {
        ...modelOf({
            extents: [28, 28],
            steps: [conv("conv1", 32), conv("conv2", 64), conv("conv3", 128)],
            title: "plain",
        }),
        about: "every pooling removed",
    };
    const steps = [
        conv("conv1", 32),
        pool("pool1", 32),
        conv("conv2", 64),
        pool("pool2", 64),
        conv("conv3", 128),
    ];
    return reportOf(modelOf({ extents: [28, 28], steps, title: "pooling" }), plain);
}

/** A long chain of padded convolutions. */
export function chain(length: number): Report {
    const steps = Array.from({ length }, (_, at) => conv(`conv${at}`, 8, { padding: 1 }));
    return reportOf(modelOf({ extents: [32, 32], steps, weights: false }));
}
