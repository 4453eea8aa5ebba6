// The units of a layer as a small map: one is chosen on it, or those that see a pixel are marked.
import { useLayoutEffect, useRef } from "preact/hooks";

import type { Progression } from "../model/units";
import { useScheme } from "./hooks";
import * as paint from "./paint";

export interface UnitMapProps {
    extents: readonly [number, number]; // rows of units, and units of a row
    unit: readonly [number, number] | null;
    seeing: readonly [readonly Progression[], readonly Progression[]] | null;
    label: string;
    theme: unknown;
    pick: (row: number, column: number, settled: boolean) => void;
    leave: () => void;
    step: (rows: number, columns: number) => void;
}

const WIDE = 176;
const HIGH = 132;

export function UnitMap({ extents, unit, seeing, label, theme, pick, leave, step }: UnitMapProps) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const scheme = useScheme(theme);
    const [rows, columns] = extents;
    const flat = rows === 1;
    let wide = WIDE / columns;
    let high = flat ? 22 : HIGH / rows;
    if (!flat && wide / high < 8 && high / wide < 8) wide = high = Math.min(wide, high, 22);
    else wide = Math.min(wide, 22);
    const [width, height] = [columns * wide, rows * high];

    useLayoutEffect(() => {
        const element = canvas.current;
        if (!element) return;
        const colours = paint.coloursOf(element, scheme);
        const context = paint.prepare(element, width + 4, height + 4);
        if (!context) return;
        const rect = { x: 2, y: 2, width, height };
        context.fillStyle = colours.surface;
        context.fillRect(rect.x, rect.y, width, height);
        if (seeing) {
            const masks = seeing.map((units, axis) =>
                mask(units, extents[axis] as number, axis ? width : height),
            );
            paint.paintProduct(
                context,
                rect,
                masks[0] as Uint8Array,
                masks[1] as Uint8Array,
                paint.flat(colours.second, 0.75),
            );
        }
        paint.gridLines(context, rect, rows, columns, colours.faint);
        context.strokeStyle = colours.line;
        context.lineWidth = 1;
        context.strokeRect(1.5, 1.5, width + 1, height + 1);
        if (unit) {
            const [w, h] = [Math.max(wide, 5), Math.max(high, 5)];
            context.fillStyle = colours.accent;
            context.fillRect(2 + (unit[1] + 0.5) * wide - w / 2, 2 + (unit[0] + 0.5) * high - h / 2, w, h);
        }
    }, [extents, rows, columns, unit, seeing, wide, high, width, height, scheme]);

    const send = (event: PointerEvent, settled: boolean) => {
        const corner = (event.currentTarget as HTMLElement).getBoundingClientRect();
        const row = Math.floor((event.clientY - corner.top - 2) / high);
        const column = Math.floor((event.clientX - corner.left - 2) / wide);
        pick(Math.min(Math.max(row, 0), rows - 1), Math.min(Math.max(column, 0), columns - 1), settled);
    };
    const one = rows === 1 && columns === 1;
    return (
        <canvas
            ref={canvas}
            class="unit-map"
            data-testid="unit-map"
            tabIndex={one ? -1 : 0}
            role={one ? "img" : "application"}
            aria-roledescription={one ? undefined : "map of units, moved with arrow keys"}
            aria-label={label}
            onPointerDown={(event) => {
                (event.currentTarget as HTMLElement).setPointerCapture?.(event.pointerId);
                send(event, true);
            }}
            onPointerMove={(event) => send(event, event.buttons > 0)}
            onPointerLeave={leave}
            onKeyDown={(event) => {
                const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
                    event.key
                ];
                if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
                event.preventDefault();
                const times = event.shiftKey ? 10 : 1;
                step((by[0] as number) * times, (by[1] as number) * times);
            }}
        />
    );
}

function mask(units: readonly Progression[], extent: number, pixels: number): Uint8Array {
    const cells = paint.cellsFor(extent, pixels * 2);
    const found = new Uint8Array(cells);
    for (const { first, last, step } of units) {
        if (step === 1 || (last - first) / step > 4 * cells) {
            const part = paint.maskOf([[first, last]], 0, extent - 1, cells);
            part.forEach((byte, cell) => byte && (found[cell] = 255));
        } else {
            for (let at = first; at <= last; at += step) found[Math.floor((at * cells) / extent)] = 255;
        }
    }
    return found;
}
