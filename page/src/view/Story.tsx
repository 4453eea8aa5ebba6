import type { Session } from "./session";

export function Story(_: { session: Session }) {
    return null;
}
