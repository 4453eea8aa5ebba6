// One axis of the input: the whole of it, and below a stretch of it close up.
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { resampled } from "../model/units";
import { seconds } from "../model/words";
import type { AxisScene } from "./Plane";
import { useScheme, useWidth } from "./hooks";
import * as paint from "./paint";

export interface StripProps {
    scene: AxisScene;
    name: string; // what its positions are called
    rate: number | null;
    weights: boolean;
    pixel: number | null;
    label: string;
    theme: unknown;
    pick: (position: number, settled: boolean) => void;
    leave: () => void;
    step: (by: number) => void;
    low?: boolean; // one of several axes
}

const EDGE = 12;
const OVERVIEW = 16;
const LENS = 22; // between the whole and what is close up
const ZOOMABLE = 200; // shorter axes are shown whole
const HEAT = paint.heat();

type Zoom = "whole" | "field" | "close";

function fieldOf(scene: AxisScene): readonly [number, number] | null {
    const [first, last] = [scene.stretches[0], scene.stretches.at(-1)];
    return first && last ? [first[0], last[1]] : null;
}

/** How high the parts of the picture are. */
function heights(scene: AxisScene, low: boolean): { top: number; detail: number } {
    return { top: scene.extent > ZOOMABLE ? OVERVIEW + LENS : 2, detail: low ? 30 : 74 };
}

/** The positions that are shown close up. */
function viewOf(scene: AxisScene, zoom: Zoom, width: number, pixel: number | null): [number, number] {
    const margin = Math.min(scene.margin, scene.extent);
    const field = fieldOf(scene);
    const all: [number, number] = [-margin, scene.extent - 1 + margin];
    if (zoom === "whole" || scene.extent <= ZOOMABLE) return all;
    if (!field && (pixel === null || zoom === "field")) return all;
    const [first, last] = field ?? [pixel ?? 0, pixel ?? 0];
    const size = last - first + 1;
    const middle = (first + last) / 2;
    const half = Math.max(zoom === "field" ? size * 0.75 : width / 16, 12);
    return [Math.max(Math.floor(middle - half), all[0]), Math.min(Math.ceil(middle + half), all[1])];
}

export function Strip(props: StripProps) {
    const { scene, name, rate, weights, pixel, label, theme, pick, leave, step } = props;
    const [box, width] = useWidth<HTMLDivElement>();
    const canvas = useRef<HTMLCanvasElement>(null);
    const scheme = useScheme(theme);
    const [zoom, setZoom] = useState<Zoom>(scene.extent > 2000 ? "field" : "whole");
    const view = viewOf(scene, zoom, width, pixel);
    // while the pointer is on the picture it stays where it is
    const held = useRef<[number, number] | null>(null);
    const [from, to] = held.current ?? view;
    const { top, detail } = heights(scene, props.low ?? false);

    useLayoutEffect(() => {
        const element = canvas.current;
        if (!element || width === 0) return;
        const colours = paint.coloursOf(element, scheme);
        const context = paint.prepare(element, width, top + detail + 24);
        if (context) draw(context, colours, width, scene, [from, to], { weights, rate, pixel, top, detail });
    }, [scene, weights, rate, pixel, width, from, to, scheme, top, detail]);

    const at = (event: PointerEvent): number => {
        const corner = (event.currentTarget as HTMLElement).getBoundingClientRect();
        const across = (event.clientX - corner.left - EDGE) / (width - 2 * EDGE);
        const overview = top > LENS && event.clientY - corner.top < OVERVIEW + 12;
        const place = overview ? across * scene.extent - 0.5 : from + across * (to - from + 1) - 0.5;
        return Math.min(Math.max(place, 0), scene.extent - 1);
    };

    return (
        <div ref={box} class="plane strip">
            <canvas
                ref={canvas}
                tabIndex={0}
                role="application"
                aria-roledescription="picture, moved with arrow keys"
                aria-label={label}
                data-testid="field-canvas"
                onPointerEnter={() => {
                    held.current = [from, to];
                }}
                onPointerDown={(event) => pick(at(event), true)}
                onPointerMove={(event) => pick(at(event), event.buttons > 0)}
                onPointerLeave={() => {
                    held.current = null;
                    leave();
                }}
                onKeyDown={(event) => {
                    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -100, PageDown: 100 }[event.key];
                    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
                    event.preventDefault();
                    step(by * (event.shiftKey ? 10 : 1));
                }}
            />
            {scene.extent > ZOOMABLE && (
                <div class="segments" role="group" aria-label={`${name} shown`}>
                    {(["whole", "field", "close"] as const).map((each) => (
                        <button
                            key={each}
                            type="button"
                            aria-pressed={zoom === each}
                            onClick={() => setZoom(each)}
                        >
                            {{ whole: `all ${name}`, field: "around the field", close: "close up" }[each]}
                        </button>
                    ))}
                </div>
            )}
        </div>
    );
}

interface Drawn {
    weights: boolean;
    rate: number | null;
    pixel: number | null;
    top: number;
    detail: number;
}

