// Where in the text an error is: rfcalc says it as a path (layers[2].kind), as a line, or as the name of a layer.
import { type JSONPath, type Node, findNodeAtLocation, parseTree } from "jsonc-parser";

export interface Range {
    from: number;
    to: number;
}

/** The part of the text that an error is about; null where it is about all of it, or where that cannot be told. */
export function placeOf(text: string, where: string | null, message = ""): Range | null {
    if (!where) return doubled(text, message);
    const line = /^line (\d+), column (\d+)$/.exec(where);
    if (line) return atLine(text, Number(line[1]), Number(line[2]));
    const root = parseTree(text);
    if (!root) return null;
    const layer = /^layer (['"])(.*)\1$/.exec(where);
    const node = layer
        ? layerNamed(root, layer[2] as string)
        : nearest(root, pathOf(where), / has no such key/.test(message));
    return node && node !== root ? { from: node.offset, to: node.offset + node.length } : null;
}

/** The path that rfcalc writes as layers[2].kind or blocks['a b'].layers. */
export function pathOf(where: string): JSONPath {
    const path: JSONPath = [];
    for (const part of where.matchAll(/\[(\d+)\]|\[(['"])(.*?)\2\]|([^.[\]]+)/g)) {
        if (part[1] !== undefined) path.push(Number(part[1]));
        else path.push(part[3] ?? (part[4] as string));
    }
    return path;
}

/** The node at a path, or the innermost around it; of a key that should not be there the key itself. */
function nearest(root: Node, path: JSONPath, surplus: boolean): Node | null {
    for (let length = path.length; length > 0; length--) {
        const node = findNodeAtLocation(root, path.slice(0, length));
        if (!node) continue;
        const key = node.parent?.type === "property" ? node.parent.children?.[0] : undefined;
        return surplus && length === path.length && key ? key : node;
    }
    return null;
}

function atLine(text: string, line: number, column: number): Range {
    let from = 0;
    for (let each = 1; each < line; each++) {
        const end = text.indexOf("\n", from);
        if (end < 0) break;
        from = end + 1;
    }
    for (let each = 1; each < column && from < text.length; each++)
        from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
    if (from < text.length) return { from, to: from + 1 };
    const last = text.trimEnd().length; // the file ends too early: its last character shows that
    return { from: Math.max(last - 1, 0), to: Math.max(last, 1) };
}

/** A key that stands twice has no place of its own in what rfcalc says. */
function doubled(text: string, message: string): Range | null {
    const key = /^the key '(.*)' stands twice/.exec(message)?.[1];
    if (key === undefined) return null;
    const found: Range[] = [];
    const walk = (node: Node) => {
        const keys =
            node.type === "object" ? (node.children ?? []).map((each) => each.children?.[0] as Node) : [];
        const same = keys.filter((each) => each.value === key)[1];
        if (same) found.push({ from: same.offset, to: same.offset + same.length });
        node.children?.forEach(walk);
    };
    const root = parseTree(text);
    if (root) walk(root);
    return found[0] ?? null;
}

function child(node: Node | undefined, key: string): Node | undefined {
    return node && findNodeAtLocation(node, [key]);
}

/** The entry that a layer was made from: body/2/conv1 is conv1 in the entry called body, or in the block that it uses. */
export function layerNamed(root: Node, name: string): Node | null {
    let entries = child(root, "layers");
    let found: Node | null = null;
    for (const part of name.split("/")) {
        const entry = entryNamed(entries, part);
        if (!entry) {
            if (/^\d+$/.test(part) && found) continue; // the number of a copy
            return found;
        }
        found = entry;
        const block = child(entry, "block")?.value as string | undefined;
        entries = child(entry, "layers") ?? child(child(child(root, "blocks"), block ?? ""), "layers");
    }
    return found;
}

/** An entry by its name, or by the one that rfcalc gives it: its kind, and the how manieth without a name it is. */
function entryNamed(entries: Node | undefined, name: string): Node | null {
    const counts = new Map<string, number>();
    for (const entry of entries?.children ?? []) {
        const own = child(entry, "name")?.value as unknown;
        if (own === name) return entry;
        if (own !== undefined) continue;
        const kind =
            (entry.type === "string"
                ? entry.value
                : (child(entry, "kind") ?? child(entry, "block"))?.value) ?? "repeat";
        const count = (counts.get(String(kind)) ?? 0) + 1;
        counts.set(String(kind), count);
        if (`${String(kind)}_${count}` === name) return entry;
    }
    return null;
}
