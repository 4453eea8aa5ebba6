// What can be set of a model without typing: found in its text, and changed in its text, so that the two never differ.
import { type JSONPath, type Node, findNodeAtLocation, modify, parseTree } from "jsonc-parser";

import poolings from "./poolings.json";

export interface Setting {
    key: "kernel" | "stride" | "dilation";
    /** Null where it is an expression, or differs from axis to axis: that is changed in the text. */
    value: number | null;
    written: string; // as it stands in the text; "" where it does not
    most: number;
}

export interface Switches {
    path: JSONPath; // of the entry
    name: string; // of the layer, or what it is; of one inside a block with the block in front
    kind: string;
    /** Of a pooling: whether it is there. Null where it cannot be taken out so. */
    on: boolean | null;
    settings: Setting[];
}

export interface Parameter {
    name: string;
    value: number;
    most: number;
}

export interface Edit {
    from: number;
    to: number;
    insert: string;
}

const MOST = { kernel: 11, stride: 4, dilation: 8 } as const;
const WINDOWS = /^(?:conv|depthwise_conv|separable_conv|transposed_conv|conv_transpose|deconv)(?:[123]d)?$/;
const POOLINGS = new Set(poolings);

/** The convolutions and poolings of a model, in order; null where the text is not JSON. */
export function switchesOf(text: string): Switches[] | null {
    const root = rootOf(text);
    if (!root) return null;
    const found: Switches[] = [];
    const walk = (entries: Node | undefined, path: JSONPath, inside: string) => {
        entries?.children?.forEach((entry, index) => {
            const here = [...path, index];
            const name = value(entry, "name");
            const title = typeof name === "string" ? name : "";
            const kind = value(entry, "kind");
            const nested = findNodeAtLocation(entry, ["layers"]);
            if (nested) walk(nested, [...here, "layers"], joined(inside, title));
            else if (typeof kind === "string") {
                const switches = ofEntry(entry, here, kind, joined(inside, title || kind));
                if (switches) found.push(switches);
            }
        });
    };
    for (const block of findNodeAtLocation(root, ["blocks"])?.children ?? []) {
        const name = String(block.children?.[0]?.value);
        walk(
            block.children?.[1] && findNodeAtLocation(block.children[1], ["layers"]),
            ["blocks", name, "layers"],
            name,
        );
    }
    walk(findNodeAtLocation(root, ["layers"]), ["layers"], "");
    return found;
}

/** The named numbers of a model. */
export function parametersOf(text: string): Parameter[] {
    const root = rootOf(text);
    const named = root && findNodeAtLocation(root, ["parameters"]);
    return (named?.children ?? []).flatMap((each) => {
        const [name, number] = each.children ?? [];
        const known: unknown = number?.value;
        if (typeof known !== "number" || !Number.isInteger(known) || known < 1) return [];
        return [{ name: String(name?.value), value: known, most: Math.max(2 * known, 8) }];
    });
}

function rootOf(text: string): Node | undefined {
    const errors: unknown[] = [];
    const root = parseTree(text, errors as []);
    return errors.length ? undefined : root;
}

function joined(inside: string, name: string): string {
    return inside && name ? `${inside}/${name}` : inside || name;
}

function value(entry: Node, key: string): unknown {
    const node = entry.type === "object" ? findNodeAtLocation(entry, [key]) : undefined;
    return node?.type === "array"
        ? node.children?.map((each) => each.value as unknown)
        : (node?.value as unknown);
}

function ofEntry(entry: Node, path: JSONPath, kind: string, name: string): Switches | null {
    const pooling = POOLINGS.has(kind);
    if (!pooling && !WINDOWS.test(kind)) return null;
    const kernel = setting(entry, "kernel", null);
    const settings = [
        kernel,
        setting(entry, "stride", pooling ? kernel.value : 1),
        setting(entry, "dilation", 1),
    ];
    const repeat = value(entry, "repeat");
    const on = pooling && (repeat === undefined || repeat === 1 || repeat === 0) ? repeat !== 0 : null;
    return { path, name, kind, on, settings };
}

function setting(entry: Node, key: Setting["key"], without: number | null): Setting {
    const known = value(entry, key);
    const written = known === undefined || known === null ? "" : JSON.stringify(known).replaceAll(",", ", ");
    const number = written === "" ? without : single(known);
    return { key, value: number, written, most: Math.max(MOST[key], number ?? 0) };
}

/** The number that all axes have. */
function single(known: unknown): number | null {
    const [first, ...rest]: unknown[] = Array.isArray(known) ? known : [known];
    return typeof first === "number" && rest.every((each) => each === first) ? first : null;
}

/** What has to be changed in the text, so that a value stands at a path; undefined takes it away. */
export function edits(text: string, path: JSONPath, to: number | undefined): Edit[] {
    return modify(text, path, to, {}).map(({ offset, length, content }) => ({
        from: offset,
        to: offset + length,
        insert: content.replace(/^,(?=")/, ", "),
    }));
}

/** Take a pooling out, or put it back: no copies of it hand on what comes in. */
export function toggled(text: string, switches: Switches): Edit[] {
    return edits(text, [...switches.path, "repeat"], switches.on ? 0 : undefined);
}
