import { defineConfig } from "vite";

import { licences } from "./scripts/licences.ts";

// The playground: a page of the documentation's site in which rfcalc runs, from files beside it alone. What is not
// TypeScript (Python, rfcalc, examples) is put there by scripts/playground.mjs.
export default defineConfig({
    root: "src/playground",
    base: "./",
    publicDir: "../../dist/playground-files",
    worker: { format: "es" },
    plugins: [licences("licences.txt")],
    build: {
        target: "es2022",
        outDir: "../../dist/playground",
        emptyOutDir: true,
        modulePreload: { polyfill: false },
        sourcemap: false,
        reportCompressedSize: false,
        chunkSizeWarningLimit: 1000,
    },
});
