// What the page shows, as the fragment of its address: a link points to a layer and one of its units.

export interface Place {
    model: number;
    beside: number | null;
    size: string | null;
    layer: string | null;
    unit: number[] | null;
    pane: string | null;
}

export function write(place: Place): string {
    const parts: [string, string][] = [];
    if (place.model) parts.push(["model", String(place.model)]);
    parts.push(["beside", place.beside === null ? "none" : String(place.beside)]);
    if (place.size !== null) parts.push(["size", place.size]);
    if (place.layer !== null) parts.push(["layer", place.layer]);
    if (place.unit) parts.push(["unit", place.unit.join(",")]);
    if (place.pane) parts.push(["pane", place.pane]);
    return parts
        .map(
            ([key, value]) => `${key}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%2C/g, ",")}`,
        )
        .join("&");
}

function whole(text: string | undefined): number | null {
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Only what the fragment says: what it does not say, or says badly, is left out. */
export function read(fragment: string): Partial<Place> {
    const said = new Map<string, string>();
    for (const part of fragment.replace(/^#/, "").split("&")) {
        const cut = part.indexOf("=");
        if (cut <= 0) continue;
        try {
            said.set(part.slice(0, cut), decodeURIComponent(part.slice(cut + 1)));
        } catch {
            continue; // not an address that this page wrote
        }
    }
    const found: Partial<Place> = {};
    const model = whole(said.get("model"));
    if (model !== null) found.model = model;
    const beside = whole(said.get("beside"));
    if (beside !== null || said.get("beside") === "none") found.beside = beside;
    const unit = said.get("unit")?.split(",").map(whole);
    if (unit && !unit.includes(null)) found.unit = unit as number[];
    for (const key of ["size", "layer", "pane"] as const) {
        const value = said.get(key);
        if (value) found[key] = value;
    }
    return found;
}
