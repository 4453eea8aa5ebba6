import { defineConfig } from "vite";

import { licences } from "./scripts/licences.ts";

// The report is one classic script and one style sheet, which rfcalc puts into a page of its own: no module, no import
// at run time, nothing that names the machine that built it.
export default defineConfig({
    build: {
        target: "es2022",
        outDir: "../rfcalc/page/assets",
        emptyOutDir: false,
        cssCodeSplit: false,
        modulePreload: false,
        sourcemap: false,
        reportCompressedSize: false,
        rollupOptions: {
            input: "src/report/main.tsx",
            output: {
                format: "iife",
                entryFileNames: "report.js",
                assetFileNames: "report[extname]",
            },
        },
    },
    plugins: [licences("licences.txt")],
});
