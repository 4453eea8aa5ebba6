"""The playground in Chromium: rfcalc itself answers there, as it does here, and nothing comes from elsewhere.

What is tried is page/dist/playground, which ``npm --prefix page run build:playground`` makes; with
RFCALC_BUILD_PLAYGROUND=1 it is made first.
"""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import rfcalc
from tests.page.browsing import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "page" / "dist" / "playground"
MODELS = ROOT / "docs" / "models"
AXE = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"

LONG = 60_000
"""Milliseconds that Python may take to start on a machine that has much to do."""

KERAS = {
    "class_name": "Sequential",
    "config": {
        "name": "small",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, 28, 28, 1]}},
            {"class_name": "Conv2D", "config": {"name": "first", "filters": 8, "kernel_size": 5}},
            {"class_name": "MaxPooling2D", "config": {"name": "half", "pool_size": 2}},
            {"class_name": "Conv2D", "config": {"name": "last", "filters": 8, "kernel_size": 3}},
        ],
    },
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder, and nothing else."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the playground as any server of files does."""
    if os.environ.get("RFCALC_BUILD_PLAYGROUND") == "1" and (npm := shutil.which("npm")):
        subprocess.run([npm, "--prefix", "page", "run", "build:playground"], cwd=ROOT, check=True)
    if not (BUILT / "index.html").exists():
        pytest.skip("needs the playground: npm --prefix page run build:playground")
    with served(BUILT) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as one:
        yield one


class Bench:
    """The playground on the screen, by what a reader finds there."""

    def __init__(self, browser: Browser, address: str, query: str = "", **settings: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1400, "height": 900}} | settings))
        self.address = address
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.context.route(lambda url: not url.startswith((address, "data:", "blob:")), self._refuse)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)
        self.page.goto(address + query)

    def _refuse(self, route: Any) -> None:
        self.strangers.append(route.request.url)
        route.abort()

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def find(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def ready(self) -> Bench:
        """Wait till rfcalc has answered all that it was asked."""
        self.page.wait_for_timeout(250)  # after the pause in which typing is waited for
        self.page.locator("[data-testid=status][data-state=ready]").wait_for(timeout=LONG)
        return self

    def write(self, text: str) -> Bench:
        self.unfold()
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)
        return self.ready()

    def unfold(self) -> None:
        """Open the text, which is folded where there is little room."""
        if not self.page.locator(".cm-content").is_visible():
            self.page.get_by_text("The model as text").click()

    def text(self) -> str:
        """Return what stands in the editor; of long texts it holds only what can be seen."""
        self.unfold()
        lines = self.page.locator(".cm-line").all_inner_texts()
        return "\n".join(line.replace("\u200b", "") for line in lines)

    def switch(self, name: str) -> Bench:
        self.page.get_by_role("switch", name=f"{name} on").click()
        return self.ready()

    def words(self, side: int = 0) -> str:
        """Return what the report says of the field of the chosen layer."""
        return self.page.get_by_test_id("words").nth(side).inner_text()

    def marked(self, wanted: str | None = None) -> list[str]:
        """Return what is marked as wrong in the editor, once it is what is wanted, or after five seconds."""
        for _ in range(50):
            found = self.page.locator(".cm-lintRange-error").all_inner_texts()
            if wanted is None or "".join(found) == wanted:
                break
            self.page.wait_for_timeout(100)  # the editor marks a little after the text was read
        return found


@pytest.fixture
def bench(browser: Browser, address: str) -> Iterator[Any]:
    """Return what opens the playground; nothing may be complained of, or be fetched from elsewhere."""
    opened: list[Bench] = []

    def open_it(query: str = "", **settings: Any) -> Bench:
        opened.append(Bench(browser, address, query, **settings))
        return opened[-1]

    yield open_it
    for each in opened:
        assert each.complaints == []
        assert each.strangers == []
        each.context.close()


