import { type RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** The width of an element, followed as it changes; 0 before it is known. */
export function useWidth<T extends HTMLElement>(): [RefObject<T | null>, number] {
    const ref = useRef<T>(null);
    const [width, setWidth] = useState(0);
    useLayoutEffect(() => {
        const element = ref.current;
        if (!element) return undefined;
        const measure = () => setWidth(Math.floor(element.clientWidth));
        measure();
        if (typeof ResizeObserver === "undefined") return undefined;
        const observer = new ResizeObserver(measure);
        observer.observe(element);
        return () => observer.disconnect();
    }, []);
    return [ref, width];
}

/** A number that changes when the colours of the theme do. */
export function useScheme(theme: unknown): number {
    const [count, setCount] = useState(0);
    useEffect(() => {
        const queries = ["(prefers-color-scheme: dark)", "print"].map((query) =>
            globalThis.matchMedia?.(query),
        );
        const change = () => setCount((before) => before + 1);
        for (const query of queries) query?.addEventListener("change", change);
        return () => {
            for (const query of queries) query?.removeEventListener("change", change);
        };
    }, []);
    useLayoutEffect(() => setCount((before) => before + 1), [theme]);
    return count;
}

/** Call `work` once the page has been painted and has time. */
export function whenIdle(work: () => void): () => void {
    if (typeof requestIdleCallback === "function") {
        const handle = requestIdleCallback(work, { timeout: 500 });
        return () => cancelIdleCallback(handle);
    }
    const handle = setTimeout(work, 30);
    return () => clearTimeout(handle);
}
