import type { Session } from "./session";

export function Notes(_: { session: Session }) {
    return null;
}
