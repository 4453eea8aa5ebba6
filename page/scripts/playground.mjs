// Put beside the page of the playground what it fetches: Python, rfcalc and its packages, the examples, the schema.
//
// rfcalc.zip holds rfcalc, click and tabulate compiled for Pyodide's own Python, so that the browser compiles nothing.
import { execFileSync } from "node:child_process";
import console from "node:console";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { loadPyodide } from "pyodide";

const PAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = dirname(PAGE);
const TO = join(PAGE, "dist", "playground-files"); // from there vite takes them along
const PYODIDE = join(PAGE, "node_modules", "pyodide");

const ALONE = ["networkx"]; // fetched as it is, and only when it is imported
const LEFT_OUT = [/^rfcalc\/page\/assets\//, /^rfcalc\/testing\//, /^rfcalc\/(mkdocs|sphinx)\.py$/]; // no browser asks for these

const KERAS = JSON.stringify({
    class_name: "Sequential",
    config: {
        name: "keras",
        layers: [
            { class_name: "InputLayer", config: { name: "input", batch_shape: [null, 8, 8, 1] } },
            { class_name: "Conv2D", config: { name: "conv", filters: 1, kernel_size: 3 } },
        ],
    },
});

const COMPILE = readFileSync(join(PAGE, "scripts", "playground_compile.py"), "utf8");

/** The wheels of the packages that rfcalc imports, as pip fetches them. */
function wheels() {
    const folder = mkdtempSync(join(tmpdir(), "rfcalc-wheels-"));
    const pins = join(PAGE, "scripts", "playground-requirements.txt");
    const python = process.env.PYTHON ?? "python3";
    const how = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform", "any"];
    execFileSync(
        python,
        [...how, "--python-version", "3.14", "--implementation", "py", "-r", pins, "-d", folder],
        {
            stdio: ["ignore", "inherit", "inherit"],
        },
    );
    return { folder, names: readdirSync(folder).sort() };
}

function filesBelow(folder) {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((each) => each.isFile() && !each.parentPath.includes("__pycache__"))
        .map((each) => join(each.parentPath, each.name))
        .sort();
}

/** Run a piece of Python; an error is said by its end alone, since all of it is a megabyte. */
function run(python, code) {
    try {
        return python.runPython(code);
    } catch (error) {
        console.error(String(error.message).slice(-2000));
        process.exit(1);
    }
}

const { info } = JSON.parse(readFileSync(join(PYODIDE, "pyodide-lock.json"), "utf8"));
const HOW = {
    indexURL: `${PYODIDE}/`,
    packageBaseUrl: PYODIDE,
    lockFileContents: { info, packages: {} },
    env: { HOME: "/home" },
    stdout: () => {},
};
const python = await loadPyodide(HOW);
const { FS } = python;

rmSync(TO, { recursive: true, force: true });
mkdirSync(join(TO, "pyodide"), { recursive: true });
for (const name of ["pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"])
    cpSync(join(PYODIDE, name), join(TO, "pyodide", name));

const { version, license } = JSON.parse(readFileSync(join(PYODIDE, "package.json"), "utf8"));
writeFileSync(
    join(TO, "pyodide", "licences.txt"),
    `Pyodide ${version}: ${license}, https://github.com/pyodide/pyodide\n` +
        `Python ${info.python}: PSF-2.0, https://docs.python.org/3/license.html\n`,
);

const { folder, names } = wheels();
FS.mkdirTree("/sources");
for (const name of names) {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    if (ALONE.some((each) => name.startsWith(`${each}-`)))
        writeFileSync(join(TO, `${name.split("-")[0]}.zip`), bytes);
    else python.unpackArchive(bytes, "wheel", { extractDir: "/sources" });
}
rmSync(folder, { recursive: true });
for (const file of filesBelow(join(ROOT, "rfcalc"))) {
    const name = relative(ROOT, file);
    if (LEFT_OUT.some((each) => each.test(name))) continue;
    FS.mkdirTree(dirname(`/sources/${name}`));
    FS.writeFile(`/sources/${name}`, new Uint8Array(readFileSync(file)));
}
run(python, COMPILE);
writeFileSync(join(TO, "rfcalc.zip"), FS.readFile("/rfcalc.zip"));

const START = 'import sys; sys.path.insert(0, "/rfcalc.zip")';
const BRIDGE = readFileSync(join(PAGE, "src", "playground", "bridge.py"), "utf8");

function asked(python, name, text) {
    python.FS.writeFile("/example", text);
    return JSON.parse(run(python, `answer(open("/example", "rb").read(), ${JSON.stringify(name)})`));
}

// what each example comes to, by the very program that the page runs: shown before that has been fetched
mkdirSync(join(TO, "examples"), { recursive: true });
run(python, START);
run(python, BRIDGE);
for (const file of readdirSync(join(ROOT, "docs", "models")).filter((each) => each.endsWith(".json"))) {
    const text = new Uint8Array(readFileSync(join(ROOT, "docs", "models", file)));
    writeFileSync(join(TO, "examples", file), text);
    const answer = asked(python, file, text);
    if (answer.error) throw new Error(`${file}: ${answer.error.message}`);
    writeFileSync(
        join(TO, "examples", file.replace(/\.json$/, ".report.json")),
        JSON.stringify(answer.report),
    );
}
cpSync(join(ROOT, "docs", "schema", "rfcalc-1.schema.json"), join(TO, "rfcalc-1.schema.json"));

// Python's memory once rfcalc has been imported and has answered: loading that takes a fifth of the time of doing it
const warm = await loadPyodide({ ...HOW, _makeSnapshot: true });
warm.FS.writeFile("/rfcalc.zip", python.FS.readFile("/rfcalc.zip"));
run(warm, START);
run(warm, BRIDGE);
const WARM = [
    readFileSync(join(ROOT, "docs", "models", "pooling.json"), "utf8"),
    "{",
    '{"rfcalc": 1}',
    KERAS,
];
for (const text of WARM) asked(warm, "model.json", text);
run(warm, "import gc; gc.collect()");
writeFileSync(join(TO, "snapshot.bin"), gzipSync(warm.makeMemorySnapshot(), { level: 9 }));
