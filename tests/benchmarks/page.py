"""How soon a report is on the screen, how soon it follows the mouse, and what making it takes.

``python -m tests.benchmarks.page`` needs Chromium, Playwright, and Keras for DenseNet-201. Each page is
opened several times in a browser that is running; the least time is told. What a move of the mouse takes is
the time that the page's thread was busy until two frames later, as Chromium counts it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import TYPE_CHECKING, Any

import rfcalc
from tests.page.browsing import Shown, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_TIMES = 5

_WATCH = """
window.shown = null;
const look = () => {
    const words = document.querySelector('[data-testid=words]');
    const row = document.querySelector('[data-testid=layer-row]');
    if (words && row) requestAnimationFrame(() => { window.shown = performance.now(); });
    else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
"""Notes when the field of a layer and the table have been painted."""


def models() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield models, with how their reports are asked for."""
    yield "ResNet-50", _keras("ResNet50"), {}
    yield "DenseNet-201", _keras("DenseNet201"), {}
    conv = {"kind": "conv", "filters": 16, "kernel": 3, "padding": "same"}
    chain = {
        "rfcalc": 1,
        "name": "chain",
        "input": [64, 64, 16],
        "layers": [{"repeat": 10_000, "layers": [conv]}],
    }
    yield "10,000 layers", chain, {"variants": []}


def _keras(name: str) -> Any:
    import keras

    return json.loads(getattr(keras.applications, name)(weights=None).to_json())


def painted(browser: Browser, page: Path) -> float:
    """Return after how many milliseconds the field of a layer and the table are on the screen."""
    found = []
    for _ in range(_TIMES):
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.add_init_script(_WATCH)
        tab.goto(page.as_uri())
        tab.wait_for_function("() => window.shown !== null")
        found.append(float(tab.evaluate("window.shown")))
        tab.close()
    return min(found)


def followed(browser: Browser, page: Path) -> list[float]:
    """Return for moves from row to row how many milliseconds the page was busy with each."""
    tab = browser.new_page(viewport={"width": 1400, "height": 900})
    shown = Shown(tab, page)
    tab.get_by_test_id("graph-node").first.wait_for()
    shown.find("layers").scroll_into_view_if_needed()
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable")

    def busy() -> float:
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return 1000 * float(metrics["TaskDuration"])

    frames = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    found = []
    boxes = [row.bounding_box() for row in tab.get_by_test_id("layer-row").all()[:40]]
    for box in [*boxes, *boxes]:
        if box is None or not 0 < box["y"] < 880:
            continue
        before = busy()
        tab.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2)
        tab.evaluate(frames)
        found.append(busy() - before)
    tab.close()
    return found


def cpu(*arguments: str) -> float:
    """Return how many seconds of a processor a command takes."""
    found = []
    for _ in range(_TIMES):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "rfcalc", *arguments], check=True, capture_output=True)
        after = getrusage(RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> None:
    """Print a line for each model."""
    with started() as browser, tempfile.TemporaryDirectory() as folder:
        for name, model, how in models():
            source, page = Path(folder) / "model.json", Path(folder) / "report.html"
            source.write_text(json.dumps(model), encoding="utf-8")
            rfcalc.report(str(source), **how).save(page)
            moves = followed(browser, page)
            print(
                f"{name}: {page.stat().st_size:,} bytes, painted after {painted(browser, page):.0f} ms; "
                f"a move takes {statistics.median(moves):.1f} ms in the median of {len(moves)}, "
                f"{max(moves):.1f} at most",
                flush=True,
            )
            if not how:
                analyze, report = cpu("analyze", str(source)), cpu("report", str(source), "-o", str(page))
                print(
                    f"  rfcalc report {report:.2f} s, analyze {analyze:.2f} s: {report / analyze:.2f} times"
                )


if __name__ == "__main__":
    main()
