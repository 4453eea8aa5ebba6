// What may stand at a place of the text, from the schema of models that rfcalc publishes.
import { type JSONPath, type Node, findNodeAtLocation, getLocation, parseTree } from "jsonc-parser";

export interface Schema {
    $ref?: string;
    $defs?: Record<string, Schema | false>;
    description?: string;
    const?: unknown;
    enum?: unknown[];
    type?: string;
    default?: unknown;
    properties?: Record<string, Schema | false>;
    additionalProperties?: Schema | boolean;
    items?: Schema;
    required?: string[];
    anyOf?: Schema[];
    oneOf?: Schema[];
    allOf?: Schema[];
}

export interface Suggestion {
    label: string;
    insert: string;
    info: string;
    role: "key" | "value" | "name";
}

export interface Suggestions {
    from: number;
    to: number;
    options: Suggestion[];
}

const EVERYWHERE = ["name", "inputs", "repeat", "trainable"]; // keys of any layer: others come first
const MANY = 8; // alternatives, of which nobody has yet said which one it is

/** What may be written at an offset; null where the schema says nothing. */
export function suggestionsAt(root: Schema, text: string, offset: number): Suggestions | null {
    const at = getLocation(text, offset);
    const tree = parseTree(text);
    const { previousNode: before } = at;
    const inside =
        before && before.offset <= offset && offset <= before.offset + before.length ? before : null;
    const range = inside
        ? { from: inside.offset, to: inside.offset + inside.length }
        : { from: offset, to: offset };
    const options = at.isAtPropertyKey
        ? keysAt(root, tree, at.path, /^\s*:/.test(text.slice(range.to)))
        : valuesAt(root, tree, at.path, text);
    return options.length ? { ...range, options } : null;
}

/** What the schema says of the key or the value at an offset. */
export function saidAt(
    root: Schema,
    text: string,
    offset: number,
): (Omit<Suggestions, "options"> & { said: string }) | null {
    const { path, previousNode: node } = getLocation(text, offset);
    if (!node || offset > node.offset + node.length || typeof path.at(-1) !== "string") return null;
    const tree = parseTree(text);
    const holder = path.slice(0, -1);
    const alternatives = fitting(root, tree, holder, null);
    const name = path.at(-1) as string;
    const found = new Set<string>();
    for (const each of alternatives.slice(0, MANY)) {
        const property = each.properties?.[name];
        const said = (name === "kind" && each.description) || (property && described(root, property));
        if (said) found.add(said);
    }
    return found.size
        ? { from: node.offset, to: node.offset + node.length, said: [...found].join("\n") }
        : null;
}

function described(root: Schema, schema: Schema): string {
    const text = schema.description ?? followed(root, schema).description ?? "";
    return schema.default === undefined ? text : `${text} [${JSON.stringify(schema.default)}]`;
}

function keysAt(root: Schema, tree: Node | undefined, path: JSONPath, colon: boolean): Suggestion[] {
    const holder = path.slice(0, -1);
    const typed = String(path.at(-1) ?? "");
    const alternatives = fitting(root, tree, holder, typed);
    const present = keysOf(at(tree, holder));
    present.delete(typed);
    const undecided = alternatives.length > MANY;
    const found = new Map<string, Suggestion>();
    for (const each of alternatives) {
        const said = Object.entries(each.properties ?? {});
        const needed = new Set(each.required ?? []);
        for (const [key, property] of said) {
            if (property === false || present.has(key) || found.has(key)) continue;
            // of very many kinds no settings yet: first which kind it is, or a use of a block, or a repeat
            if (undecided && key !== "name" && key !== "kind" && !(needed.has(key) && !needed.has("kind")))
                continue;
            const insert = colon ? JSON.stringify(key) : `${JSON.stringify(key)}: `;
            found.set(key, { label: key, insert, info: described(root, property), role: "key" });
        }
    }
    const rank = ({ label }: Suggestion) =>
        alternatives.some((each) => each.required?.includes(label)) ? 0 : EVERYWHERE.includes(label) ? 2 : 1;
    return [...found.values()].sort((one, other) => rank(one) - rank(other));
}

