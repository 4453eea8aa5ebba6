import type { Session, Side } from "./session";

export function Graph(_: { session: Session; side: Side }) {
    return null;
}
