// Two axes of the input as a picture: cells, and on them what one unit reads.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Interval } from "../model/units";
import { resampled } from "../model/units";
import { useScheme, useWidth } from "./hooks";
import * as paint from "./paint";

/** What is drawn along one axis. */
export interface AxisScene {
    extent: number;
    margin: number; // positions around the input that padding may take
    stretches: readonly Interval[]; // what is read
    window: Interval | null; // what would be read without a border
    weight: { first: number; bytes: Uint8Array } | null;
}

export interface PlaneProps {
    rows: AxisScene;
    columns: AxisScene;
    shown: boolean; // false: nothing of the field lies in this slice
    weights: boolean;
    everything: readonly [boolean, boolean]; // the whole axis is read, whatever its size
    pixel: readonly [number, number] | null;
    image: string | null;
    label: string;
    theme: unknown;
    most: number; // pixels high at most
    pick: (row: number, column: number, settled: boolean) => void;
    leave: () => void;
    step: (rows: number, columns: number) => void;
}

interface Place {
    x: number;
    y: number;
    wide: number; // pixels of a position
    high: number;
    width: number;
    height: number;
}

const RULER = { left: 34, top: 18, right: 8, bottom: 8 };

/** Where the input lies on the canvas: its cells are square, unless it were a thread. */
function placed(rows: AxisScene, columns: AxisScene, width: number, most: number): Place {
    const wideFor = columns.extent + 2 * columns.margin;
    const highFor = rows.extent + 2 * rows.margin;
    const room = Math.max(width - RULER.left - RULER.right, 40);
    const roomy = Math.max(most - RULER.top - RULER.bottom, 40);
    let wide = room / wideFor;
    let high = roomy / highFor;
    if (wide / high < 8 && high / wide < 8) wide = high = Math.min(wide, high, 40);
    return {
        x: RULER.left + columns.margin * wide,
        y: RULER.top + rows.margin * high,
        wide,
        high,
        width: RULER.left + RULER.right + wideFor * wide,
        height: RULER.top + RULER.bottom + highFor * high,
    };
}

const KEYS: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
};

const HEAT = paint.heat();
const FILLED = 0.42; // how opaque what is read is

const images = new Map<string, HTMLImageElement>();

/** The picture, once it has been decoded; only pictures that are in the document itself. */
function useImage(source: string | null): HTMLImageElement | null {
    const [ready, setReady] = useState<HTMLImageElement | null>(null);
    useLayoutEffect(() => {
        if (!source || !/^data:image\/(png|jpeg);base64,[A-Za-z0-9+/=]+$/.test(source)) {
            setReady(null);
            return undefined;
        }
        let wanted = true;
        const image = images.get(source) ?? new Image();
        const done = () => {
            if (wanted && image.naturalWidth) setReady(image);
        };
        if (!images.has(source)) {
            images.set(source, image);
            image.src = source;
        }
        if (image.complete) done();
        else image.addEventListener("load", done);
        return () => {
            wanted = false;
            image.removeEventListener("load", done);
        };
    }, [source]);
    return ready;
}

