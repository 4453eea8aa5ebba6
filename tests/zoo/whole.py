"""Hold a catalogue of all architectures of libraries against running them: parameters, shapes, costs.

    rfcalc scan 'timm:*' 'torchvision:*' --into zoo.db
    python -m tests.zoo.whole compare zoo.db [PATTERN ...]     what was found is kept in whole.json
    python -m tests.zoo.whole show                             sum it up

One at a time, each in a process of its own. Where multiply-accumulates differ, the record tells the innermost
submodules in which they do, by their class.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import importlib.metadata
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.zoo.measure import Ran

RECORD = Path(__file__).with_name("whole.json")

LIMIT = 300
"""Seconds for one model."""

_SAVED = 20
"""Models between two times that the record is written."""

Found = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Run the command that the words say."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.zoo.whole", description=sys.modules[__name__].__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("compare", help="compare, and keep what was found")
    command.add_argument("catalogue", help="what rfcalc scan wrote")
    command.add_argument("patterns", nargs="*", metavar="PATTERN", help="which models; all unless given")
    command.add_argument("--new", action="store_true", help="only what is not in the record yet")
    commands.add_parser("show", help="sum up what was kept")
    said = parser.parse_args(argv)
    if said.command == "compare":
        compare(said.catalogue, said.patterns, new=said.new)
    else:
        from tests.zoo.whole_table import lines

        print("\n".join(lines(read())))
    return 0


# ---- the record --------------------------------------------------------------------------------------------


def read() -> dict[str, Any]:
    """Return what is kept: versions of the libraries, how many models each lists, what was found of them."""
    if not RECORD.exists():
        return {"versions": {}, "listed": {}, "models": {}}
    kept: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return kept


def write(record: Mapping[str, Any]) -> None:
    """Keep a record, a line for each model."""
    models = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(record['models'][name])}" for name in sorted(record["models"])
    )
    head = "".join(
        f"{json.dumps(key)}: {json.dumps(record[key], sort_keys=True)},\n" for key in ("versions", "listed")
    )
    RECORD.write_text(f'{{\n{head}"models": {{\n{models}\n}}\n}}\n', encoding="utf-8")


def compare(catalogue: str, patterns: Sequence[str], *, new: bool = False) -> None:
    """Compare each model of a catalogue in a process of its own, and keep what was found."""
    import rfcalc
    from tests.zoo.__main__ import apart
    from tests.zoo.operators import declare_missing_operators

    declare_missing_operators()
    record = read()
    listed = rfcalc.query(catalogue, "SELECT path FROM places ORDER BY path").rows
    chosen = [path for (path,) in listed if not patterns or any(fnmatch.fnmatch(path, p) for p in patterns)]
    for library in sorted({name.partition(":")[0] for name in chosen}):
        importlib.import_module(library)  # once, for the processes of all models: they are forked from this
        packages = (library, "torch")
        record["versions"] |= {package: importlib.metadata.version(package) for package in packages}
        record["listed"][library] = sum(path.startswith(f"{library}:") for (path,) in listed)
    for count, name in enumerate(chosen):
        if new and name in record["models"]:
            continue
        found = apart(name, LIMIT, partial(compared, catalogue))
        record["models"][name] = {key: value for key, value in found.items() if key != "wall"}
        print(name, str(record["models"][name])[:160], flush=True)
        if count % _SAVED == 0:
            write(record)
    write(record)


# ---- one model ---------------------------------------------------------------------------------------------


class Said(NamedTuple):
    """What the catalogue has of a layer."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    macs: int
    status: str
    counts: bool
    """It is no container, whose layers count."""


def compared(catalogue: str, name: str) -> Found:
    """Hold what a catalogue says of one architecture against what running it tells."""
    import rfcalc

    where = f"path = '{name}'"
    failed = rfcalc.query(catalogue, f"SELECT kind, reason FROM failures WHERE {where}").rows
    if failed:
        return {"family": _family(name), "error": ": ".join(map(str, failed[0]))}
    ((key, params, macs),) = rfcalc.query(
        catalogue, f"SELECT id, params, macs FROM models WHERE {where}"
    ).rows
    rows = _rows(catalogue, key)
    module, image, truth = _ran(name)
    paired = [(path, rows[path].shape, shape) for path, shape in truth.shapes.items() if path in rows]
    found: Found = {
        "family": _family(name),
        "params": [truth.every, params],
        "macs": [truth.macs, macs],
        "shapes": len(paired),
        "rows": dict(sorted(Counter(row.status for row in rows.values()).items())),
    }
    differ = [f"{path}: {mine} for {shape}" for path, mine, shape in paired if mine not in (None, shape)]
    apart = _places(module, image, truth.inside, rows.values()) if truth.macs != macs else []
    return found | {key: value for key, value in {"differ": differ, "apart": apart}.items() if value}


