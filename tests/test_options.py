"""One vocabulary of options: a name means one thing, a thing has one name, and older names still work."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest

import rfcalc
from rfcalc.commands.older import Older, argument, renewed
from rfcalc.commands.options import Option
from rfcalc.commands.question import READING
from tests import options as page
from tests.calling import Called
from tests.calling import call as run

MODELS = Path(__file__).parents[1] / "docs" / "models"
POOLING, UNET = (str(MODELS / name) for name in ("pooling.json", "unet.json"))

UNALIKE: Mapping[str, str] = {
    "--write": "of docs a flag, which writes documents; of sweep the number of the design that is written",
    "--by": "of design a measure of costs; of sweep any figure, also the other way round",
    "--input": "design makes a model, whose input is a shape; models that are read have inputs by name",
    "--layers": "design counts layers, others name them",
    "--output": "a figure of what is designed, as --field is; its models are written with -o",
}
"""Options whose name means several things, each with the reason."""


def test_the_page_is_fresh() -> None:
    assert page.filled() == page.PAGE.read_text(encoding="utf-8"), "run: python -m tests.options"


def test_every_option_of_every_command_is_on_the_page() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    names = {name for command in page.commands().values() for each in command.params for name in each.opts}
    options = {name for name in names if name.startswith("--")}
    assert len(options) > 30
    assert [name for name in options if f"`{name}`" not in text] == []


# ---- one name, one meaning ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, taken in page.options().items() if len(taken) > 1])
def test_an_option_means_the_same_in_every_command(name: str) -> None:
    taken = page.options()[name]
    if name in UNALIKE:
        assert len({(each.meaning, each.form) for each in taken}) > 1, "no exception any more"
        return
    assert {each.meaning for each in taken} == {taken[0].meaning}
    assert {each.form for each in taken} == {taken[0].form}
    assert all(isinstance(each.option, Option) for each in taken), "define it in rfcalc.commands.options"
    keywords = {each.option.keyword for each in taken if isinstance(each.option, Option)}
    assert len(keywords) == 1


def test_every_option_says_what_it_does() -> None:
    for name, taken in page.options().items():
        assert all(each.meaning.endswith(".") for each in taken), name


def test_a_meaning_has_one_name() -> None:
    """No two options do the same, or fill the same parameter."""
    meanings: dict[str, set[str]] = {}
    parameters: dict[str, set[str]] = {}
    for name, taken in page.options().items():
        for each in taken:
            meanings.setdefault(each.meaning, set()).add(name)
            parameters.setdefault(str(each.option.name), set()).add(name)
    assert {meaning: names for meaning, names in meanings.items() if len(names) > 1} == {}
    assert {name: names for name, names in parameters.items() if len(names) > 1} == {}


def test_what_is_no_option_in_one_command_is_none_in_another() -> None:
    """A layer is an argument everywhere, and left out alike; models come first."""
    arguments = {
        name: [each for each in command.params if isinstance(each, click.Argument)]
        for name, command in page.commands().items()
    }
    taking = {name for name, every in arguments.items() if any(each.name == "layer" for each in every)}
    assert taking == {"effective", "explain", "field", "law", "plot", "tiles"}
    for name in taking:
        assert [each.name for each in arguments[name]] == ["model", "layer"]
        assert not arguments[name][1].required
    names = {name for every in arguments.values() for name in (each.name for each in every)}
    several = {"--layer"}  # of a sweep, which tells of several
    assert not {f"--{name}" for name in names} & set(page.options()) - several


def test_everything_that_reads_a_model_takes_how() -> None:
    models = {"model", "models", "old"}
    for name, command in page.commands().items():
        given = {each.name for each in command.params}
        wanted = set(READING) - ({"design"} if name == "sweep" else set())  # it makes them
        assert wanted <= given if given & models else not given & set(READING), name


def test_the_library_calls_it_the_same() -> None:
    """The keyword of a function is the name of the option, but for words of the language and for mappings."""
    unlike = {"--dim": "dims", "--set": "parameters", "--with": "variants"}
    drawn = [("--image", "field")]  # in Python, rfcalc.plot
    for name, taken in page.options().items():
        called = page.keyword(taken)
        if called:
            assert called == unlike.get(name, name[2:].replace("-", "_")), name
        for each in taken:
            function = getattr(rfcalc, each.command, None)
            shared = isinstance(each.option, Option) and (name, each.command) not in drawn
            if shared and each.option.keyword and callable(function):
                assert each.option.keyword in page.parameters(function), (name, each.command)


NET: dict[str, Any] = {
    "rfcalc": 1,
    "input": [64, 64, 3],
    "layers": [
        {"kind": "conv", "name": "a", "filters": 4, "kernel": 3, "padding": "same"},
        {"kind": "conv", "name": "big", "filters": 4, "kernel": 9, "padding": "same"},
        {"kind": "conv", "name": "small", "inputs": ["a"], "filters": 4, "kernel": 3, "padding": "same"},
        {"kind": "add", "name": "sum", "inputs": ["big", "small"]},
        {"kind": "conv", "name": "z", "filters": 4, "kernel": 3, "padding": "same"},
    ],
}
"""Two ways, of which the wide one is cut: z then sees 7 pixels in place of 13."""


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.json").write_text(json.dumps(NET))
    return str(tmp_path / "net.json")


def test_every_question_is_asked_about_the_model_as_it_was_cut(net: str) -> None:
    for cut, size in ((("big",), 7), (("sm*",), 13), ((), 13)):
        given = [word for each in cut for word in ("--cut", each)]
        assert rfcalc.analyze(net, cut=cut).layer("z").receptive_field == (size, size)
        (first, last), _ = rfcalc.field(net, "z", at=(30, 30), cut=cut).box
        weighed = rfcalc.effective(net, "z", at=(30, 30), cut=cut).axes[0]
        assert (first, last) == (weighed.first, weighed.last) == (30 - size // 2, 30 + size // 2)
        assert rfcalc.explain(net, "z", cut=cut).axes[0].size == size
        assert rfcalc.law(net, "z", cut=cut).axes[0].field == size
        assert rfcalc.phases(net, "z", cut=cut).axes[0].rows == ((-(size // 2), size // 2),)
        assert rfcalc.tiles(net, "z", cut=cut).axes[0].before == size // 2
        assert rfcalc.compare(net, cut=cut).entries[0].bill.field == (size, size)
        assert rfcalc.verify(net, cut=cut).holds
        budget = {"layers": {"z": {"max_receptive_field": size, "min_receptive_field": size}}}
        assert rfcalc.check(net, budget, cut=cut).ok
        assert rfcalc.check(net, {**budget, "cut": list(cut)}).ok
        assert (
            run("analyze", net, "--format", "json", *given).stdout == rfcalc.analyze(net, cut=cut).to_json()
        )
        assert run("diff", net, net, "--format", "json", *given).exit_code == 0


def test_nothing_weighs_behind_an_input_that_is_cut(net: str) -> None:
    with pytest.raises(rfcalc.UsageError, match="does not depend on the input"):
        rfcalc.effective(net, "z", cut=["input"])


@pytest.mark.parametrize(
    "command",
    [
        ["align", POOLING],
        ["analyze", POOLING],
        ["check", POOLING, "--init"],
        ["compare", POOLING],
        ["compare", POOLING, POOLING],
        ["diff", POOLING, POOLING],
        ["effective", POOLING],
        ["explain", POOLING],
        ["field", POOLING],
        ["field", POOLING, "--phases"],
        ["law", POOLING],
        ["tiles", POOLING],
        ["verify", POOLING],
    ],
    ids=lambda command: " ".join(each for each in command if each != POOLING),
)
def test_a_layer_to_cut_that_there_is_not_is_an_error_everywhere(command: list[str]) -> None:
    assert "no layer is called" not in run(*command, "--cut", "conv1").stderr
    none = run(*command, "--cut", "nosuch")
    assert none.exit_code == 2
    assert "no layer is called 'nosuch'" in none.stderr


def test_what_is_cut_is_said(net: str) -> None:
    for command in ("align", "analyze", "compare", "explain", "field", "law", "tiles"):
        assert "dependence ends at 'big', as asked" in run(command, net, "--cut", "big").stderr


def test_tiles_of_a_model_with_a_cut_are_near_the_whole_and_no_more(net: str) -> None:
    whole, cut = rfcalc.tiles(net), rfcalc.tiles(net, cut=["big"])
    assert (whole.status, whole.seamless) == ("exact", True)
    assert (cut.status, cut.seamless) == ("bound", False)
    assert "This is an approximation: what was cut" in " ".join(cut.to_text().split())


def test_a_budget_keeps_what_was_cut(tmp_path: Path) -> None:
    budget = tmp_path / "budget.toml"
    made = run("check", "--init", POOLING, "--cut", "pool*", "--output", str(budget))
    assert (made.exit_code, made.stderr) == (0, "")
    assert 'cut = ["pool*"]' in budget.read_text()
    assert run("check", "--budget", str(budget)).exit_code == 0
    budget.write_text(budget.read_text().replace('"pool*"', "3"))
    assert "has to be a list of names" in run("check", "--budget", str(budget)).stderr


def test_a_model_that_is_run_has_nothing_cut() -> None:
    done = run("verify", POOLING, "--run", "--cut", "conv1")
    assert done.exit_code == 2
    assert "what is run has nothing cut" in done.stderr


# ---- a layer that is left out ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["effective", "explain", "field", "law", "tiles"])
def test_a_layer_may_be_left_out(command: str) -> None:
    done = run(command, POOLING)
    assert done.exit_code == 0
    assert "LAYER is " in " ".join(run(command, "--help").stdout.split())


# ---- older spellings ---------------------------------------------------------------------------------------

OLD: list[tuple[list[str], list[str], str]] = [
    (["tiles", UNET, "--image", "64,64"], ["tiles", UNET, "--size", "64,64"], "--size"),
    (["tiles", "--image=64,64", UNET], ["tiles", "--size=64,64", UNET], "--size"),
    (["tiles", "--layer", "conv2", POOLING], ["tiles", POOLING, "conv2"], "LAYER"),
    (
        [
            "tiles",
            POOLING,
            "--layer=conv2",
            "--",
        ],
        ["tiles", POOLING, "conv2"],
        "LAYER",
    ),
    (["rules", "conv", "--check", "OUT"], ["rules", "conv", "--check", "-o", "OUT"], "--check --output"),
    (["rules", "--check=OUT", "conv"], ["rules", "conv", "--check", "-o", "OUT"], "--check --output"),
]


@pytest.mark.parametrize(("old", "new", "name"), OLD, ids=lambda each: str(each[:2]) if each else "")
def test_older_spellings_mean_what_they_meant(
    old: list[str], new: list[str], name: str, tmp_path: Path
) -> None:
    def words(line: list[str]) -> list[str]:
        return [each.replace("OUT", str(tmp_path / "rules.md")) for each in line]

    run("rules", "conv", "--format", "markdown", "--output", str(tmp_path / "rules.md"))
    before, after = run(*words(old)), run(*words(new))
    assert (before.exit_code, before.stdout) == (after.exit_code, after.stdout)
    assert after.exit_code == 0
    spelled = old[[each.startswith("--") for each in old].index(True)].partition("=")[0]
    assert before.stderr == f"rfcalc: note: {spelled} is called {name} now\n" + after.stderr


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (["--compare", "plain"], ["--with", "plain"], "--compare is called --with now"),
        (["--unit", "conv3@1,1"], ["conv3", "--at", "1,1"], "--unit is called LAYER --at Y,X now"),
        (["--unit", "conv3"], ["conv3"], "--unit is called LAYER --at Y,X now"),
        (["--what", "effective", "--unit=conv3"], ["conv3", "--what", "effective"], "--unit is called"),
    ],
)
def test_older_spellings_draw_what_they_drew(
    old: list[str], new: list[str], note: str, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    first = run("plot", POOLING, *old, "-o", str(one))
    second = run("plot", POOLING, *new, "-o", str(other))
    assert (first.exit_code, second.exit_code, second.stderr) == (0, 0, "")
    assert note in first.stderr
    assert first.stderr.count("\n") == 1
    assert one.read_bytes() == other.read_bytes()


def test_an_older_spelling_is_no_option_of_help_or_completion() -> None:
    for name, command in page.commands().items():
        shown = run(name, "--help").stdout
        current = {text for each in command.params for text in each.opts}
        for each in command.older:
            assert each.old in current or f"{each.old} " not in shown


def test_check_of_rules_is_a_flag_beside_a_file(tmp_path: Path) -> None:
    """What stands behind it then is a kind, and not the older spelling."""
    path = str(tmp_path / "conv.md")
    assert run("rules", "conv", "--format", "markdown", "-o", path).exit_code == 0
    for line in (
        ["--check", "conv", "-o", path],
        ["--check", "conv", f"-o{path}"],
        ["-o", path, "--check", "conv"],
    ):
        done = run("rules", *line)
        assert (done.exit_code, done.stderr) == (0, "")


def test_an_older_spelling_without_a_value_misses_it() -> None:
    done = run("plot", POOLING, "-o", "x.svg", "--compare")
    assert done.exit_code == 2
    assert "--compare" in done.stderr


def test_older_spellings_behind_the_options_are_arguments() -> None:
    older = [Older("--layer", "NAME", "LAYER", argument)]
    assert renewed(["a", "--", "--layer", "b"], older) == (["a", "--", "--layer", "b"], ())
    assert renewed(["--layer", "-b", "a"], older).arguments == ["a", "--", "-b"]


def test_older_keywords_of_the_library() -> None:
    assert rfcalc.tiles(POOLING, image=(64, 64), tile=32) == rfcalc.tiles(POOLING, size=(64, 64), tile=32)
    assert "image" in inspect.signature(rfcalc.tiles).parameters


def test_documents_take_older_spellings(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(Path(POOLING).read_bytes())
    text = "<!-- rfcalc: tiles m.json {} -->\n<!-- /rfcalc -->\n"
    made = []
    for name, words in (("old.md", "--image 64,64 --layer conv2"), ("new.md", "conv2 --size 64,64")):
        (tmp_path / name).write_text(text.format(words))
        assert run("docs", "--write", str(tmp_path / name)).exit_code == 0
        made.append((tmp_path / name).read_text().splitlines()[1:])
    assert made[0] == made[1]
    assert len(made[0]) > 5


# ---- options that a command does not have ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["analyze", POOLING, "--reach", "3"], "No such option '--reach'; rfcalc law takes it; see"),
        (["analyze", POOLING, "--at", "3,3"], "'--at'; rfcalc effective, rfcalc field, rfcalc plot take it"),
        (["field", POOLING, "--imge", "x"], "No such option '--imge'; did you mean '--image'? see"),
        (["field", POOLING, "--tile=3"], "No such option '--tile'; rfcalc tiles takes it; see"),
        (["field", POOLING, "--nonsense"], "No such option '--nonsense'; see 'rfcalc field --help'"),
        (["law", POOLING, "-q"], "No such option '-q'; see"),
    ],
)
def test_an_option_of_another_command_is_named_with_its_command(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


# ---- what a person may have edited -------------------------------------------------------------------------


def test_a_budget_is_not_replaced_unasked(tmp_path: Path) -> None:
    budget = tmp_path / "budget.toml"

    def written(*more: str) -> Called:
        return run("check", "--init", POOLING, "-o", str(budget), *more)

    assert written().exit_code == 0
    mine = budget.read_text().replace("max_params", "# mine\nmax_params")
    budget.write_text(mine)
    refused = written()
    assert refused.exit_code == 2
    assert "is there already, and its limits may have been set by hand" in refused.stderr
    assert budget.read_text() == mine
    assert written("--force").exit_code == 0
    assert "# mine" not in budget.read_text()
    assert "--force is for --init" in run("check", POOLING, "--force", "--budget", str(budget)).stderr


def test_a_report_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("old")
    assert run("analyze", POOLING, "--format", "markdown", "-o", str(path)).exit_code == 0
    assert "old" not in path.read_text()
