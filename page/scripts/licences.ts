import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Plugin } from "vite";

interface Package {
    name: string;
    version: string;
    license: string;
    dependencies?: Record<string, string>;
}

/** Write the licences of the packages that are in the bundle, and refuse a bundle that would end its script element. */
export function licences(fileName: string): Plugin {
    return {
        name: "licences",
        generateBundle(_options, bundle) {
            const folders = new Set<string>();
            // what a package depends on may be in its own files already
            const add = (folder: string): void => {
                if (folders.has(folder)) return;
                folders.add(folder);
                for (const name of Object.keys(manifest(folder).dependencies ?? {})) {
                    const beside = join(folder.replace(/(.*\/node_modules)\/.*/, "$1"), name);
                    if (existsSync(beside)) add(beside);
                    else this.error(`${name}, which is in the bundle, is not installed beside ${folder}`);
                }
            };
            for (const part of Object.values(bundle)) {
                if (part.type !== "chunk") continue;
                if (/<\/script|<!--/i.test(part.code))
                    this.error(`${part.fileName} holds what would end its script element`);
                for (const id of Object.keys(part.modules)) {
                    const folder = packageOf(id);
                    if (folder) add(folder);
                }
            }
            const texts = [...folders].map(textOf).sort((one, other) => (one < other ? -1 : 1));
            this.emitFile({ type: "asset", fileName, source: texts.join(`\n${"-".repeat(80)}\n\n`) });
        },
    };
}

function manifest(folder: string): Package {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
}

function packageOf(id: string): string | null {
    if (!id.includes("/node_modules/")) return null;
    let folder = dirname(id.replace(/^\0/, "").replace(/\?.*$/, ""));
    while (!folder.endsWith("/node_modules")) {
        const file = join(folder, "package.json");
        if (existsSync(file) && manifest(folder).version) return folder;
        folder = dirname(folder);
    }
    return null;
}

function textOf(folder: string): string {
    const { name, version, license } = manifest(folder);
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no licence file`);
    const text = readFileSync(join(folder, file), "utf8").replace(/\r\n/g, "\n").trim();
    return `${name} ${version} (${license})\n\n${text}\n`;
}