def _rows(catalogue: str, key: int) -> dict[str, Said]:
    import rfcalc

    columns = "name, kind, output_shape, macs, status, container"
    found = {}
    for name, kind, shape, macs, status, container in rfcalc.query(
        catalogue, f"SELECT {columns} FROM layers WHERE model = {key} ORDER BY position"
    ).rows:
        extents = None if shape is None else tuple(json.loads(shape))
        found[name] = Said(name, kind, extents, macs or 0, status, not container)
    return found


def _ran(name: str) -> tuple[Any, Any, Ran]:
    """Return a module, its input, and what running it tells: without memory where that works.

    Some compute while they are built, or hold tensors of their own, and take memory for those, or for all.
    """
    import torch

    from rfcalc.readers.torch.hubs import of_hub
    from tests.zoo.measure import ran

    for made, device in (("meta", "meta"), ("cpu", "meta"), ("cpu", "cpu")):
        try:
            with torch.device(made):
                module, shape, _ = of_hub(name, meta=(made, device) == ("cpu", "meta"))
            with torch.device(device):
                module.to(device).requires_grad_(False)  # under torch.no_grad the flop counter fails on some
                image = torch.randn(shape)
                return module, image, ran(module, [image])
        except Exception:  # whatever a library does that needs elements
            if device == "cpu":
                raise
    raise AssertionError


def _family(name: str) -> str:
    """Return the module of its library that an architecture is defined in."""
    library, _, architecture = name.partition(":")
    if library == "timm":
        where = importlib.import_module("timm").model_entrypoint(architecture).__module__
    else:
        where = importlib.import_module("torchvision").models.get_model_builder(architecture).__module__
    return where.rpartition(".")[2]


def _places(
    module: Any, image: Any, inside: Mapping[str, Mapping[str, int]], rows: Iterable[Said]
) -> list[list[Any]]:
    """Return where counts differ.

    For each class of submodules: torch's operators, the kinds of the catalogue, whether an input reaches it,
    in how many, and both counts.
    """
    import torch

    from tests.zoo.measure import constant

    uncalled = torch.nn.Module.forward  # of lists of modules: what runs lies in their members
    classes = {
        path: type(each).__name__
        for path, each in module.named_modules()
        if type(each).forward is not uncalled
    }
    theirs = {path: sum(each.values()) for path, each in inside.items()}
    mine: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for row in rows:
        if row.macs and row.counts:
            for path in _around(row.name, classes):
                mine[path] += row.macs
                kinds.setdefault(path, set()).add(row.kind)
    # a list whose members are called one by one is not called itself
    passed = {path for path in mine if path not in theirs and any(_within(each, path) for each in theirs)}
    apart = [path for path in {*theirs, *mine} - passed if theirs.get(path, 0) != mine[path]]
    innermost = [path for path in apart if not any(_within(each, path) for each in apart)]
    still = constant(module, [image])
    found: dict[tuple[Any, ...], list[int]] = {}
    for path in sorted(innermost):
        ops, named = " ".join(sorted(inside.get(path, {}))), " ".join(sorted(kinds.get(path, ())))
        counted = found.setdefault((classes[path], ops, named, path not in still), [0, 0, 0])
        for index, figure in enumerate((1, theirs.get(path, 0), mine[path])):
            counted[index] += figure
    return [[*key, *counted] for key, counted in found.items()]


def _around(name: str, paths: Collection[str]) -> Iterator[str]:
    """Yield the paths of the submodules that a layer lies in, the whole model last."""
    while name:
        if name in paths:
            yield name
        name = name.rpartition(".")[0]
    yield ""


def _within(inner: str, path: str) -> bool:
    return inner != path and (not path or inner.startswith(f"{path}."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
