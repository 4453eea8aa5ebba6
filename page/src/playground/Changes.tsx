import type { Bench } from "./bench";
import { type Sight, answerOf, changesOf, sightOf } from "./changes";

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
    const sight = sightOf(bench.changed ? opened : report, report);
    const [answer] = report.models.length > 1 ? answerOf(report) : [];
    // of the model as it was opened: what was asked of it stays answered while it is taken apart
    const [, ...further] = opened.models.length > 1 ? answerOf(opened) : [];
    return (
        <section class="report said" data-theme={theme} aria-label="What changed">
            {bench.failure.value && (
                <p class="old">
                    <span class="why">{bench.failure.value.message}</span>
                    The report is still that of the model before.
                </p>
            )}
            {sight && <Sketch sight={sight} />}
            {changes.length > 0 ? (
                <dl data-testid="changes">
                    {changes.map(({ what, main, before, now }) => (
                        <div key={what} class={main ? "" : "further"}>
                            <dt>{what}</dt>
                            <dd>
                                <span class="before">{before}</span> <span aria-label="is now">→</span>{" "}
                                <b>{now}</b>
                            </dd>
                        </div>
                    ))}
                </dl>
            ) : (
                !bench.failure.value && (
                    <p data-testid="answer">
                        {bench.changed ? "These changes leave all figures as they were." : answer}
                    </p>
                )
            )}
            {bench.changed && (
                <button type="button" data-testid="reset" onClick={() => bench.reset()}>
                    undo all
                </button>
            )}
            {further.length > 0 && (
                <details data-testid="further">
                    <summary>What it gives up, and what else would do the same</summary>
                    {further.map((sentence) => (
                        <p key={sentence}>{sentence}</p>
                    ))}
                </details>
            )}
        </section>
    );
}

const SKETCH = 56;

/** The input, and in its middle how much of it a unit of the last map sees: filled now, dashed as it was. */
function Sketch({ sight: { input, before, now } }: { sight: Sight }) {
    const scale = SKETCH / Math.max(...input);
    const [width, height] = [
        input.at(-1) ?? 1,
        input.length > 1 ? (input[0] as number) : Math.max(...input) / 4,
    ];
    const box = (field: number[]) => {
        const [w, h] = [field.at(-1) ?? 1, field.length > 1 ? (field[0] as number) : height];
        return {
            x: ((width - w) * scale) / 2,
            y: ((height - h) * scale) / 2,
            width: w * scale,
            height: h * scale,
        };
    };
    const same = before.every((extent, axis) => extent === now[axis]);
    return (
        <svg
            class="sketch"
            viewBox={`-1 -1 ${width * scale + 2} ${height * scale + 2}`}
            width={width * scale + 2}
            height={height * scale + 2}
            aria-hidden="true"
            data-testid="sketch"
        >
            <rect class="input" width={width * scale} height={height * scale} />
            <rect class="now" {...box(now)} />
            {!same && <rect class="was" {...box(before)} />}
        </svg>
    );
}