def pooling(**without: int) -> dict[str, Any]:
    """Return the model of the tutorial, with how often some of its layers are there."""
    model: dict[str, Any] = json.loads((MODELS / "pooling.json").read_text("utf-8"))
    for layer in model["layers"]:
        if layer["name"] in without:
            layer["repeat"] = without[layer["name"]]
    return model


def size(model: dict[str, Any], layer: str) -> str:
    """Return how many positions the middle unit of a layer reads, by rfcalc here."""
    extents = rfcalc.analyze(model).layer(layer).spatial
    field = rfcalc.field(model, layer, at=tuple(int(extent) // 2 for extent in extents))
    rows = [axis.rows[0] for axis in field.axes]
    return "x".join(str(last - first + 1) for first, last, _ in rows)


# ---- the question of the tutorial --------------------------------------------------------------------------


def test_pooling_is_taken_out_with_two_clicks(bench: Any) -> None:
    page = bench().ready()
    assert size(pooling(), "conv3") == "18x18"
    assert "18x18 of 28x28" in page.words()  # and beside it, without pooling
    assert "7x7 of 28x28" in page.words(1)

    page.switch("pool1")
    assert f"{size(pooling(pool1=0), 'conv3')} of 28x28" in page.words()
    page.switch("pool2")
    without = pooling(pool1=0, pool2=0)
    assert size(without, "conv3") == "7x7"
    assert "7x7 of 28x28" in page.words()

    told = page.find("changes").inner_text()
    before, now = (rfcalc.analyze(model).totals.params.total for model in (pooling(), without))
    assert "a unit of conv3 sees" in told
    assert f"{before:,} → {now:,}" in re.sub(r"\s+", " ", told)
    assert json.loads(page.text()) == without  # the switches changed the text, and nothing else of it

    page.switch("pool1").switch("pool2")
    assert json.loads(page.text()) == pooling()
    assert page.find("changes").count() == 0
    assert "18x18 of 28x28" in page.words()


def test_a_slider_changes_the_text_and_the_text_the_slider(bench: Any) -> None:
    page = bench("?model=plain").ready()
    slider = page.page.get_by_role("slider", name="stride of conv1")
    slider.focus()
    slider.press("ArrowRight")
    page.ready()
    model = json.loads(page.text())
    assert model["layers"][0]["stride"] == 2
    assert f"{size(model, 'conv3')} of 28x28" in page.words()
    page.write(page.text().replace('"stride": 2', '"stride": 3'))
    assert slider.input_value() == "3"


@pytest.mark.parametrize("name", ["resnet", "unet", "video", "capsnet_decoder"])
def test_examples_come_to_what_rfcalc_says_here(bench: Any, name: str) -> None:
    """Those that are shown at once were made with the page, and are what rfcalc says in the browser."""
    page = bench(f"?model={name}").ready()
    shown = page.find("totals").first.inner_text()
    assert f"{rfcalc.analyze(MODELS / f'{name}.json').totals.params.total:,}" in shown
    assert "answered" not in page.find("status").inner_text()
    page.page.locator(".cm-content").click()
    page.page.keyboard.press("ControlOrMeta+End")
    page.page.keyboard.insert_text("\n")  # which changes nothing, but is asked about
    page.find("status").filter(has_text="answered").wait_for(timeout=LONG)
    assert page.find("totals").first.inner_text() == shown


# ---- errors ------------------------------------------------------------------------------------------------

HEAD = (
    '{"rfcalc": 1, "input": [28, 28, 1], "layers": [{"kind": "conv", "name": "c", "filters": 3, "kernel": 3}'
)

WRONG = {
    HEAD + ', {"kind": "cov"}]}': ('"cov"', "did you mean 'conv'?"),
    HEAD + ', {"kind": "conv", "filters": 3, "kernal": 3}]}': ('"kernal"', "did you mean 'kernel'?"),
    HEAD + ', {"kind": "add", "inputs": ["c", "q"]}]}': ('"q"', "no layer is called 'q' here"),
    HEAD + ",]}": (",", "not valid JSON"),
    HEAD: ("}", "the JSON ends too early"),
    HEAD + ', {"kind": "max_pool", "name": "p", "kernel": 99}]}': (
        '{"kind": "max_pool", "name": "p", "kernel": 99}',
        "larger than the map",
    ),
}


def test_an_error_is_marked_at_its_place_and_the_last_report_stays(bench: Any) -> None:
    page = bench().ready()
    for text, (place, said) in WRONG.items():
        with pytest.raises(rfcalc.RfcalcError) as caught:
            rfcalc.report(text.encode())
        page.write(text)
        assert "".join(page.marked(place)) == place
        assert said in page.find("failure").inner_text()
        if not said.startswith("not valid JSON"):  # that is said in the words of the Python at hand
            assert caught.value.message in page.find("failure").inner_text()
        assert "18x18 of 28x28" in page.words()
    page.write(HEAD + "]}")
    assert page.marked() == []
    assert page.find("failure").count() == 0
    assert "3x3 of 28x28" in page.words()


def test_keys_are_completed_from_the_schema(bench: Any) -> None:
    page = bench().ready()
    page.write(HEAD.removesuffix("}") + ', "dil')
    page.page.keyboard.press("Control+Space")
    page.page.locator(".cm-tooltip-autocomplete li").first.wait_for()
    page.page.wait_for_timeout(150)  # so long a list takes no key
    page.page.keyboard.press("Enter")
    page.page.keyboard.insert_text("2}]}")
    page.ready()
    assert json.loads(page.text())["layers"][0]["dilation"] == 2
    assert "5x5 of 28x28" in page.words()


# ---- links and files ---------------------------------------------------------------------------------------


def test_a_link_holds_the_model(bench: Any) -> None:
    page = bench().ready().switch("pool1")
    page.find("copy-link").click()
    link = page.find("link").input_value()
    assert link.startswith(page.address)
    other = bench(link.removeprefix(page.address)).ready()
    assert json.loads(other.text()) == json.loads(page.text())
    assert other.words() == page.words()


@pytest.mark.parametrize(
    ("query", "said"),
    [("#model=AAAA", "may have been cut off"), ("?model=nothing", "There is no example called nothing")],
)
def test_a_link_that_holds_none_is_said_in_a_line(bench: Any, query: str, said: str) -> None:
    page = bench(query).ready()
    assert said in page.find("remark").inner_text()
    assert "18x18 of 28x28" in page.words()


def keras_file(folder: Path) -> Path:
    path = folder / "small.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(KERAS))
        archive.writestr("metadata.json", "{}")
    return path


def keras_json(folder: Path) -> Path:
    path = folder / "small.json"
    path.write_text(json.dumps(KERAS), encoding="utf-8")
    return path


@pytest.mark.parametrize("made", [keras_json, keras_file])
def test_a_file_of_keras_is_read(bench: Any, made: Any, tmp_path: Path) -> None:
    path = made(tmp_path)
    page = bench().ready()
    page.find("file").set_input_files(path)
    page.ready()
    assert path.name in page.find("file-card").inner_text()
    assert page.find("switches").count() == 0  # they would change a text that is not there
    analysis = rfcalc.analyze(path)
    assert f"{analysis.totals.params.total:,}" in page.find("totals").first.inner_text()
    assert f"{size(KERAS, 'last')} of 28x28" in page.words()


def test_a_file_can_be_dropped(bench: Any) -> None:
    page = bench().ready()
    page.page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "mine.json"));
            const there = document.querySelector("[data-testid=editor]");
            for (const kind of ["dragover", "drop"]) {
                const how = { dataTransfer: data, bubbles: true, cancelable: true };
                there.dispatchEvent(new DragEvent(kind, how));
            }
        }""",
        HEAD + "]}",
    )
    page.page.locator(".cm-content", has_text='"c"').wait_for()
    page.ready()
    assert page.text() == HEAD + "]}"
    assert "3x3 of 28x28" in page.words()


@pytest.mark.parametrize(
    ("name", "said"),
    [("model.onnx", "pip install 'rfcalc[onnx]'"), ("model.pt", "is a Python pickle")],
)
def test_a_file_that_is_not_read_there_is_said_in_a_line(
    bench: Any, name: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x80\x04K\x01.")
    page = bench().ready()
    page.find("file").set_input_files(path)
    page.ready()
    assert said in page.page.locator("[data-testid=remark], [data-testid=failure]").inner_text()


# ---- the page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_is_open_to_everybody(bench: Any, width: int, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("needs axe-core: npm --prefix page ci")
    page = bench(viewport={"width": width, "height": 844}, color_scheme=scheme).ready().switch("pool1")
    page.write(page.text().replace('"max_pool"', '"max_pol"'))
    page.page.evaluate(AXE.read_text("utf-8"))
    found = page.page.evaluate(
        "async () => (await axe.run()).violations.map(each => [each.id, each.nodes[0].html])"
    )
    assert found == []
    wide = page.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide


def test_without_its_snapshot_rfcalc_starts_all_the_same(browser: Browser, address: str) -> None:
    page = Bench(browser, address, "empty")  # nothing there yet, so that what comes can be refused
    page.context.route("**/snapshot.bin", lambda route: route.abort())
    page.page.goto(address)
    page.ready().switch("pool1")
    assert f"{size(pooling(pool1=0), 'conv3')} of 28x28" in page.words()
    page.context.close()


def test_where_python_cannot_start_the_examples_are_shown(browser: Browser, address: str) -> None:
    page = Bench(browser, address, "empty")
    page.context.route("**/pyodide/*", lambda route: route.abort())
    page.page.goto(address)
    page.page.locator("[data-testid=status][data-state=lost]").wait_for(timeout=LONG)
    assert "could not be started" in page.find("status").inner_text()
    assert "18x18 of 28x28" in page.words()
    page.context.close()


# ---- on the site -------------------------------------------------------------------------------------------


def site(built: Path) -> Any:
    """Return what builds the site, where the playground was built, or was not."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    hooks.PLAYGROUND = built
    return hooks


