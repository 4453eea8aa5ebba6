// Rows of equal height, of which only those in sight are made.
import {
    Virtualizer,
    type VirtualItem,
    elementScroll,
    observeElementOffset,
    observeElementRect,
} from "@tanstack/virtual-core";
import { type RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export interface Window {
    items: VirtualItem[];
    before: number; // pixels of rows above
    after: number; // and below
    show: (index: number) => void;
}

/** The rows that are in sight of a scrolling element. */
export function useVirtual(
    scroller: RefObject<HTMLElement | null>,
    count: number,
    height: number,
    head = 0,
): Window {
    const [, redraw] = useState(0);
    const options = {
        count,
        estimateSize: () => height,
        getScrollElement: () => scroller.current,
        scrollToFn: elementScroll,
        observeElementRect,
        observeElementOffset,
        overscan: 12,
        initialRect: { width: 800, height: 480 },
        scrollMargin: head,
        scrollPaddingStart: head,
        onChange: () => redraw((before) => before + 1),
    };
    const [virtual] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
    virtual.setOptions(options);
    useLayoutEffect(() => virtual._didMount(), [virtual]);
    useLayoutEffect(() => virtual._willUpdate());
    const items = virtual.getVirtualItems();
    const [first, last] = [items[0], items.at(-1)];
    return {
        items,
        before: first ? first.start - head : 0,
        after: last ? Math.max(head + count * height - last.end, 0) : 0,
        show: (index) => virtual.scrollToIndex(index, { align: "auto" }),
    };
}
