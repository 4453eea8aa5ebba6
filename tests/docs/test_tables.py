"""What a marker may say, which files it may name, and what hostile names come to in each format."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import pytest

from rfcalc import cli
from rfcalc.docs import fill
from rfcalc.docs.models import Models
from rfcalc.docs.tables import made, tabulated
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.wording import MARKUP
from tests.docs.test_markers import MARKS, marked

DOCS = Path(__file__).parents[2] / "docs"
MODELS = Models(DOCS / "models")

TABLES = [
    "analyze pooling.json",
    "analyze pooling.json --columns layer,receptive_field,params --layers 'conv*' --layers 'pool*'",
    "analyze resnet.json --depth 1",
    "analyze unet.json --input-shape '?,?,3' --symbolic",
    "analyze pooling.json --dim H=56 --dim W=56 --input input --on-unknown error",
    "align resnet.json --sizes 224:226",
    "compare pooling.json --with plain,strided --layers 'conv*'",
    "compare pooling.json capsnet.json",
    "diff pooling.json plain.json",
    "effective pooling.json conv3 --at 1,1",
    "explain pooling.json conv3",
    "field pooling.json conv3",
    "field pooling.json conv3 --at 0,2",
    "field unet.json up4/join --phases",
    "law pooling.json conv3 --reach 100",
    "rules conv max_pool",
    "tiles unet.json --tile 256 --size 800,800",
    "tiles wavenet.json --rate 16000",
]


@pytest.mark.long
@pytest.mark.parametrize("markup", MARKUP)
@pytest.mark.parametrize("command", TABLES)
def test_every_command_that_makes_a_table_makes_it_in_every_format(command: str, markup: str) -> None:
    text = made(command, MODELS, markup).to_markup(markup)
    assert text == made(command, MODELS, markup).to_markup(markup)
    assert text.endswith("\n")
    starts = {
        "markdown": "|",
        "rst": "==",
        "asciidoc": "|===",
        "latex": "\\begin{tabular}",
        "html": "<table>",
    }
    if "--at 0,2" not in command:  # one unit's field is a sentence
        assert any(line.startswith(starts[markup]) for line in text.splitlines())


@pytest.mark.parametrize("command", TABLES)
def test_the_table_is_that_of_the_command(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(DOCS / "models")
    with pytest.raises(SystemExit, match="0"):
        cli.main([*shlex.split(command), "--format", "rst"])
    assert capsys.readouterr().out == made(command, MODELS, "rst").to_markup("rst")


def test_text_is_as_wide_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # a document does not depend on who fills it
    (usual,) = made("analyze pooling.json --format text", MODELS, "rst").pieces()
    (wide,) = made("analyze pooling.json --format=text --width=120", MODELS, "rst").pieces()
    assert max(map(len, usual[0].splitlines())) <= 80
    assert "not shown: padding, activations" in usual[0]
    assert "not shown" not in wide[0]


def test_the_format_of_the_document_may_be_said() -> None:
    assert (
        made("law plain.json --format rst", MODELS, "rst").pieces()
        == made("law plain.json", MODELS, "rst").pieces()
    )


REFUSED = [
    ("", "'' makes no table; a marker names one of align, analyze"),
    ("analyse pooling.json", "'analyse' makes no table; did you mean 'analyze'?"),
    ("plot pooling.json", "'plot' makes no table"),
    ("docs page.md", "'docs' makes no table"),
    ("schema", "'schema' makes no table"),
    ("--version", "'--version' makes no table"),
    ("analyze", "missing argument 'MODEL'"),
    ("analyze pooling.json more", "got unexpected extra argument (more)"),
    ("analyze pooling.json --depht 1", "no such option"),
    ("analyze pooling.json --output out.md", "--output is not for documents"),
    ("analyze pooling.json -o out.md", "--output is not for documents"),
    ("analyze pooling.json -oout.md", "--output is not for documents"),
    ("analyze pooling.json --debug", "--debug is not for documents"),
    ("analyze pooling.json --strict", "--strict is not for documents"),
    ("analyze --help", "--help is not for documents"),
    ("rules --check", "--check is not for documents"),
    ("analyze pooling.json --columns layer,sise", "there is no column 'sise'"),
    ("analyze pooling.json --format json", "a table has the format of its document"),
    ("analyze pooling.json --format html", "a table has the format of its document"),
    ("analyze pooling.json --width 60", "--width is the width of a listing"),
    ("analyze pooling.json --format text --width wide", "--width: 'wide' is no number of columns"),
    ("analyze pooling.json --format text --width", "--width: '' is no number of columns"),
    ("analyze 'pooling.json", 'no closing quotation in "analyze \'pooling.json"'),
    ("field pooling.json conv9", "pooling.json: "),
    ("law none.json", "none.json: no such file"),
]


@pytest.mark.parametrize(("command", "message"), REFUSED)
def test_a_marker_that_asks_for_something_else_is_refused(command: str, message: str) -> None:
    with pytest.raises(RfcalcError) as caught:
        made(command, MODELS, "markdown")
    assert message in str(caught.value)
    assert str(DOCS) not in str(caught.value)  # a message names a model as the document does


def test_options_are_refused_until_they_are_allowed() -> None:
    forbidden = {"output", "model_file", "debug", "form", "check", "strict", "help"}
    for name, command in tabulated().items():
        given = {each.name for each in command.params if isinstance(each, click.Option)}
        assert command.tables is not None
        assert command.tables.allowed <= given, name
        # of `design` that is what the map is to be, and no file
        files = forbidden - {"output"} if name == "design" else forbidden
        assert not command.tables.allowed & files, name


# ---- which files -------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of documents with models inside, outside, and linked."""
    model = (DOCS / "models/plain.json").read_bytes()
    for name in ("outside.json", "docs/net.json", "docs/sub/net.json", "docs/a..b.json", "docs/run:me.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(model)
    (tmp_path / "docs/link.json").symlink_to("../outside.json")
    (tmp_path / "docs/inner.json").symlink_to("net.json")
    (tmp_path / "docs/away").symlink_to("..")
    (tmp_path / "docs/code.py").write_text("raise SystemExit(7)\n")
    return tmp_path


INSIDE = ["net.json", "./net.json", "sub/net.json", "sub//net.json", "a..b.json", "run:me.json"]
OUTSIDE = [
    "../outside.json",
    "sub/../net.json",
    "..\\outside.json",
    "{tree}/docs/net.json",
    "{tree}/outside.json",
    "link.json",
    "inner.json",
    "away/outside.json",
    "C:\\net.json",
    "\\\\host\\share\\net.json",
]
NEVER = [
    "-",
    "HEAD:docs/net.json",
    ":net.json",
    "code:factory",
    "package.module:factory",
    "os:system",
    "code.py",
    "",
    ".",
    "sub",
]


@pytest.mark.parametrize("name", INSIDE)
def test_models_below_the_root_are_read(tree: Path, name: str) -> None:
    assert made(f"law {name}", Models(tree / "docs"), "rst").paths == (str(tree / "docs" / name),)


@pytest.mark.parametrize("name", OUTSIDE)
def test_models_elsewhere_are_not_read(tree: Path, name: str) -> None:
    with pytest.raises(RfcalcError, match="name a model below the root"):
        made(f"law '{name.format(tree=tree)}'", Models(tree / "docs"), "rst")
    with pytest.raises(RfcalcError, match="name a model below the root"):
        made(f"compare net.json '{name.format(tree=tree)}'", Models(tree / "docs"), "rst")


@pytest.mark.parametrize("name", [name for name in OUTSIDE if "\\" not in name])
def test_models_elsewhere_are_read_where_that_is_allowed(tree: Path, name: str) -> None:
    made(f"law {name.format(tree=tree)}", Models(tree / "docs", allow_outside=True), "rst")


@pytest.mark.parametrize("allow_outside", [False, True])
@pytest.mark.parametrize("name", NEVER)
def test_no_code_runs_and_nothing_but_files_is_read(
    tree: Path, name: str, allow_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "docs")
    monkeypatch.syspath_prepend(tree / "docs")
    with pytest.raises(RfcalcError):
        made(f"law '{name}'", Models(tree / "docs", allow_outside), "rst")


def test_the_root_may_be_reached_by_a_link(tree: Path) -> None:
    (tree / "there").symlink_to("docs")
    made("law net.json", Models(tree / "there"), "rst")


def test_a_table_does_not_say_where_the_model_lies(tree: Path) -> None:
    model = json.loads((tree / "docs/net.json").read_text())
    model.pop("name", None)
    (tree / "docs/nameless.json").write_text(json.dumps(model))
    for command in ("compare nameless.json net.json", "compare nameless.json", "explain nameless.json conv3"):
        assert str(tree) not in made(command, Models(tree / "docs"), "rst").to_markup("rst")


# ---- hostile names -----------------------------------------------------------------------------------------

NAMES = [
    "a|b",
    "``` ~~~",
    "`code`",
    "</script><script>alert(1)</script>",
    "<!-- /rfcalc -->",
    "<!-- rfcalc: analyze x -->",
    "-->",
    ".. /rfcalc",
    ".. raw:: html",
    "// /rfcalc",
    "% /rfcalc",
    "\\input{/etc/passwd}",
    "\\end{verbatim}\\input{x}",
    "\\end{tabular}",
    "include::/etc/passwd[]",
    "....",
    "----",
    "|===",
    "=cmd()",
    "+1",
    "@SUM(A1)",
    "\x1b[31mred\x1b[0m",
    "\u202eright-to-left\u2066",
    "\r\n# heading",
    "# heading",
    "- item",
    "1. one",
    "NOTE: x",
    "{{ template }}",
    "{% include 'x' %}",
    "[a](javascript:alert(1))",
    "![a](x)",
    "$x$ \\(y\\)",
    "http://example.com",
    "::",
    "|sub| :role:`x` x_",
    "&amp; &#42;",
    "*",
]
COMMANDS_OF_ONE = [
    "analyze m.json",
    "analyze m.json --columns layer",
    "align m.json --dim H=64",
    "compare m.json --with plain,average",
    "compare m.json m.json",
    "diff m.json n.json",
    "effective m.json",
    "explain m.json conv",
    "field m.json conv",
    "field m.json conv --phases",
    "field m.json conv --at 0,0",
    "field m.json conv --from-input 1,1",
    "law m.json conv",
    "tiles m.json --size 64,64 --tile 32",
]
LAST = "conv"


def hostile(names: list[str]) -> dict[str, Any]:
    """A Keras model of such names, with branches out of line to have something to say."""
    model, image, left, right, join, pool = (f"{name}{'.' * place}" for place, name in enumerate(names))
    conv = {"filters": 2, "kernel_size": [3, 3], "padding": "valid", "strides": [1, 1]}
    layers = [
        ("InputLayer", image, {"batch_input_shape": [None, 64, 64, 1]}, []),
        ("Conv2D", left, conv | {"strides": [2, 2], "padding": "same"}, [image]),
        ("Conv2D", right, conv | {"strides": [2, 2], "kernel_size": [1, 1]}, [image]),
        ("Add", join, {}, [left, right]),
        ("MaxPooling2D", pool, {"pool_size": [2, 2]}, [join]),
        ("Conv2D", LAST, conv, [pool]),
    ]
    return {
        "class_name": "Functional",
        "config": {
            "name": model,
            "layers": [
                {
                    "class_name": kind,
                    "name": each,
                    "config": {"name": each, **config},
                    "inbound_nodes": [[[other, 0, 0, {}] for other in inputs]] if inputs else [],
                }
                for kind, each, config, inputs in layers
            ],
            "input_layers": [[image, 0, 0]],
            "output_layers": [[LAST, 0, 0]],
        },
    }


def inside(command: str, tree: Path, markup: str) -> str:
    """Return what comes between the lines of a marker."""
    page = marked(markup, command=command)
    opening, closing = (f"{mark}\n" for mark in MARKS[markup])
    result = fill(page, markup, root=tree)
    return result.removeprefix(opening.format(command)).removesuffix(closing)


@pytest.mark.long
@pytest.mark.parametrize("markup", MARKUP)
@pytest.mark.parametrize("place", range(0, len(NAMES), 4))
def test_hostile_names_are_text_in_the_tables_of_every_command(
    place: int, markup: str, tmp_path: Path
) -> None:
    names = [*NAMES, *NAMES][place : place + 6]
    (tmp_path / "m.json").write_text(json.dumps(hostile(names)))
    (tmp_path / "n.json").write_text(json.dumps(hostile(names[::-1])))
    for command in COMMANDS_OF_ONE:
        for form in ("", " --format text"):
            text = inside(command + form, tmp_path, markup)
            assert all(line.isprintable() for line in text.split("\n"))
            _CHECKS[markup](text)


@pytest.mark.parametrize("markup", MARKUP)
@pytest.mark.parametrize("form", ["", " --format text"])
def test_a_filled_page_is_filled_to_the_same_whatever_names_it_holds(
    form: str, markup: str, tmp_path: Path
) -> None:
    for place in range(0, len(NAMES), 5):
        (tmp_path / "m.json").write_text(json.dumps(hostile([*NAMES, *NAMES][place : place + 6])))
        page = marked(markup, command=f"analyze m.json --columns layer{form}")
        result = fill(page, markup, root=tmp_path)
        assert result != page
        assert fill(result, markup, root=tmp_path) == result


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.comments: list[str] = []
        self.attrs: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attrs |= {f"{key}={value}" for key, value in attrs}

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def _check_html(text: str) -> None:
    found = _Tags(text)
    assert found.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p", "h3", "pre"}
    assert found.attrs <= {"style=text-align: right;"}
    assert found.comments == []


def _check_markdown(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    blocks = {"table", "thead", "tbody", "tr", "th", "td", "paragraph", "heading", "inline", "fence"}
    assert {token.type.removesuffix("_open").removesuffix("_close") for token in tokens} <= blocks
    for token in tokens:
        if token.type == "inline":
            assert all(child.type in ("text", "text_special", "code_inline") for child in token.children)
    if text.lstrip().startswith("```"):
        assert len(tokens) == 1
    else:
        # what extensions of Python-Markdown would read, and GitHub would link
        assert not re.search(r"<[A-Za-z/!?]|(?<!\\)[{}]|(?i:www)\.|\w@\w|://|\$", text)
        assert not re.search(r"^(#(?!## )|[-+] |[0-9]+[.)] |!!!|\?\?\?|===|:)", text, re.M)
        _check_python_markdown(text)


def _check_python_markdown(text: str) -> None:
    python_markdown = pytest.importorskip("markdown")
    names = ("tables", "toc", "attr_list", "footnotes", "def_list", "abbr", "md_in_html")
    found = _Tags(
        python_markdown.markdown(text, extensions=[f"markdown.extensions.{name}" for name in names])
    )
    assert found.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p", "h3", "code"}
    assert {attr for attr in found.attrs if not attr.startswith("id=")} <= {
        "style=text-align: right;",
        "style=text-align: left;",
    }
    assert found.comments == []


def _check_rst(text: str) -> None:
    core = pytest.importorskip("docutils.core")
    nodes = pytest.importorskip("docutils.nodes")
    warnings = io.StringIO()
    document = core.publish_doctree(
        text, settings_overrides={"warning_stream": warnings, "report_level": 1, "raw_enabled": True}
    )
    assert warnings.getvalue() == ""
    allowed = (
        *(nodes.document, nodes.table, nodes.tgroup, nodes.colspec, nodes.thead, nodes.tbody, nodes.row),
        *(nodes.entry, nodes.paragraph, nodes.Text, nodes.comment, nodes.rubric, nodes.literal_block),
    )
    assert all(isinstance(node, allowed) for node in document.findall())
    assert all(
        isinstance(node.parent, nodes.entry) for node in document.findall(nodes.comment)
    )  # an empty cell


_LATEX_COMMANDS = (
    r"\\(begin|end)\{(tabular|verbatim)\}(\{[lr]+\})?|\\hline|\\\\|\\paragraph\{|\\text[a-z]+\{\}|\\[{}&%$#_]|"
    r"\$\\[a-z]+\$|\\rule\{[0-9.]+em\}\{[0-9.]+em\}|\{(?:\[|\]|\*|''|`)\}|-\{\}"
)


def _check_latex(text: str) -> None:
    outside, count = re.subn(r"(?s)\\begin\{verbatim\}.*?\\end\{verbatim\}\n", "", text)
    assert count == text.count("\\begin{verbatim}\n") == text.count("\\end{verbatim}")
    assert count == 0 or not outside.strip()
    rest = re.sub(_LATEX_COMMANDS, "", outside)
    assert not re.search(r"[\\{#%$^~]", rest), rest


def _check_asciidoc(text: str) -> None:
    if text.lstrip().startswith("...."):
        lines = text.strip("\n").split("\n")
        assert lines[0] == lines[-1] == "...."
        assert not any(
            re.match(r"\.{4}|\\?(include|ifdef|ifndef|ifeval|endif)::|//", line) for line in lines[1:-1]
        )
        return
    lines = text.splitlines()
    own = re.compile(r'\[cols="[<>,]+",options="header"\]|\|===|\[discrete\]')
    rest = [line.removeprefix("=== ") for line in lines if not own.fullmatch(line)]
    titles = [line for line in lines if line.startswith("| ")]
    widths = {len(line.split("|")) for line in titles}
    assert len(widths) <= text.count('options="header"')
    cells = [cell for line in rest for cell in (line.split("|") if line.startswith("| ") else [line])]
    for cell in cells:
        bare = re.sub(r"&#[0-9]+;", "\N{BULLET}", cell)
        assert not re.search(r"""[\\*`#^~+{}\[\]<>&|@$"'=]|--|::|;;|://|\.\.\.|\(\(""", bare), cell
        assert not re.match(
            r"(NOTE|TIP|IMPORTANT|WARNING|CAUTION):|[-.:/]|[0-9a-zA-Z][.)] ", bare.lstrip()
        ), cell
        assert html.unescape(cell).isprintable()


_CHECKS = {
    "html": _check_html,
    "markdown": _check_markdown,
    "rst": _check_rst,
    "latex": _check_latex,
    "asciidoc": _check_asciidoc,
}


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no markup language 'word'; rfcalc knows markdown, rst"):
        fill("", "word")


def test_the_working_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fill(marked("rst", command="law models/plain.json"), "rst", root=DOCS)
    monkeypatch.chdir(tmp_path)
    assert fill(marked("rst", command="law models/plain.json"), "rst", root=DOCS) == before
    assert list(tmp_path.iterdir()) == []
