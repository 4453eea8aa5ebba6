import { useState } from "preact/hooks";

import type { Bench } from "./bench";
import { COMMON, LONGEST, packed } from "./link";

/** A link that holds the model, and the model as a file. */
export function Share({ bench }: { bench: Bench }) {
    const [made, setMade] = useState<{ text: string; link: string; copied: boolean } | null>(null);
    const text = bench.text.value;
    if (bench.file.value || !text) return <Privacy />;
    const copy = async () => {
        const link = `${location.origin}${location.pathname}#model=${await packed(text)}`;
        const copied = await navigator.clipboard?.writeText(link).then(
            () => true,
            () => false,
        );
        setMade({ text, link, copied: copied ?? false });
    };
    const save = () => {
        const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
        const link = document.createElement("a");
        link.href = address;
        link.download = "model.json";
        link.click();
        setTimeout(() => URL.revokeObjectURL(address), 1000);
    };
    const link = made?.text === text ? made.link : "";
    return (
        <div class="sharing">
            <button
                type="button"
                data-testid="copy-link"
                disabled={text.length > LONGEST}
                onClick={() => void copy()}
            >
                copy a link to this model
            </button>
            <button type="button" onClick={save}>
                save it
            </button>
            {link && (
                <p>
                    <input
                        type="text"
                        readOnly
                        value={link}
                        aria-label="The link"
                        data-testid="link"
                        onFocus={(event) => event.currentTarget.select()}
                    />
                    <span class="aside" role="status">
                        {made?.copied ? "Copied: " : "To copy: "}
                        {link.length.toLocaleString("en-GB")} characters hold the whole model
                        {link.length > COMMON && ", more than some programs hand on: save the file for those"}
                        .
                    </span>
                </p>
            )}
            <Privacy />
        </div>
    );
}

function Privacy() {
    return (
        <p class="aside">
            rfcalc itself runs in this page. Nothing leaves this machine; a file can be dropped here too:
            JSON, Keras's or rfcalc's own, .keras, .pt2.
        </p>
    );
}
