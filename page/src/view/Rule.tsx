// The chosen layer: its figures, its settings, and the rule of its kind.
import { useState } from "preact/hooks";

import * as figures from "../model/figures";
import { rowOf } from "../model/lookup";
import type { Row } from "../report";
import rules from "../rules.json";
import { markLetter, markName } from "./marks";
import type { Session, Side } from "./session";

interface KindRule {
    summary: string;
    settings: Record<string, string>; // what each means
    formulas: Record<string, string>[];
}

const RULES = rules as unknown as Record<string, KindRule | undefined>;

const LETTERS =
    "B batch; H, W, T extents of the map; C channels; F filters or units; k kernel; s stride; d dilation; " +
    "p and q padding before and after; g groups; m an output extent that is given; i an output index. " +
    "Subscripts name the axis, and a dash stands for the output.";

export function Rule({ session, side }: { session: Session; side: Side }) {
    const { index } = session.shown(side, session.chosen.value);
    const row = side.sized.analysis.layers[index] as Row;
    const held = side.sized.memory?.[index];
    const sums = side.model.sums[index];
    const marks = side.sized.marks.filter((mark) => mark.row === index);
    const facts: [string, string][] = [
        ["output shape", figures.shape(row.output_shape)],
        ["receptive field", figures.field(row)],
        ["effective stride", figures.grid(row.effective_stride)],
        ["effective padding", figures.tuple(row.effective_padding)],
        ["coverage", figures.coverage(row)],
        ["parameters", figures.number(figures.params(row))],
        ["MACs", figures.number(row.macs)],
        ["activations", figures.number(row.activations)],
        ...(side.sized.memory ? [["memory held", figures.bytes(held)] as [string, string]] : []),
    ];
    return (
        <section class="rule-card card" aria-label="The chosen layer" data-testid="layer-card">
            <h3>
                <span class="layer-name">{row.name}</span> <span class="kind">{row.kind}</span>
                {row.op !== row.kind && <span class="kind"> ({row.op})</span>}
            </h3>
            {row.status !== "exact" && (
                <p>
                    <b>{row.status === "bound" ? "At most" : "Not known"}</b>
                    {row.reason && `: ${row.reason}`}
                </p>
            )}
            {marks.map((mark, place) => (
                <p key={place}>
                    <span class={`mark ${mark.level}`}>{markLetter(mark)}</span> <b>{markName(mark)}</b>:{" "}
                    {mark.message}
                </p>
            ))}
            <dl class="facts">
                {facts.map(([name, value]) => (
                    <div key={name}>
                        <dt>{name}</dt>
                        <dd>{value}</dd>
                    </div>
                ))}
            </dl>
            {sums && (
                <p data-testid="sum">
                    Its field: {[...new Set(sums)].join("; ")}
                    <span class="aside"> (that of the map before, and (kernel − 1) strides of that map)</span>
                </p>
            )}
            {row.inputs.length > 0 && (
                <p class="takes">
                    takes{" "}
                    {row.inputs.map((name, place) => {
                        const from = rowOf(side.sized.analysis, name);
                        return (
                            <span key={place}>
                                {place > 0 && ", "}
                                {from >= 0 ? (
                                    <button
                                        type="button"
                                        class="link"
                                        onClick={() => session.choose(side, from)}
                                    >
                                        {name}
                                    </button>
                                ) : (
                                    name
                                )}
                            </span>
                        );
                    })}
                </p>
            )}
            <Kind row={row} settings={side.model.settings[index] ?? {}} />
        </section>
    );
}

function spelled(value: unknown): string {
    return typeof value === "string" ? value : JSON.stringify(value);
}

function Kind({ row, settings }: { row: Row; settings: Record<string, unknown> }) {
    const [open, setOpen] = useState(false);
    const rule = Object.hasOwn(RULES, row.kind) ? RULES[row.kind] : undefined;
    const given = Object.entries(settings);
    return (
        <>
            {rule && <p class="aside">{rule.summary}</p>}
            {given.length > 0 && (
                <dl class="settings">
                    {given.map(([name, value]) => (
                        <div key={name} title={rule?.settings[name]}>
                            <dt>{name}</dt>
                            <dd>{spelled(value)}</dd>
                        </div>
                    ))}
                </dl>
            )}
            <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="rule">
                <summary>the rule of {row.kind}</summary>
                {open &&
                    (rule?.formulas.length ? (
                        <>
                            {rule.formulas.map(({ case: which, ...formulas }, place) => (
                                <div key={place} class="formulas">
                                    {which && <h4>{which}</h4>}
                                    <dl>
                                        {Object.entries(formulas).map(([name, formula]) => (
                                            <div key={name}>
                                                <dt>{name}</dt>
                                                <dd>{formula}</dd>
                                            </div>
                                        ))}
                                    </dl>
                                </div>
                            ))}
                            <p class="aside">{LETTERS}</p>
                        </>
                    ) : (
                        <p class="aside">There is no formula for this kind.</p>
                    ))}
            </details>
        </>
    );
}
