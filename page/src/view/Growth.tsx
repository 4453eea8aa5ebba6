import type { Session } from "./session";

export function Growth(_: { session: Session }) {
    return null;
}
