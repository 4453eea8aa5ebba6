// Two axes of the input as a picture: cells, and on them what one unit reads.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Interval } from "../model/units";
import { useScheme, useWidth } from "./hooks";
import * as paint from "./paint";
import { type Views, draw, ends, placed } from "./plane-drawing";

/** What is drawn along one axis. */
export interface AxisScene {
    extent: number;
    margin: number; // positions around the input that padding may take
    stretches: readonly Interval[]; // what is read
    window: Interval | null; // what would be read if nothing were padded and nothing cut off
    lost: readonly Interval[]; // what of that is not read
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
    near: boolean; // show what lies around the field, where the whole is large
    come: (near: boolean) => void;
    pick: (row: number, column: number, settled: boolean) => void;
    leave: () => void;
    step: (rows: number, columns: number) => void;
}

const ZOOMABLE = 100; // shorter axes are shown whole

/** The positions of an axis that are on view. */
function viewOf(scene: AxisScene, near: boolean, pixel: number | null, least: number): Interval {
    const all: Interval = [-scene.margin, scene.extent - 1 + scene.margin];
    const field = ends(scene.stretches) ?? (pixel === null ? null : ([pixel, pixel] as const));
    if (!near || !field) return all;
    const half = Math.max((field[1] - field[0] + 1) * 0.8, least);
    const middle = (field[0] + field[1]) / 2;
    return [Math.max(Math.floor(middle - half), all[0]), Math.min(Math.ceil(middle + half), all[1])];
}

const KEYS: Record<string, [number, number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
};

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
    const { near } = props;
    const zoomable = Math.max(rows.extent, columns.extent) > ZOOMABLE;
    const least = Math.max(rows.extent, columns.extent) / 64 + 6;
    const closer = zoomable && near;
    const [rowsOn, columnsOn] = [
        viewOf(rows, closer, pixel?.[0] ?? null, least),
        viewOf(columns, closer, pixel?.[1] ?? null, least),
    ];
    // while the pointer is on the picture it stays where it is
    const held = useRef<Views | null>(null);
    const views = closer && held.current ? held.current : { rows: rowsOn, columns: columnsOn };
    const viewKey = [...views.rows, ...views.columns].join(",");
    const place = useMemo(
        () => placed(views, rows.extent, width, most),
        // eslint-disable-next-line react-hooks/exhaustive-deps
        [viewKey, rows.extent, width, most],
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
                onPointerEnter={() => {
                    held.current = views;
                }}
                onPointerDown={(event) => {
                    const where = at(event);
                    if (inside(where)) pick(...where, true);
                }}
                onPointerMove={(event) => {
                    const where = at(event);
                    if (inside(where)) pick(...where, event.buttons > 0);
                    else leave();
                }}
                onPointerLeave={() => {
                    held.current = null;
                    leave();
                }}
                onKeyDown={(event) => {
                    const by = KEYS[event.key];
                    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
                    event.preventDefault();
                    const times = event.shiftKey ? 10 : 1;
                    step(by[0] * times, by[1] * times);
                }}
            />
            {zoomable && (
                <div class="segments" role="group" aria-label="How much is shown">
                    <button type="button" aria-pressed={!near} onClick={() => props.come(false)}>
                        all of it
                    </button>
                    <button
                        type="button"
                        aria-pressed={near}
                        data-testid="near"
                        onClick={() => props.come(true)}
                    >
                        around the field
                    </button>
                </div>
            )}
        </div>
    );
}
