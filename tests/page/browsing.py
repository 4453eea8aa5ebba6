"""A report in a real browser, which is told to fetch nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

_TWO_FRAMES = """() => new Promise(done =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""
"""What is shown next is on the screen by then."""

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def started() -> Iterator[Browser]:
    """Start Chromium; skip where it, or Playwright, is not installed."""
    api = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


class Shown:
    """A report on the screen, by what a reader finds there."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)
        page.on("request", lambda request: self.asked.append(request.url))
        self.address = path.as_uri()
        page.goto(self.address)
        self.words().wait_for()

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def find(self, name: str, side: int = 0) -> Locator:
        """Return a part of the page by its name, of the first model or of the one beside it."""
        return self.page.get_by_test_id(name).nth(side)

    def words(self, side: int = 0) -> Locator:
        return self.page.locator(f"[data-testid=field] >> nth={side} >> [data-testid=words]")

    def says(self, side: int = 0) -> str:
        """Return what stands beside the picture of a field."""
        return self.words(side).inner_text()

    def go(self, layer: str, unit: tuple[int, ...] | None = None) -> str:
        """Choose a layer and a unit by the address, and return what the page says of it."""
        from urllib.parse import quote

        places = "" if unit is None else f"&unit={','.join(map(str, unit))}"
        self.page.evaluate(f"location.hash = 'layer={quote(layer)}{places}'")
        self.page.wait_for_function(_TWO_FRAMES)
        return self.says()

    def pick(self, position: tuple[int, ...]) -> str:
        """Pick a position of the input, and return what the page says of who sees it."""
        self.find("mode-pixel").click()
        for axis, place in enumerate(position):
            self.find(f"at-{axis}").fill(str(place))
        return self.says()

    def row(self, layer: str) -> Locator:
        """Return the row of the table of a layer."""
        return self.page.locator(f"[data-testid=layer-row][data-layer='{layer}']").first

    def rows(self, side: int = 0) -> list[str]:
        """Return the layers that the table shows."""
        rows = self.page.locator(f"[data-testid=layers] >> nth={side} >> [data-testid=layer-row]")
        return [str(name) for name in rows.evaluate_all("rows => rows.map(row => row.dataset.layer)")]
