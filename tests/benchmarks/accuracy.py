"""Write the tables of docs/accuracy.md: rfcalc against published and measured figures, and other tools.

    python -m tests.benchmarks.accuracy [--check]

fills what stands between `<!-- accuracy: NAME -->` and `<!-- /accuracy -->`. What rfcalc says and what it is
held against is computed anew from tests/data; what other tools say comes from accuracy.json (see others.py).
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import rfcalc
from rfcalc.engine.result import Row
from tests.benchmarks.counters import COUNTERS, MODELS
from tests.benchmarks.counters import recorded as counts_recorded
from tests.benchmarks.others import TOOLS, Answer, Tool, recorded
from tests.benchmarks.worked import CASES, Case, Field, truth
from tests.readers.onnx_graphs import NAMES, graph_bytes, measured, reference
from tests.zoo import table as zoo_table
from tests.zoo import whole, whole_table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
COMMAND = "python -m tests.benchmarks.accuracy"
MARKED = re.compile(r"(?P<head><!-- accuracy: (?P<name>\S+) -->\n).*?(?P<tail><!-- /accuracy -->)", re.S)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Render Markdown; `right` are the columns of figures."""
    lines = [head, ["---:" if place in right else "---" for place in range(len(head))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of(equal: int, total: int) -> str:
    return f"all {total:,}" if equal == total else f"**{equal:,} of {total:,}**"


# ---- rfcalc against published and measured figures ---------------------------------------------------------


@cache
def keras(name: str) -> dict[str, Any]:
    with gzip.open(ROOT / "tests" / "data" / "keras" / f"{name}.json.gz") as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


def triple(size: int | None, stride: float | None, padding: int | None) -> str:
    return " / ".join("not given" if figure is None else str(figure) for figure in (size, stride, padding))


def published() -> str:
    """Compare all end points of the slim networks in field, stride and padding."""
    rows = []
    for name, case in keras("slim").items():
        found = rfcalc.analyze(case["model"])
        ends = {each["layer"]: each for each in case["ref"]}
        equal, said = 0, ""
        for layer, given in ends.items():
            row = found.layer(layer)
            padding = row.effective_padding[0] if given["padding"] is not None else None
            figures = row.receptive_field[0], row.effective_stride[0], padding
            equal += row.status == "exact" and figures == (given["rf"], given["stride"], given["padding"])
            said = triple(*figures)
        *_, last = ends.values()
        network, size = name.split("@")
        stated = triple(last["rf"], last["stride"], last["padding"])
        rows.append([network, size, stated, said, of(equal, len(ends))])
    return table(
        ["Network", "Input", "Published: field / stride / padding", "rfcalc", "End points equal"], rows, [1]
    )


def parameters() -> str:
    """Compare parameter counts and output shapes with those that Keras gives, in total and by layer."""
    rows = []
    for name, case in keras("applications").items():
        found, given = rfcalc.analyze(case["model"]), case["ref"]
        equal = sum(found.layer(layer["name"]).params.total == layer["params"] for layer in given["layers"])
        totals = found.totals.params
        rows.append(
            [
                name.replace(".notop", ", no top"),
                f"{given['total']:,}",
                f"{totals.total:,}" if totals.total == given["total"] else f"**{totals.total:,}**",
                f"{totals.non_trainable:,}",
                of(equal, len(given["layers"])),
            ]
        )
    head = ["Model", "Keras", "rfcalc", "of these not trainable", "Layers equal"]
    return table(head, rows, [1, 2, 3])


MACS = {
    "tv.alexnet": 0.714,
    "tv.convnext_tiny": 4.456,
    "tv.googlenet": 1.498,
    "tv.inception_v3": 5.713,
    "tv.mobilenet_v2.dyn": 0.301,
    "tv.mobilenet_v3_small": 0.057,
    "tv.regnet_x_400mf.ts17dyn": 0.414,
    "tv.resnet18.ts11dyn": 1.814,
    "tv.resnet50": 4.089,
    "tv.shufflenet_v2_x1_0": 0.145,
    "tv.swin_t": 4.491,
    "tv.vgg11_bn.ts11": 7.609,
    "tv.vit_b_16": 17.564,
}
"""What torchvision 0.29 documents of its models (`_ops` of their weights: it calls them GFLOPS, and counts
multiply-accumulates), with three decimals."""


def macs() -> str:
    """Compare multiply-accumulates."""
    rows = []
    for name, billions in MACS.items():
        size = 299 if "inception" in name else 224
        given = [1, 3, size, size] if reference(name).get("dynamic_axes") else None
        found = rfcalc.analyze(rfcalc.load(graph_bytes(name), input_shape=given)).totals.macs
        assert found is not None
        equal = "yes" if round(found / 1e9, 3) == billions else "**no**"
        rows.append([name.split(".")[1], f"{size}x{size}", f"{billions:.3f}", f"{found:,}", equal])
    head = ["Model", "Input", "torchvision, billions", "rfcalc", "Equal to its last decimal"]
    return table(head, rows, [2, 3])


SOURCES = {
    "tv": "torchvision",
    "timm": "timm",
    "smp": "segmentation-models-pytorch",
    "own": "small networks made for this",
}


def equal_rows(name: str) -> list[tuple[int, int]]:
    """Return of each measured map of a graph how many rows are equal and exact, and how many it has."""
    ref = reference(name)
    graph = rfcalc.load(graph_bytes(name), input_shape=ref["input"] if ref.get("dynamic_axes") else None)
    found = []
    for tensor, rows in ((tensor, each.rows) for tensor, each in measured(name).items()):
        axis = rfcalc.field(graph, tensor).axes[ref.get("row_axis", 2) - 2]
        equal = sum(one == other for one, other in zip(axis.rows, rows, strict=True))
        found.append((equal if axis.status == "exact" else 0, len(rows)))
    return found


def relations() -> str:
    """Compare, for maps all over exported graphs, the rows of the input that each row depends on."""
    lines = []
    for source, told in SOURCES.items():
        names = [name for name in NAMES if name.split(".")[0] == source]
        maps = [each for name in names for each in equal_rows(name)]
        right = sum(equal == total for equal, total in maps)
        rows = of(sum(equal for equal, _ in maps), sum(total for _, total in maps))
        lines.append([told, str(len(names)), f"{len(maps):,}", of(right, len(maps)), rows])
    head = ["From", "Graphs", "Maps measured", "Maps equal and exact", "Rows equal"]
    return table(head, lines, [1, 2])


def zoo() -> str:
    """Sum up what tests/zoo kept of whole models, held against running them."""
    record = zoo_table.read()
    told = table(zoo_table.HEAD, zoo_table.rows_of(record))
    lists = [
        (
            f"Recorded on {record.date} with PyTorch {record.versions['torch']}. What differs, and why:",
            zoo_table.explained,
        ),
        ("Not analysed, and in no column but the second:", zoo_table.errors),
    ]
    parts = [f"{head}\n\n" + "\n".join(f"- {line}" for line in found(record)) for head, found in lists]
    return "\n\n".join([told, *parts])


def libraries() -> str:
    """Sum up how a catalogue of whole libraries compares with running their models."""
    record = whole.read()
    lists = [
        (
            f"With PyTorch {record['versions']['torch']}. Families of which all models are equal:",
            whole_table.equal_families(record),
        ),
        ("What differs, and why:", whole_table.reasons(record)),
    ]
    parts = [f"{head}\n\n" + "\n".join(f"- {line}" for line in found) for head, found in lists]
    differing = table(whole_table.FAMILY_HEAD, whole_table.families(record), [2, 3])
    return "\n\n".join([table(whole_table.HEAD, whole_table.rows_of(record), [1, 2]), differing, *parts])


# ---- the worked cases --------------------------------------------------------------------------------------


@cache
def known(key: str) -> Field:
    (case,) = (case for case in CASES if case.key == key)
    return truth(case)


def true_figures(case: Case) -> str:
    field = known(case.key)
    size = "the whole image" if field.whole else str(field)
    taps = "" if case.dense else f", {field.taps} taps"
    return f"{size}{taps}, stride {float(field.stride):g}"


def answer(case: Case) -> Row:
    return rfcalc.analyze(case.document).layer(case.last)


def rfcalc_says(case: Case) -> str:
    """Return what rfcalc says of the last layer, in the words of `true_figures`."""
    row = answer(case)
    size, least, stride = row.receptive_field[0], row.receptive_field_min[0], row.effective_stride[0]
    said = "the whole image" if size is None else str(size) if size == least else f"{least} or {size}"
    if not case.dense:
        rows = rfcalc.field(case.document, case.last).axes[0].rows
        said += f", {max(each[2] for each in rows if each)} taps"
    said += f", stride {stride}"
    if size is None:
        said += f" (with the gate cut {row.local_receptive_field[0]})"
    return said


def worked() -> str:
    rows = []
    for case in CASES:
        said, true = rfcalc_says(case), true_figures(case)
        rows.append([case.what, true, f"{mark(said.split(' (')[0] == true)} {said}"])
    return table(["Case", "Truth, by enumeration", "rfcalc"], rows)


def mark(right: bool) -> str:
    return "✓" if right else "✗"


def verdict(  # noqa: PLR0911  one verdict a line reads best
    tool: Tool, case: Case, answers: Sequence[Answer]
) -> str:
    """Return a cell: right, partly right, wrong or refused, and what the tool said."""
    given = [answer for answer in answers if not isinstance(answer, str)]
    if not given:
        return "refuses"
    sizes = {answer[0] for answer in given}
    if len(sizes) > 1 or len(given) < len(answers):
        figures = [size for size in sizes if isinstance(size, (int, float))]
        return f"✗ {min(figures)} to {max(figures)}, by the weights"
    size, stride = given[0]
    known_size, true = str(size).replace("inf", "infinite"), known(case.key)
    if size == true.taps != max(true.sizes) and tool.measures:
        return f"~ {size}, the taps"
    if size not in true.sizes and not (true.whole and size == "inf"):
        return f"✗ {known_size}"
    if len(true.sizes) > 1:
        return f"~ {size}, one phase"
    if true.whole or stride in (None, float(true.stride)):  # of all outputs the whole: none moves on
        return f"✓ {known_size}"
    return f"~ {size}, stride {'unknown' if stride == 'nan' else stride}"


def beside(measures: bool) -> str:
    tools = [tool for tool in TOOLS if tool.measures is measures]
    record = recorded()
    rows = [
        [
            case.what,
            true_figures(case),
            *(verdict(tool, case, record[tool.name]["answers"][case.key]) for tool in tools),
        ]
        for case in CASES
    ]
    return table(["Case", "Truth", *(tool.name for tool in tools)], rows)


def by_rules() -> str:
    return beside(False)


def by_gradients() -> str:
    return beside(True)


def refusals() -> str:
    """List what is said instead of an answer, each once a tool."""
    record = recorded()
    lines = []
    for tool in TOOLS:
        said: dict[str, list[str]] = {}
        for case in CASES:
            for answer in record[tool.name]["answers"][case.key]:
                if isinstance(answer, str) and case.what not in said.setdefault(answer, []):
                    said[answer].append(case.what)
        lines += [
            f"- {tool.name}: `{answer.removeprefix('error: ')}` ({'; '.join(cases)})"
            for answer, cases in said.items()
        ]
    return "\n".join(lines)


def tools() -> str:
    record = recorded()
    rows = []
    for tool in TOOLS:
        had = record[tool.name]
        framework = ", ".join(f"{name} {had[name]}" for name in ("torch", "tensorflow-cpu") if name in had)
        with_ = f"{had['date']}, Python {had['python']}, {framework}"
        rows.append([f"[{tool.name}]({tool.home})", had["version"], tool.how, f"`{tool.install}`", with_])
    return table(["Tool", "Version", "How it answers", "Install", "Recorded"], rows)


def model_macs(name: str) -> int:
    found = rfcalc.analyze(rfcalc.load(graph_bytes(f"tv.{name}"))).totals.macs
    assert found is not None
    return found


def counters() -> str:
    """Set counts of other tools beside rfcalc's, with how far they are from it."""
    record = counts_recorded()
    own = {name: model_macs(name) for name in MODELS}
    rows = [["rfcalc", *(f"{macs:,}" for macs in own.values()), "", ""]]
    for counter in COUNTERS:
        said = record[counter.name]["answers"]
        cells = [beside_own(said[name][0], own[name]) for name in MODELS]
        params = [(name, said[name][1], reference(f"tv.{name}")["params"]) for name in MODELS]
        wrong = [f"{name} {got:,} of {held:,}" for name, got, held in params if got not in (None, held)]
        told = "not told" if params[0][1] is None else "; ".join(wrong) or "right"
        rows.append([counter.name, *cells, told, f"`{counter.install}`"])
    return table(["Tool", *MODELS, "Parameters", "Install"], rows, [1, 2, 3])


def beside_own(macs: int, own: int) -> str:
    return f"{macs:,} ({'equal' if macs == own else f'{macs / own - 1:+.2%}'})"


# ---- the page ----------------------------------------------------------------------------------------------

SECTIONS: dict[str, Callable[[], str]] = {
    section.__name__: section
    for section in (
        *(published, parameters, macs, relations, zoo, libraries, worked),
        *(by_rules, by_gradients, refusals, tools, counters),
    )
}  # fmt: skip


def section_of(text: str, name: str) -> str:
    """Return what a page has in a section."""
    (found,) = (found.group() for found in MARKED.finditer(text) if found["name"] == name)
    return found


def filled(text: str, names: Iterable[str] = SECTIONS) -> str:
    """Return a page with these sections made anew."""
    wanted = set(names)

    def fresh(found: re.Match[str]) -> str:
        if found["name"] not in wanted:
            return found.group()
        return f"{found['head']}\n{SECTIONS[found['name']]()}\n\n{found['tail']}"

    return MARKED.sub(fresh, text)


def main(arguments: list[str]) -> int:
    text = PAGE.read_text(encoding="utf-8")
    fresh = filled(text)
    if arguments == ["--check"]:
        if fresh != text:
            print(f"{PAGE.relative_to(ROOT)} is stale; run: {COMMAND}", file=sys.stderr)
        return int(fresh != text)
    if arguments:
        print(f"usage: {COMMAND} [--check]", file=sys.stderr)
        return 2
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