@pytest.mark.parametrize("page", ["pooling.md", "playground.md"])
def test_a_page_of_the_site_holds_the_playground_and_fetches_it_when_asked(
    browser: Browser, address: str, page: str, tmp_path: Path
) -> None:
    """The pages as they are built, without their theme."""
    hooks = site(BUILT)
    url = f"{page.removesuffix('.md')}/"
    text = hooks.on_page_markdown((ROOT / "docs" / page).read_text("utf-8"), SimpleNamespace(url=url))
    (tmp_path / url).mkdir()
    (tmp_path / url / "index.html").write_text(f"<!doctype html><meta charset=utf-8>{text}", "utf-8")
    hooks.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))
    with served(tmp_path) as home:
        opened = browser.new_page()
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(home + url)
        opened.locator("details.playground").scroll_into_view_if_needed()
        opened.wait_for_timeout(500)
        assert [each for each in asked if "/app/" in each] == []
        opened.locator("details.playground summary").click()
        inside = opened.frame_locator("details.playground iframe")
        inside.locator("[data-testid=status][data-state=ready]").wait_for(timeout=LONG)
        assert "18x18 of 28x28" in inside.get_by_test_id("words").first.inner_text()
        opened.close()


def test_a_site_without_the_playground_says_so(tmp_path: Path) -> None:
    hooks = site(tmp_path / "nothing")
    text = hooks.on_page_markdown("<!-- playground: pooling -->\n", SimpleNamespace(url="pooling/"))
    assert "without the playground" in text
    assert "iframe" not in text
    hooks.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))
    assert not (tmp_path / "playground").exists()