export function Plane(props: PlaneProps) {
    const { rows, columns, shown, weights, everything, pixel, label, theme, most, pick, leave, step } = props;
    const [box, width] = useWidth<HTMLDivElement>();
    const canvas = useRef<HTMLCanvasElement>(null);
    const scheme = useScheme(theme);
    const image = useImage(props.image);
    const place = useMemo(
        () => placed(rows, columns, width, most),
        // the scenes are new for each unit; where the input lies does not change with them
        // eslint-disable-next-line react-hooks/exhaustive-deps
        [rows.extent, rows.margin, columns.extent, columns.margin, width, most],
    );

    useLayoutEffect(() => {
        const element = canvas.current;
        if (!element || width === 0) return;
        const colours = paint.coloursOf(element, scheme);
        const context = paint.prepare(element, place.width, place.height);
        if (context)
            draw(context, colours, place, { rows, columns, shown, weights, everything, pixel }, image);
    }, [rows, columns, shown, weights, everything, pixel, image, place, width, scheme]);

    const at = (event: PointerEvent): [number, number] => {
        const corner = (event.currentTarget as HTMLElement).getBoundingClientRect();
        return [
            (event.clientY - corner.top - place.y) / place.high - 0.5,
            (event.clientX - corner.left - place.x) / place.wide - 0.5,
        ];
    };
    const inside = ([row, column]: [number, number]) =>
        row >= -0.5 && column >= -0.5 && row < rows.extent - 0.5 && column < columns.extent - 0.5;

    return (
        <div ref={box} class="plane">
            <canvas
                ref={canvas}
                tabIndex={0}
                role="application"
                aria-roledescription="picture, moved with arrow keys"
                aria-label={label}
                data-testid="field-canvas"
                onPointerDown={(event) => {
                    const where = at(event);
                    if (inside(where)) pick(...where, true);
                }}
                onPointerMove={(event) => {
                    const where = at(event);
                    if (inside(where)) pick(...where, event.buttons > 0);
                    else leave();
                }}
                onPointerLeave={leave}
                onKeyDown={(event) => {
                    const by = KEYS[event.key];
                    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
                    event.preventDefault();
                    const times = event.shiftKey ? 10 : 1;
                    step(by[0] * times, by[1] * times);
                }}
            />
        </div>
    );
}

type Scene = Pick<PlaneProps, "rows" | "columns" | "shown" | "weights" | "everything" | "pixel">;

function draw(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    place: Place,
    scene: Scene,
    image: HTMLImageElement | null,
): void {
    const { rows, columns, pixel, everything } = scene;
    const input: paint.Rect = {
        x: place.x,
        y: place.y,
        width: columns.extent * place.wide,
        height: rows.extent * place.high,
    };
    context.fillStyle = colours.surface;
    context.fillRect(input.x, input.y, input.width, input.height);
    if (image) {
        context.imageSmoothingEnabled = true;
        context.drawImage(image, input.x, input.y, input.width, input.height);
    } else paint.gridLines(context, input, rows.extent, columns.extent, colours.faint);

    if (scene.shown) drawField(context, colours, place, scene, input);
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.strokeRect(input.x - 0.5, input.y - 0.5, input.width + 1, input.height + 1);
    if (scene.shown) outline(context, colours, place, scene, everything);
    if (pixel) {
        const [width, height] = [Math.max(place.wide, 7), Math.max(place.high, 7)];
        const x = place.x + (pixel[1] + 0.5) * place.wide - width / 2;
        const y = place.y + (pixel[0] + 0.5) * place.high - height / 2;
        context.strokeStyle = colours.second;
        context.lineWidth = 2.5;
        context.strokeRect(x, y, width, height);
    }
    rulers(context, colours, place, scene, input);
}

function ends(stretches: readonly Interval[]): Interval | null {
    const [first, last] = [stretches[0], stretches.at(-1)];
    return first && last ? [first[0], last[1]] : null;
}

function boxOf(place: Place, rows: Interval, columns: Interval): paint.Rect {
    return {
        x: place.x + columns[0] * place.wide,
        y: place.y + rows[0] * place.high,
        width: (columns[1] - columns[0] + 1) * place.wide,
        height: (rows[1] - rows[0] + 1) * place.high,
    };
}

function within(rect: paint.Rect, room: paint.Rect): paint.Rect {
    const [x, y] = [Math.max(rect.x, room.x), Math.max(rect.y, room.y)];
    return {
        x,
        y,
        width: Math.min(rect.x + rect.width, room.x + room.width) - x,
        height: Math.min(rect.y + rect.height, room.y + room.height) - y,
    };
}

