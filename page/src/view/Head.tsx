// The head of the page: what the model is, what it costs, how far it sees, at which size.
import { extents, shape } from "../model/figures";
import { sizeName } from "../model/lookup";
import { totalsOf } from "../model/totals";
import type { Session, Side } from "./session";

export function Head({ session }: { session: Session }) {
    const report = session.report.value;
    const sides = session.sides.value;
    const first = sides[0] as Side;
    const { analysis } = first.sized;
    const input = analysis.inputs.find((each) => each.name === analysis.input);
    const counts = countLevels(first);
    return (
        <header class="head">
            <div class="title">
                <h1>{analysis.model.name || first.model.title}</h1>
                <p class="origin">
                    {analysis.model.format}
                    {analysis.model.source && <> · {analysis.model.source}</>}
                    {input && (
                        <>
                            {" "}
                            · input {analysis.inputs.length > 1 && `${analysis.input} `}
                            <b>{shape(input.shape)}</b>
                        </>
                    )}{" "}
                    · {analysis.layers.length.toLocaleString("en-GB")} layers
                </p>
            </div>
            <div class="choices">
                <Sizes session={session} />
                {report.models.length > 1 && <Models session={session} />}
                <button
                    type="button"
                    class="theme"
                    data-testid="theme"
                    aria-label="Light or dark"
                    title="Light or dark"
                    onClick={() => {
                        const dark = session.theme.value
                            ? session.theme.value === "dark"
                            : (globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false);
                        session.theme.value = dark ? "light" : "dark";
                    }}
                >
                    ◐
                </button>
            </div>
            {sides.map((side) => (
                <div class="totals" key={side.index} data-testid="totals">
                    {sides.length > 1 && (
                        <div class="total whose">
                            <b>{side.model.title}</b>
                            <span class="detail">{side.model.about}</span>
                        </div>
                    )}
                    {side.lacks && (
                        <p class="lacks" data-testid="lacks">
                            {side.model.title} {side.lacks}.
                        </p>
                    )}
                    <dl>
                        {totalsOf(side.model, side.sized).map((total) => (
                            <div class="total" key={total.key} data-total={total.key}>
                                <dt>{total.label}</dt>
                                <dd class={total.value === "not known" ? "value unknown" : "value"}>
                                    {total.value}
                                </dd>
                                <dd class="detail">{total.detail}</dd>
                            </div>
                        ))}
                    </dl>
                </div>
            ))}
            <nav class="panes" aria-label="Parts of the report">
                {PANES.map(([pane, title]) => (
                    <a
                        key={pane}
                        href={`#pane=${pane}`}
                        aria-current={session.pane.value === pane ? "true" : undefined}
                        onClick={(event) => {
                            event.preventDefault();
                            session.pane.value = pane;
                            document.getElementById(`pane-${pane}`)?.scrollIntoView();
                        }}
                    >
                        {title}
                        {pane === "notes" && counts.length > 0 && (
                            <span class={`badge ${/warning|error/.test(counts.join()) ? "warning" : ""}`}>
                                {counts.join(", ")}
                            </span>
                        )}
                    </a>
                ))}
            </nav>
        </header>
    );
}

export const PANES: readonly (readonly [string, string])[] = [
    ["field", "Graph and field"],
    ["notes", "Notes"],
    ["growth", "Growth and costs"],
    ["layers", "Layers"],
];

function countLevels(side: Side): string[] {
    const levels = side.sized.analysis.notes.map((note) => note.level);
    const of = (level: string, one: string) => {
        const count = levels.filter((each) => each === level).length;
        return count ? [`${count} ${one}${count === 1 ? "" : "s"}`] : [];
    };
    return [...of("error", "error"), ...of("warning", "warning"), ...of("info", "note")];
}

function Sizes({ session }: { session: Session }) {
    const sides = session.sides.value;
    const { sized, lacks } = sides[0] as Side;
    const wanted = session.size.value;
    const names = [...new Set(sides.flatMap((side) => side.model.sizes.map(sizeName)))];
    const left = sides.flatMap((side) =>
        side.model.left_out.map((each) => ({ ...each, title: sides.length > 1 ? side.model.title : "" })),
    );
    if (names.length < 2 && left.length === 0) return null;
    return (
        <div class="choice">
            <label>
                size{" "}
                <select
                    data-testid="size"
                    value={lacks && wanted !== null && names.includes(wanted) ? wanted : sizeName(sized)}
                    onChange={(event) => {
                        session.at.value = null;
                        session.pixel.value = null;
                        session.size.value = event.currentTarget.value;
                    }}
                >
                    {names.map((name) => (
                        <option key={name} value={name}>
                            {name}
                        </option>
                    ))}
                </select>
            </label>
            {left.length > 0 && (
                <details class="menu">
                    <summary>{left.length} left out</summary>
                    <ul class="menu-body">
                        {left.map(({ title, extents: size, reason }) => (
                            <li key={`${title} ${extents(size)}`}>
                                <b>
                                    {title} {extents(size)}
                                </b>
                                : {reason}
                            </li>
                        ))}
                    </ul>
                </details>
            )}
        </div>
    );
}

function Models({ session }: { session: Session }) {
    const { models } = session.report.value;
    const shown = session.sides.value;
    return (
        <div class="choice">
            <label>
                model{" "}
                <select
                    data-testid="model"
                    value={String(shown[0]?.index ?? 0)}
                    onChange={(event) => {
                        const to = Number(event.currentTarget.value);
                        if (session.beside.value === to) session.beside.value = session.model.value;
                        session.model.value = to;
                    }}
                >
                    {models.map((model, index) => (
                        <option key={index} value={String(index)}>
                            {model.title}
                        </option>
                    ))}
                </select>
            </label>
            <label>
                beside{" "}
                <select
                    data-testid="beside"
                    value={shown[1] ? String(shown[1].index) : ""}
                    onChange={(event) => {
                        session.beside.value =
                            event.currentTarget.value === "" ? null : Number(event.currentTarget.value);
                    }}
                >
                    <option value="">none</option>
                    {models.map((model, index) =>
                        index === shown[0]?.index ? null : (
                            <option key={index} value={String(index)}>
                                {model.title}
                            </option>
                        ),
                    )}
                </select>
            </label>
        </div>
    );
}
