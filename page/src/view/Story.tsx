// What a comparison, or a difference, comes to.
import { bytes, extents, number, percent, short } from "../model/figures";
import { atFirstSize } from "../model/lookup";
import type { Session } from "./session";

interface Bill {
    field_layer: string | null;
    field: (number | null)[] | null;
    coverage: number | null;
    params: number | null;
    macs: number | null;
    memory: number | null;
}

interface Entry {
    name: string;
    summary: string;
    bill?: Bill;
    refused?: { layer?: string; message?: string; instead?: string | null };
}

interface Comparison {
    counterfactuals: boolean;
    entries: Entry[];
    answer: string[];
}

interface Diff {
    changed: boolean;
    old?: { name: string };
    new?: { name: string };
    summary?: Record<string, number>;
    answer?: string[];
}

export function Story({ session }: { session: Session }) {
    const { comparison, diff } = session.report.value as { comparison: Comparison | null; diff: Diff | null };
    if (!comparison && !diff) return null;
    const size = atFirstSize(session.report.value);
    return (
        <section class="card story" aria-label="What it comes to" data-testid="story">
            {comparison && <Compared comparison={comparison} size={size} />}
            {diff && <Changed diff={diff} size={size} />}
        </section>
    );
}

function Compared({ comparison, size }: { comparison: Comparison; size: string }) {
    return (
        <>
            <h2>
                {comparison.counterfactuals ? "What it would be otherwise" : "How the models differ"}
                {size}
            </h2>
            {(comparison.answer ?? []).map((sentence) => (
                <p key={sentence}>{sentence}</p>
            ))}
            <div class="scroll" tabIndex={0} role="region" aria-label="The models in figures">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">model</th>
                            <th scope="col" class="figure">
                                field
                            </th>
                            <th scope="col" class="figure">
                                coverage
                            </th>
                            <th scope="col" class="figure">
                                parameters
                            </th>
                            <th scope="col" class="figure">
                                MACs
                            </th>
                            <th scope="col" class="figure">
                                activation memory
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {(comparison.entries ?? []).map(({ name, summary, bill, refused }) => (
                            <tr key={name}>
                                <th scope="row">
                                    {name}
                                    {summary && <span class="kind">: {summary}</span>}
                                </th>
                                {bill ? (
                                    <>
                                        <td class="figure">
                                            {bill.field ? extents(bill.field, "all") : "?"}
                                        </td>
                                        <td class="figure">{percent(bill.coverage)}</td>
                                        <td class="figure">{number(bill.params)}</td>
                                        <td class="figure">{short(bill.macs)}</td>
                                        <td class="figure">{bytes(bill.memory)}</td>
                                    </>
                                ) : (
                                    <td colSpan={5} class="wrap">
                                        cannot be: {refused?.message ?? "not known why"}
                                    </td>
                                )}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </>
    );
}

function Changed({ diff, size }: { diff: Diff; size: string }) {
    const counts = Object.entries(diff.summary ?? {}).filter(([, count]) => count);
    return (
        <>
            <h2>
                What changed{size}
                {diff.old && diff.new && (
                    <span class="kind">
                        {" "}
                        from {diff.old.name} to {diff.new.name}
                    </span>
                )}
            </h2>
            {(diff.answer ?? []).map((sentence) => (
                <p key={sentence}>{sentence}</p>
            ))}
            <p class="aside">
                {counts.length
                    ? `Layers: ${counts.map(([key, count]) => `${number(count)} ${key}`).join(", ")}.`
                    : "No layer changed."}
            </p>
        </>
    );
}
