// Drawing on canvases: colours of the theme, products of two axes, hatching, rulers.
export interface Colours {
    ground: string;
    surface: string;
    line: string;
    faint: string;
    text: string;
    accent: string;
    second: string;
    hatch: string;
}

export interface Rect {
    x: number;
    y: number;
    width: number;
    height: number;
}

const known = new WeakMap<Element, { scheme: number; colours: Colours }>();

/** The colours of the theme that an element stands in, looked up once for a scheme. */
export function coloursOf(element: Element, scheme: number): Colours {
    const before = known.get(element);
    if (before?.scheme === scheme) return before.colours;
    const colours = lookUp(element);
    known.set(element, { scheme, colours });
    return colours;
}

function lookUp(element: Element): Colours {
    const style = getComputedStyle(element);
    const of = (name: string) => style.getPropertyValue(`--${name}`).trim() || "#888";
    return {
        ground: of("ground"),
        surface: of("cell"),
        line: of("line"),
        faint: of("cell-line"),
        text: of("muted"),
        accent: of("accent"),
        second: of("second"),
        hatch: of("line"),
    };
}

const TITLE = '600 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
let measuring: CanvasRenderingContext2D | null | undefined;

/** How wide the title of a node is, in pixels; where nothing can be measured, about so. */
export function titleWidth(text: string): number {
    if (measuring === undefined) {
        measuring = document.createElement("canvas").getContext("2d");
        if (measuring) measuring.font = TITLE;
    }
    return measuring ? measuring.measureText(text).width : text.length * 7;
}

/** Make the canvas so many CSS pixels large, sharp on any screen, and empty. */
export function prepare(
    canvas: HTMLCanvasElement,
    width: number,
    height: number,
): CanvasRenderingContext2D | null {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
    const [w, h] = [Math.max(Math.round(width * ratio), 1), Math.max(Math.round(height * ratio), 1)];
    if (canvas.width !== w) canvas.width = w;
    if (canvas.height !== h) canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, width, height);
    return context;
}

export type Ramp = Uint8ClampedArray; // 256 colours of 4 bytes

function channels(colour: string): [number, number, number] {
    const hex = /^#([0-9a-f]{6})$/i.exec(colour)?.[1];
    if (!hex) return [128, 128, 128];
    const value = parseInt(hex, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
}

/** One colour, shown or not. */
export function flat(colour: string, alpha: number): Ramp {
    const ramp = new Uint8ClampedArray(1024);
    const [r, g, b] = channels(colour);
    for (let i = 1; i < 256; i++) ramp.set([r, g, b, alpha * 255], i * 4);
    return ramp;
}

// cividis, which reads the same with any colour vision, from its dark end to its light end
const CIVIDIS = [
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
];

/** The colours of weights: none where nothing is read, then from faint to full. */
export function heat(): Ramp {
    const ramp = new Uint8ClampedArray(1024);
    for (let i = 1; i < 256; i++) {
        const at = (i / 255) * (CIVIDIS.length - 1);
        const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
        const [one, other] = [channels(CIVIDIS[low] as string), channels(CIVIDIS[low + 1] as string)];
        const part = at - low;
        for (let c = 0; c < 3; c++)
            ramp[i * 4 + c] = (one[c] as number) * (1 - part) + (other[c] as number) * part;
        ramp[i * 4 + 3] = 110 + 130 * Math.sqrt(i / 255);
    }
    return ramp;
}

/** Fill a rectangle, and let through what is below. */
export function fill(context: CanvasRenderingContext2D, rect: Rect, colour: string, alpha: number): void {
    context.globalAlpha = alpha;
    context.fillStyle = colour;
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    context.globalAlpha = 1;
}

let scratch: HTMLCanvasElement | null = null;

/** Draw the product of a profile along rows and one along columns (bytes) over a rectangle, a cell for each pair. */
export function paintProduct(
    context: CanvasRenderingContext2D,
    rect: Rect,
    rows: Uint8Array,
    columns: Uint8Array,
    ramp: Ramp,
): void {
    if (!rows.length || !columns.length || rect.width <= 0 || rect.height <= 0) return;
    scratch ??= document.createElement("canvas");
    scratch.width = columns.length;
    scratch.height = rows.length;
    const drawing = scratch.getContext("2d");
    if (!drawing) return;
    const image = drawing.createImageData(columns.length, rows.length);
    const words = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(ramp.buffer);
    let at = 0;
    for (const row of rows) {
        if (row === 0) {
            at += columns.length;
            continue;
        }
        for (const column of columns) {
            // what is read at all is never nothing
            if (column) words[at] = colours[Math.max(Math.round((row * column) / 255), 1)] as number;
            at += 1;
        }
    }
    drawing.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(scratch, rect.x, rect.y, rect.width, rect.height);
}

/** Hatch some parts of `rect`. */
export function hatch(
    context: CanvasRenderingContext2D,
    rect: Rect,
    parts: readonly Rect[],
    colour: string,
): void {
    if (!parts.length) return;
    context.save();
    context.beginPath();
    for (const part of parts) context.rect(part.x, part.y, part.width, part.height);
    context.clip();
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    const reach = rect.width + rect.height;
    for (let at = 0; at <= reach; at += 5) {
        context.moveTo(rect.x + at, rect.y);
        context.lineTo(rect.x + at - rect.height, rect.y + rect.height);
    }
    context.stroke();
    context.restore();
}

/** Lines between cells, where cells are large enough to be told apart. */
export function gridLines(
    context: CanvasRenderingContext2D,
    rect: Rect,
    rows: number,
    columns: number,
    colour: string,
): void {
    const [high, wide] = [rect.height / rows, rect.width / columns];
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    if (wide >= 6) {
        for (let i = 1; i < columns; i++) {
            const x = Math.round(rect.x + i * wide) + 0.5;
            context.moveTo(x, rect.y);
            context.lineTo(x, rect.y + rect.height);
        }
    }
    if (high >= 6) {
        for (let i = 1; i < rows; i++) {
            const y = Math.round(rect.y + i * high) + 0.5;
            context.moveTo(rect.x, y);
            context.lineTo(rect.x + rect.width, y);
        }
    }
    context.stroke();
}

/** A mask of `cells` over the positions from - to: 255 where some of the intervals lie. */
export function maskOf(
    intervals: readonly (readonly [number, number])[],
    from: number,
    to: number,
    cells: number,
): Uint8Array {
    const mask = new Uint8Array(cells);
    const scale = cells / (to - from + 1);
    for (const [first, last] of intervals) {
        if (last < from || first > to) continue;
        const begin = Math.max(Math.floor((first - from) * scale), 0);
        const end = Math.min(Math.max(Math.ceil((last - from + 1) * scale), begin + 1), cells);
        mask.fill(255, begin, end);
    }
    return mask;
}

/** So many cells stand for `extent` positions on so many pixels: one each, or one a pixel where there are more. */
export function cellsFor(extent: number, pixels: number): number {
    return Math.max(1, Math.min(extent, Math.ceil(pixels)));
}

/** Round numbers between 0 and `end` (in `unit`s), at least `apart` from each other. */
export function ticks(from: number, to: number, apart: number): number[] {
    if (!(apart > 0) || to <= from) return [from];
    const power = 10 ** Math.floor(Math.log10(apart));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= apart) ?? apart;
    const found: number[] = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(Number(at.toPrecision(12)));
    return found;
}
