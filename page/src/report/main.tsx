// The page that `rfcalc report` writes: the report in it, shown; what is shown is kept in the address.
import { effect } from "@preact/signals";
import { options, render } from "preact";

import { type Place, read, write } from "../model/hash";
import { rowOf } from "../model/lookup";
import type { Report } from "../report";
import { ReportView } from "../view/ReportView";
import { Session } from "../view/session";
import "../view/style.css";

function start(): void {
    const root = document.getElementById("rfcalc");
    const text = document.getElementById("rfcalc-report")?.textContent;
    if (!root || !text) return;
    const report = JSON.parse(text) as Report;
    const session = new Session(report);
    follow(session);
    render(<ReportView report={report} session={session} />, root);
    goTo(session);
    print(session);
}

/** Keep the address and the session in step: each layer is a step of the history, a unit is not. */
function follow(session: Session): void {
    const enter = () => {
        const place = read(location.hash);
        const models = session.report.peek().models.length;
        session.model.value = place.model !== undefined && place.model < models ? place.model : 0;
        if (place.beside !== undefined && (place.beside === null || place.beside < models))
            session.beside.value = place.beside;
        session.size.value = place.size ?? null;
        session.pane.value = place.pane ?? null;
        const name = place.layer ?? null;
        const side = name === null ? undefined : session.home(name);
        session.layer.value = side && name !== null ? { model: side.index, name } : null;
        session.at.value =
            side && name !== null && place.unit?.length
                ? session.atUnit(side, rowOf(side.sized.analysis, name), place.unit)
                : null;
    };
    enter();
    // a frame that was given its page in an attribute, as those of notebooks, has no address of its own
    if (location.protocol === "about:") return;
    let entering = false;
    addEventListener("hashchange", () => {
        if (location.hash.slice(1) === last) return;
        entering = true;
        enter();
        entering = false;
        last = location.hash.slice(1);
        goTo(session);
    });

    let last = location.hash.slice(1);
    let known: Place | null = null;
    effect(() => {
        const at = session.at.value;
        const chosen = session.chosen.value;
        const [first] = session.sides.value;
        const shown = first && session.shown(first, chosen);
        // told by the layer of the first model that it stands for, where there is one
        const here = shown?.same ? first?.sized.analysis.layers[shown.index]?.name : undefined;
        const name = here ?? chosen.name;
        const side = session.home(name);
        const place: Place = {
            model: session.model.value,
            beside: session.beside.value,
            size: session.size.value,
            layer: session.layer.value || at ? name : null,
            unit: at && side ? session.unit(side, rowOf(side.sized.analysis, name), at) : null,
            pane: session.pane.value,
        };
        const before = known;
        known = place;
        const text = write(place);
        if (!before || entering || text === last) return;
        last = text;
        const further =
            before.layer !== place.layer ||
            before.model !== place.model ||
            before.beside !== place.beside ||
            before.size !== place.size;
        if (further) location.hash = text;
        else history.replaceState(null, "", `#${text}`);
    });
}

function goTo(session: Session): void {
    const pane = session.pane.peek();
    if (pane) document.getElementById(`pane-${pane}`)?.scrollIntoView();
}

/** On paper the table is whole: its rows are made before the page is laid out for it. */
function print(session: Session): void {
    const now = (printing: boolean) => {
        const { debounceRendering } = options;
        options.debounceRendering = (work) => work();
        session.printing.value = printing;
        options.debounceRendering = debounceRendering;
    };
    addEventListener("beforeprint", () => now(true));
    addEventListener("afterprint", () => now(false));
    matchMedia("print").addEventListener("change", (event) => now(event.matches));
}

start();