function drawField(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    place: Place,
    { rows, columns, weights }: Scene,
    input: paint.Rect,
): void {
    if (rows.window && columns.window) {
        const room = {
            x: RULER.left,
            y: RULER.top,
            width: place.width - RULER.left - RULER.right,
            height: place.height - RULER.top - RULER.bottom,
        };
        paint.hatch(context, within(boxOf(place, rows.window, columns.window), room), input, colours.hatch);
    }
    const [high, wide] = [ends(rows.stretches), ends(columns.stretches)];
    if (!high || !wide) return;
    const box = boxOf(place, high, wide);
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const cells = [
        paint.cellsFor(high[1] - high[0] + 1, box.height * ratio),
        paint.cellsFor(wide[1] - wide[0] + 1, box.width * ratio),
    ] as const;
    if (weights && rows.weight && columns.weight) {
        const [down, along] = [
            resampled(rows.weight, ...high, cells[0]),
            resampled(columns.weight, ...wide, cells[1]),
        ];
        paint.paintProduct(context, box, down, along, HEAT);
        return;
    }
    if (rows.stretches.length === 1 && columns.stretches.length === 1) {
        paint.fill(context, box, colours.accent, FILLED);
        return;
    }
    const masks = [
        paint.maskOf(rows.stretches, ...high, cells[0]),
        paint.maskOf(columns.stretches, ...wide, cells[1]),
    ] as const;
    paint.paintProduct(context, box, ...masks, paint.flat(colours.accent, FILLED));
}

function outline(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    place: Place,
    { rows, columns }: Scene,
    everything: readonly [boolean, boolean],
): void {
    const [high, wide] = [ends(rows.stretches), ends(columns.stretches)];
    if (!high || !wide) return;
    context.strokeStyle = colours.accent;
    if (rows.window && columns.window) {
        const box = boxOf(place, rows.window, columns.window);
        context.lineWidth = 1;
        context.setLineDash([3, 3]);
        context.strokeRect(box.x, box.y, box.width, box.height);
        context.setLineDash([]);
    }
    const box = boxOf(place, high, wide);
    context.lineWidth = everything[0] && everything[1] ? 3 : 2;
    context.strokeRect(box.x, box.y, Math.max(box.width, 2), Math.max(box.height, 2));
}

function rulers(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    place: Place,
    { rows, columns, shown }: Scene,
    input: paint.Rect,
): void {
    context.font = "11px system-ui, sans-serif";
    context.lineWidth = 1;
    const one = (scene: AxisScene, across: boolean) => {
        const size = across ? place.wide : place.high;
        const field = shown ? ends(scene.stretches) : null;
        const marks = field ? [...new Set(field)] : [];
        const apart = across ? 34 : 14;
        const far = (at: number) => marks.every((mark) => Math.abs(mark - at) * size >= apart);
        for (const at of paint.ticks(0, scene.extent - 1, (across ? 52 : 30) / size).filter(far))
            mark(at, colours.text);
        const close = field && (field[1] - field[0]) * size < apart;
        marks.forEach((at, index) => {
            if (index === 1 && close) return;
            mark(
                at,
                colours.accent,
                close && marks.length === 2 ? `${marks[0]}–${marks[1]}` : undefined,
                true,
            );
        });

        function mark(at: number, colour: string, text = String(at), strong = false): void {
            const middle = (across ? input.x : input.y) + (at + 0.5) * size;
            context.fillStyle = colour;
            context.font = `${strong ? "600 " : ""}11px system-ui, sans-serif`;
            const edge = across ? RULER.top - 5 : RULER.left - 6;
            if (across) {
                context.textAlign = "center";
                context.textBaseline = "alphabetic";
                context.fillText(text, Math.min(Math.max(middle, 10), place.width - 12), edge - 1);
            } else {
                context.textAlign = "right";
                context.textBaseline = "middle";
                context.fillText(text, edge - 2, middle);
            }
            context.fillRect(
                across ? middle - 0.5 : edge,
                across ? edge + 1 : middle - 0.5,
                across ? 1 : 4,
                across ? 4 : 1,
            );
        }
    };
    one(rows, false);
    one(columns, true);
}
