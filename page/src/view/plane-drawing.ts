// How two axes of the input, and a field on them, are drawn.
import { type Interval, resampled } from "../model/units";
import type { AxisScene, PlaneProps } from "./Plane";
import * as paint from "./paint";

/** The positions that are on view, first to last; padding has places before 0 and behind the last. */
export interface Views {
    rows: Interval;
    columns: Interval;
}

/** Where positions lie on the canvas. */
export interface Place {
    views: Views;
    x: number; // of position 0, which need not be on view
    y: number;
    wide: number; // pixels of a position
    high: number;
    room: paint.Rect; // what lies within the rulers
    width: number;
    height: number;
}

const EDGE = 8;
const TOP = 18;
const HEAT = paint.heat();
const FILLED = 0.42; // how opaque what is read is

function length([first, last]: Interval): number {
    return last - first + 1;
}

/** Where the positions lie: cells are square, unless the picture were a thread. */
export function placed(views: Views, rows: number, width: number, most: number): Place {
    const left = 10 + 7 * Math.max(String(rows - 1).length, 2);
    const [across, down] = [length(views.columns), length(views.rows)];
    let wide = Math.max(width - left - EDGE, 40) / across;
    let high = Math.max(most - TOP - EDGE, 40) / down;
    if (wide / high < 8 && high / wide < 8) wide = high = Math.min(wide, high, 40);
    const room = { x: left, y: TOP, width: across * wide, height: down * high };
    return {
        views,
        x: left - views.columns[0] * wide,
        y: TOP - views.rows[0] * high,
        wide,
        high,
        room,
        width: left + room.width + EDGE,
        height: TOP + room.height + EDGE,
    };
}

type Scene = Pick<PlaneProps, "rows" | "columns" | "shown" | "weights" | "everything" | "pixel">;

export function draw(
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
    const { room } = place;
    context.save();
    context.beginPath();
    context.rect(room.x - 2, room.y - 2, room.width + 4, room.height + 4);
    context.clip();
    context.fillStyle = colours.surface;
    context.fillRect(input.x, input.y, input.width, input.height);
    if (image) {
        context.imageSmoothingEnabled = true;
        context.drawImage(image, input.x, input.y, input.width, input.height);
    } else {
        const [down, along] = [
            seenOf(place.views.rows, rows.extent),
            seenOf(place.views.columns, columns.extent),
        ];
        paint.gridLines(context, boxOf(place, down, along), length(down), length(along), colours.faint);
    }

    if (scene.shown) drawField(context, colours, place, scene);
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
    context.restore();
    rulers(context, colours, place, scene);
}

/** The positions of an axis that are on view. */
function seenOf(view: Interval, extent: number): Interval {
    return [Math.max(view[0], 0), Math.min(view[1], extent - 1)];
}

export function ends(stretches: readonly Interval[]): Interval | null {
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

function drawField(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    place: Place,
    { rows, columns, weights }: Scene,
): void {
    const [high, wide] = [ends(rows.stretches), ends(columns.stretches)];
    if (!high || !wide) return;
    const { window: down } = rows;
    const { window: along } = columns;
    if (down && along) {
        const lost = [
            ...rows.lost.map((part) => boxOf(place, part, along)),
            ...columns.lost.map((part) => boxOf(place, high, part)),
        ];
        paint.hatch(context, boxOf(place, down, along), lost, colours.hatch);
    }
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
): void {
    context.lineWidth = 1;
    ruler(rows, place.views.rows, false);
    ruler(columns, place.views.columns, true);

    /** Tell places along an axis: the ends of the field first, round numbers where there is room. */
    function ruler(scene: AxisScene, view: Interval, across: boolean): void {
        const size = across ? place.wide : place.high;
        const apart = across ? 34 : 14;
        const seen = seenOf(view, scene.extent);
        const field = shown ? ends(scene.stretches) : null;
        const marks = field ? [...new Set(field)].filter((at) => at >= seen[0] && at <= seen[1]) : [];
        const far = (at: number) => marks.every((mark) => Math.abs(mark - at) * size >= apart);
        const round = paint.ticks(seen[0], seen[1], Math.max((across ? 52 : 30) / size, 1));
        for (const at of round.filter(far)) mark(at, String(at), colours.text);
        const [first, last] = marks as [number, number | undefined];
        const close = last !== undefined && (last - first) * size < apart;
        if (close && across) mark((first + last) / 2, `${first}–${last}`, colours.accent);
        // above each other there is room for both, a little away from where they are
        else marks.forEach((at, i) => mark(at, String(at), colours.accent, close ? (i ? 6 : -6) : 0));

        function mark(at: number, text: string, colour: string, away = 0): void {
            const middle = (across ? place.x : place.y) + (at + 0.5) * size;
            context.fillStyle = colour;
            context.font = `${colour === colours.accent ? "600 " : ""}11px system-ui, sans-serif`;
            if (across) {
                context.textAlign = "center";
                context.textBaseline = "alphabetic";
                const half = context.measureText(text).width / 2;
                context.fillText(text, Math.min(Math.max(middle, half), place.width - half), TOP - 6);
                context.fillRect(middle - 0.5, TOP - 4, 1, 4);
            } else {
                context.textAlign = "right";
                context.textBaseline = "middle";
                context.fillText(text, place.room.x - 8, middle + away);
                context.fillRect(place.room.x - 6, middle - 0.5, 4, 1);
            }
        }
    }
}