function valuesAt(root: Schema, tree: Node | undefined, path: JSONPath, text: string): Suggestion[] {
    const last = path.at(-1);
    const holder = path.slice(0, -1);
    if (last === "block") return namesIn(tree, ["blocks"]).map(name);
    if (path.some((each) => each === "inputs") && path[0] === "layers")
        return [...entryNames(text), "input"].map(name);
    const found = new Map<string, Suggestion>();
    for (const each of fitting(root, tree, holder, typeof last === "string" ? last : null)) {
        const next = step(each, last);
        if (!next) continue;
        for (const schema of alternativesOf(root, next)) {
            const values =
                schema.const !== undefined
                    ? [schema.const]
                    : (schema.enum ?? (schema.type === "boolean" ? [true, false] : []));
            const info = last === "kind" ? (each.description ?? "") : "";
            for (const known of values) {
                const insert = JSON.stringify(known);
                if (!found.has(insert))
                    found.set(insert, { label: String(known), insert, info, role: "value" });
            }
        }
    }
    return [...found.values()];
}

function name(label: string): Suggestion {
    return { label, insert: JSON.stringify(label), info: "", role: "name" };
}

function namesIn(tree: Node | undefined, path: JSONPath): string[] {
    return [...keysOf(at(tree, path))];
}

/** Names that entries have, in the order of the text. */
function entryNames(text: string): string[] {
    return [...text.matchAll(/"name"\s*:\s*("(?:[^"\\]|\\.)*")/g)].map(
        (each) => JSON.parse(each[1] as string) as string,
    );
}

function at(tree: Node | undefined, path: JSONPath): Node | undefined {
    return tree && (path.length ? findNodeAtLocation(tree, path) : tree);
}

function keysOf(node: Node | undefined): Set<string> {
    const keys =
        node?.type === "object" ? (node.children ?? []).map((each) => String(each.children?.[0]?.value)) : [];
    return new Set(keys.filter(Boolean));
}

/** The schemas of what is at a path, of those that alternate the ones that do not contradict what is written there. */
function fitting(root: Schema, tree: Node | undefined, path: JSONPath, open: string | null): Schema[] {
    let schemas = alternativesOf(root, root);
    for (const [length, part] of path.entries()) {
        const known = narrowed(schemas, at(tree, path.slice(0, length)), null);
        schemas = known.flatMap((each) => {
            const next = step(each, part);
            return next ? alternativesOf(root, next) : [];
        });
    }
    return narrowed(schemas, at(tree, path), open);
}

function step(schema: Schema, part: string | number | undefined): Schema | null {
    if (typeof part === "number") return schema.items ?? null;
    const property = part === undefined ? undefined : schema.properties?.[part];
    if (property !== undefined) return property || null;
    return typeof schema.additionalProperties === "object" ? schema.additionalProperties : null;
}

function narrowed(schemas: Schema[], node: Node | undefined, open: string | null): Schema[] {
    const left = schemas.filter((each) => !contradicts(each, node, open));
    return left.length ? left : schemas;
}

/** Whether an object has a key that a schema does not know, or another value than it demands; the key `open` is free. */
function contradicts(schema: Schema, node: Node | undefined, open: string | null): boolean {
    if (node?.type !== "object") return false;
    if (schema.type !== undefined && schema.type !== "object") return true;
    if (schema.type === undefined && schema.enum) return true;
    return (node.children ?? []).some((each) => {
        const [key, value] = each.children ?? [];
        const known = String(key?.value);
        if (!key || !value || known === open) return false;
        const property = schema.properties?.[known];
        if (property === undefined) return schema.additionalProperties === false;
        if (property === false) return true;
        const values = property.const !== undefined ? [property.const] : property.enum;
        return values !== undefined && !values.includes(value.value);
    });
}

function followed(root: Schema, schema: Schema): Schema {
    let found = schema;
    while (found.$ref) {
        const next = root.$defs?.[found.$ref.replace("#/$defs/", "")];
        if (!next) break;
        found = next;
    }
    return found;
}

function alternativesOf(root: Schema, schema: Schema): Schema[] {
    const found = followed(root, schema);
    const among = [...(found.anyOf ?? []), ...(found.properties ? [] : (found.oneOf ?? []))];
    return among.length ? among.flatMap((each) => alternativesOf(root, each)) : [found];
}
