// What is remarkable about a layer: a letter in a shape, so that it does not hang on colour.
import type { Mark } from "../report";

const LETTERS: Record<Mark["code"], [string, string]> = {
    misaligned: ["M", "misaligned"],
    unproductive: ["U", "unproductive"],
    holes: ["H", "holes"],
    global: ["G", "global"],
    "unequal-strides": ["S", "unequal strides"],
    "unknown-op": ["?", "unknown operation"],
    assumed: ["A", "assumed"],
    cut: ["C", "cut off"],
};

export function markName(mark: Mark): string {
    return LETTERS[mark.code]?.[1] ?? mark.code;
}

export function markLetter(mark: Mark): string {
    return LETTERS[mark.code]?.[0] ?? "!";
}

/** An icon for each mark, with what it says. */
export function MarkIcons({ marks }: { marks: readonly Mark[] }) {
    return (
        <>
            {marks.map((mark, place) => (
                <span
                    key={place}
                    class={`mark ${mark.level}`}
                    role="img"
                    aria-label={`${markName(mark)}: ${mark.message}`}
                    title={mark.message}
                >
                    {markLetter(mark)}
                </span>
            ))}
        </>
    );
}
