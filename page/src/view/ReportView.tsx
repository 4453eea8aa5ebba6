// A report on view. It keeps what was chosen when it is given another report of the same model.
import { useLayoutEffect, useMemo, useState } from "preact/hooks";

import type { Report } from "../report";
import { Field } from "./Field";
import { Graph } from "./Graph";
import { Growth } from "./Growth";
import { Costs } from "./Costs";
import { Head } from "./Head";
import { Notes } from "./Notes";
import { Rule } from "./Rule";
import { Story } from "./Story";
import { Table } from "./Table";
import { Session, type Side } from "./session";

interface ReportViewProps {
    report: Report;
    session?: Session; // one of whoever shows the report, to follow it
}

export function ReportView({ report, session: given }: ReportViewProps) {
    const [own] = useState(() => given ?? new Session(report));
    const session = given ?? own;
    useLayoutEffect(() => {
        session.report.value = report;
    }, [session, report]);
    const sides = session.sides.value;
    const beside = sides.length > 1 ? "beside" : "";
    return (
        <div class={`report ${beside}`} data-theme={session.theme.value ?? undefined}>
            <Head session={session} />
            <main>
                <section id="pane-field" class="pane" aria-label="Graph and field">
                    <Modes session={session} />
                    <div class="sides">
                        {sides.map((side) => (
                            <div class="side" key={side.index}>
                                <Graph session={session} side={side} />
                                <Field session={session} side={side} />
                                {sides.length === 1 && <Rule session={session} side={side} />}
                            </div>
                        ))}
                    </div>
                    {sides.length > 1 && (
                        <div class="rules">
                            <Rule session={session} side={sides[0] as Side} />
                        </div>
                    )}
                </section>
                <section id="pane-notes" class="pane" aria-label="Notes">
                    <Story session={session} />
                    <Notes session={session} />
                </section>
                <section id="pane-growth" class="pane charts" aria-label="Growth and costs">
                    <Growth session={session} />
                    <div class="sides">
                        {sides.map((side) => (
                            <Costs key={side.index} session={session} side={side} />
                        ))}
                    </div>
                </section>
                <section id="pane-layers" class="pane" aria-label="Layers">
                    <h2>Layers</h2>
                    <div class="sides">
                        {sides.map((side) => (
                            <Table key={side.index} session={session} side={side} />
                        ))}
                    </div>
                </section>
            </main>
            <footer>rfcalc {report.rfcalc}</footer>
        </div>
    );
}

/** What the pictures of fields show. */
function Modes({ session }: { session: Session }) {
    const fields = session.sides.value.some((side) => side.sized.fields);
    const weighed = useMemo(
        () => session.sides.value.some((side) => side.sized.fields?.weights.of.some((map) => map !== null)),
        [session.sides.value],
    );
    const gated = useMemo(
        () =>
            session.sides.value.some(({ sized: { fields } }) =>
                fields?.of.some((map, row) => map !== fields.local[row]),
            ),
        [session.sides.value],
    );
    return (
        <div class="tools">
            <h2>Graph and field</h2>
            {fields && (
                <>
                    <div class="segments" role="group" aria-label="What is shown">
                        <button
                            type="button"
                            data-testid="mode-unit"
                            aria-pressed={session.mode.value === "unit"}
                            onClick={() => (session.mode.value = "unit")}
                        >
                            what a unit sees
                        </button>
                        <button
                            type="button"
                            data-testid="mode-pixel"
                            aria-pressed={session.mode.value === "pixel"}
                            onClick={() => (session.mode.value = "pixel")}
                        >
                            who sees a position
                        </button>
                    </div>
                    {gated && (
                        <label class="check" title="Through gates a unit depends on the whole map">
                            <input
                                type="checkbox"
                                data-testid="gates"
                                checked={session.gates.value}
                                onChange={(event) => (session.gates.value = event.currentTarget.checked)}
                            />
                            with gates
                        </label>
                    )}
                    {weighed && (
                        <label class="check">
                            <input
                                type="checkbox"
                                data-testid="weights"
                                checked={session.weights.value}
                                disabled={session.mode.value === "pixel"}
                                onChange={(event) => (session.weights.value = event.currentTarget.checked)}
                            />
                            weights
                        </label>
                    )}
                </>
            )}
        </div>
    );
}