function draw(
    context: CanvasRenderingContext2D,
    colours: paint.Colours,
    width: number,
    scene: AxisScene,
    view: readonly [number, number],
    { weights, rate, pixel, top, detail }: Drawn,
): void {
    const long = width - 2 * EDGE;
    const field = fieldOf(scene);
    if (top > LENS) bar({ x: EDGE, y: 2, width: long, height: OVERVIEW }, [0, scene.extent - 1], false);
    const scale = long / (view[1] - view[0] + 1);
    lens();
    bar({ x: EDGE, y: top, width: long, height: detail }, view, true);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colours.text;
    context.textAlign = "center";
    // round numbers of seconds, where they are seconds
    const unit = rate ?? 1;
    const [begin, end] = [Math.max(view[0], 0) / unit, Math.min(view[1], scene.extent - 1) / unit];
    for (const tick of paint.ticks(begin, end, Math.max(90 / scale, rate ? 0 : 1) / unit)) {
        const at = tick * unit;
        const x = EDGE + (at - view[0] + 0.5) * scale;
        context.fillRect(x, top + detail, 1, 4);
        context.fillText(
            rate ? seconds(at, rate) : at.toLocaleString("en-GB"),
            Math.min(Math.max(x, 22), width - 26),
            top + detail + 16,
        );
    }

    /** Show which part of the whole is close up. */
    function lens(): void {
        if (view[0] <= 0 && view[1] >= scene.extent - 1) return;
        const at = (position: number) =>
            EDGE + (Math.min(Math.max(position, 0), scene.extent) / scene.extent) * long;
        context.strokeStyle = colours.line;
        context.beginPath();
        context.moveTo(at(view[0]), OVERVIEW + 3);
        context.lineTo(EDGE, top);
        context.moveTo(at(view[1] + 1), OVERVIEW + 3);
        context.lineTo(EDGE + long, top);
        context.stroke();
    }

    function bar(rect: paint.Rect, [from, to]: readonly [number, number], close: boolean): void {
        const size = rect.width / (to - from + 1);
        const at = (position: number) => rect.x + (position - from) * size;
        const [begin, end] = [Math.max(from, 0), Math.min(to, scene.extent - 1)];
        const input = { ...rect, x: at(begin), width: (end - begin + 1) * size };
        context.fillStyle = colours.surface;
        context.fillRect(input.x, input.y, input.width, input.height);
        if (close) paint.gridLines(context, input, 1, end - begin + 1, colours.faint);
        context.save();
        context.beginPath();
        context.rect(rect.x - 1, rect.y - 2, rect.width + 2, rect.height + 4);
        context.clip();
        if (close && scene.window) {
            const place = ([first, last]: readonly [number, number]): paint.Rect => ({
                ...rect,
                x: at(Math.max(first, from)),
                width: Math.max(Math.min(last, to) - Math.max(first, from) + 1, 0) * size,
            });
            paint.hatch(context, place(scene.window), scene.lost.map(place), colours.hatch);
        }
        if (field) {
            const shown = [Math.max(field[0], from), Math.min(field[1], to)] as const;
            const part = { ...rect, x: at(shown[0]), width: Math.max((shown[1] - shown[0] + 1) * size, 2) };
            const cells = paint.cellsFor(shown[1] - shown[0] + 1, part.width * 2);
            if (shown[1] < shown[0]) {
                // nothing of it is on view
            } else if (weights && scene.weight) {
                const profile = resampled(scene.weight, ...shown, cells);
                paint.paintProduct(context, part, new Uint8Array([255]), profile, HEAT);
                if (close) curve(part, profile);
            } else {
                const mask = paint.maskOf(scene.stretches, ...shown, cells);
                paint.paintProduct(
                    context,
                    part,
                    new Uint8Array([255]),
                    mask,
                    paint.flat(colours.accent, 0.42),
                );
            }
            context.strokeStyle = colours.accent;
            context.lineWidth = 2;
            context.strokeRect(
                at(field[0]),
                rect.y,
                Math.max((field[1] - field[0] + 1) * size, 2),
                rect.height,
            );
        }
        if (pixel !== null) {
            context.strokeStyle = colours.second;
            context.lineWidth = 2.5;
            const wide = Math.max(size, 4);
            context.strokeRect(at(pixel + 0.5) - wide / 2, rect.y - 1, wide, rect.height + 2);
        }
        context.restore();
        context.strokeStyle = colours.line;
        context.lineWidth = 1;
        context.strokeRect(input.x - 0.5, input.y - 0.5, input.width + 1, input.height + 1);
    }

    function curve(part: paint.Rect, profile: Uint8Array): void {
        context.strokeStyle = colours.second;
        context.lineWidth = 1.5;
        context.beginPath();
        profile.forEach((byte, index) => {
            const x = part.x + ((index + 0.5) * part.width) / profile.length;
            const y = part.y + part.height - (byte / 255) * (part.height - 4) - 2;
            if (index) context.lineTo(x, y);
            else context.moveTo(x, y);
        });
        context.stroke();
    }
}
