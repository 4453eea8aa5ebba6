"""A format is added the way docs/contributing.md says: its blocks of code run as they stand, nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ASKED = """
import sys
from pathlib import Path

from click.testing import CliRunner

import rfcalc
from rfcalc.cli import main
from rfcalc.errors import RfcalcError
from rfcalc import readers
from rfcalc.readers import formats

readers.__path__.append(sys.argv[1])
others = formats.FORMATS
exec(sys.argv[3], vars(formats))  # the row, in the module in which it stands
_, strata = formats.FORMATS
formats.FORMATS = (*others, strata)
path = Path(sys.argv[1]) / "net.strata"
path.write_text(sys.argv[2], encoding="utf-8")


def shape(**options):
    return rfcalc.load(path, **options)["image"].attrs["shape"]


def refused(**options):
    try:
        rfcalc.load(path, **options)
    except RfcalcError as error:
        return str(error).removeprefix(f"{path}: ")
    raise AssertionError(f"{options} was passed over")


native = {"rfcalc": 1, "name": "net", "inputs": {"image": [28, 28, 1]}, "layers": [
    {"kind": "conv", "name": "conv3", "filters": 32, "kernel": 3},
    {"kind": "max_pool", "name": "pool4", "kernel": 2},
    {"kind": "linear", "name": "dense5", "units": 10}]}
mine, other = rfcalc.analyze(path), rfcalc.analyze(native)
for name in ("conv3", "pool4", "dense5"):
    a, b = mine.layer(name), other.layer(name)
    assert (a.output_shape, a.receptive_field, a.params) == (b.output_shape, b.receptive_field, b.params)

one, open_extent = rfcalc.load(native)["image"].attrs["shape"][0], None
for given, found in (
    ((64, 64, 1), (one, 64, 64, 1)),
    ((2, 64, 64, 1), (2, 64, 64, 1)),
    ({"image": (64, open_extent, 1)}, (one, 64, one, 1)),
    ({"": (64, 64, 1)}, (one, 64, 64, 1)),
):
    assert shape(input_shape=given) == found, (given, shape(input_shape=given))
assert shape(dims={"H": 32}) == (one, 32, 28, 1)
assert refused(input_shape={"imag": (64, 64, 1)}) == "the model has no input 'imag'; did you mean 'image'?"
assert refused(input_shape=(64, 64)).endswith("3 axes without the batch, but the shape given for it has 2")
assert refused(parameters={"width": 3}).endswith("a strata file has none to set")
assert refused(layout="NCHW").startswith("--layout belongs to")
assert refused(runtime="onnxruntime").startswith("--runtime")

done = CliRunner().invoke(main, ["analyze", str(path), "--input-shape", "32,32,1"])
assert done.exit_code == 0 and "net (strata)   input image 32x32x1" in done.output, done.output

layer = "a layer is conv FILTERS KERNEL, pool KERNEL or dense UNITS"
for lines, says in (
    ("", "line 2: '' are not extents such as 28 28 1"),
    ("a b c", "line 2: 'a b c' are not extents such as 28 28 1"),
    ("28 0 1", "line 2: '28 0 1' are not extents such as 28 28 1"),
    ("28 28 1\\nsoftmax", f"line 3: 'softmax' is no layer; {layer}"),
    ("28 28 1\\npool", f"line 3: 'pool' is no layer; {layer}"),
    ("28 28 1\\npool 2\\nconv x 3", f"line 4: 'conv x 3' is no layer; {layer}"),
    ("28 28 1\\n\\npool 2", f"line 3: '' is no layer; {layer}"),
):
    path.write_text(f"strata 1\\n{lines}\\n", encoding="utf-8")
    assert refused() == says, refused()
path.write_text("strata 1", encoding="utf-8")
assert refused().startswith("line 2: '' are not extents such")

path.write_text(sys.argv[2], encoding="utf-8")
deaf = lambda text, source, options: strata.read(text, source, options._replace(shapes=None))
formats.FORMATS = (*others, strata._replace(read=deaf))
assert "models of this format are read at the size that they say" in refused(input_shape=(64, 64, 1))
assert refused(input_shape={"imag": (28, 28, 1)}).startswith("the model has no input 'imag'")
print("added")
"""


def test_a_format_is_added_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    section = re.split(r"\n## ", page[page.index("## Add a format") + 3 :])[0]
    file, reader, row = re.findall(r"^```(?:text|python)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert ast.get_docstring(ast.parse(reader))
    (tmp_path / "strata.py").write_text(reader, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(tmp_path), file, row],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "added\n"
