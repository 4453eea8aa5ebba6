import type { Session } from "./session";

export function Costs(_: { session: Session }) {
    return null;
}
