import type { Bench } from "./bench";
import { answerOf, changesOf } from "./changes";

interface ChangesProps {
    bench: Bench;
    theme: "light" | "dark" | undefined;
}

/** What the reader's changes did, or else what rfcalc says of the model and of what it is without its pooling. */
export function Changes({ bench, theme }: ChangesProps) {
    const { value: opened } = bench.opened;
    const { value: report } = bench.report;
    if (!opened || !report) return null;
    const changes = bench.changed ? changesOf(opened, report) : [];
    const [answer] = report.models.length > 1 ? answerOf(report) : [];
    return (
        <section class="report said" data-theme={theme} aria-label="What changed">
            {bench.failure.value && <p class="old">The report is still that of the model before.</p>}
            {changes.length > 0 ? (
                <dl data-testid="changes">
                    {changes.map(({ what, before, now }) => (
                        <div key={what}>
                            <dt>{what}</dt>
                            <dd>
                                <span class="before">{before}</span> <span aria-label="is now">→</span>{" "}
                                <b>{now}</b>
                            </dd>
                        </div>
                    ))}
                </dl>
            ) : (
                <p data-testid="answer">
                    {bench.changed ? "These changes leave all figures as they were." : answer}
                </p>
            )}
            {bench.changed && (
                <button type="button" data-testid="reset" onClick={() => bench.reset()}>
                    undo all
                </button>
            )}
        </section>
    );
}
