// What there is to say of a model: its notes, and the layers that are marked.
import { rowOf } from "../model/lookup";
import type { Mark } from "../report";
import { markLetter, markName } from "./marks";
import type { Session, Side } from "./session";

const LEVELS: Record<string, string> = { error: "error", warning: "warning", info: "note" };
const RANK = ["error", "warning", "info"];

export function Notes({ session }: { session: Session }) {
    const sides = session.sides.value;
    return (
        <div class="notes" data-testid="notes">
            <div class="sides">
                {sides.map((side) => (
                    <div class="card" key={side.index}>
                        <h2>
                            Notes
                            {sides.length > 1 && <span class="kind">, {side.model.title}</span>}
                        </h2>
                        <List session={session} side={side} />
                        <Marked session={session} side={side} />
                    </div>
                ))}
            </div>
        </div>
    );
}

function List({ session, side }: { session: Session; side: Side }) {
    const { analysis } = side.sized;
    const notes = [...analysis.notes].sort(
        (one, other) => RANK.indexOf(one.level) - RANK.indexOf(other.level),
    );
    if (!notes.length) return <p class="aside">Nothing is remarkable.</p>;
    return (
        <ul class="note-list">
            {notes.map((note, place) => {
                const row = note.layer ? rowOf(analysis, note.layer) : -1;
                return (
                    <li key={place} data-testid="note">
                        <span class={`level ${note.level}`}>{LEVELS[note.level] ?? note.level}</span>{" "}
                        <span class="kind">{note.code}</span>{" "}
                        {row >= 0 ? (
                            <button type="button" class="link" onClick={() => session.choose(side, row)}>
                                {note.layer}
                            </button>
                        ) : (
                            note.layer
                        )}
                        {note.layer && ": "}
                        {note.message}
                    </li>
                );
            })}
        </ul>
    );
}

/** The layers of each mark, folded. */
function Marked({ session, side }: { session: Session; side: Side }) {
    const groups = new Map<string, Mark[]>();
    for (const mark of side.sized.marks) groups.set(mark.code, [...(groups.get(mark.code) ?? []), mark]);
    if (!groups.size) return null;
    return (
        <div class="marked">
            <h3>Marked layers</h3>
            {[...groups.values()].map((marks) => {
                const [first] = marks as [Mark];
                return (
                    <details key={first.code}>
                        <summary>
                            <span class={`mark ${first.level}`}>{markLetter(first)}</span> {markName(first)}:{" "}
                            {marks.length} {marks.length === 1 ? "layer" : "layers"}
                        </summary>
                        <ul class="note-list">
                            {marks.slice(0, 500).map((mark, place) => (
                                <li key={place} data-testid="mark">
                                    <button
                                        type="button"
                                        class="link"
                                        onClick={() => session.choose(side, mark.row)}
                                    >
                                        {side.sized.analysis.layers[mark.row]?.name}
                                    </button>
                                    : {mark.message}
                                </li>
                            ))}
                        </ul>
                    </details>
                );
            })}
        </div>
    );
}
