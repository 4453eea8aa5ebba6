import type { Session, Side } from "./session";

export function Rule(_: { session: Session; side: Side }) {
    return null;
}
