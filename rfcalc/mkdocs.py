"""A MkDocs plugin: fills the markers of pages while the site is built.

In ``mkdocs.yml``::

    plugins:
      - rfcalc

The pages stay as they are; ``rfcalc docs --write`` fills the files themselves. Models are relative to the
folder of the page, or to ``root`` (relative to ``mkdocs.yml``), and lie below it unless ``allow_outside`` is
true.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config import base
from mkdocs.config import config_options as options
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin

from rfcalc.docs.markers import MarkersError, refilled
from rfcalc.docs.models import Models
from rfcalc.docs.tables import made


class Settings(base.Config):  # type: ignore[misc]  # MkDocs is not there where types are checked
    """What ``mkdocs.yml`` may say of the plugin."""

    root = options.Optional(options.Type(str))
    allow_outside = options.Type(bool, default=False)


class RfcalcPlugin(BasePlugin[Settings]):  # type: ignore[misc]  # the same
    """The plugin ``rfcalc``."""

    def on_config(self, config: Any) -> Any:
        """Let ``mkdocs serve`` watch the models that do not lie among the pages."""
        root = self._root(config)
        if root is not None and not root.is_relative_to(config.docs_dir):
            config.watch.append(str(root))
        return config

    def on_page_markdown(self, markdown: str, *, page: Any, config: Any, **_: Any) -> str:
        """Fill the markers of a page that MkDocs is about to render."""
        source = Path(page.file.abs_src_path or config.docs_dir)
        models = Models(self._root(config) or source.parent, self.config.allow_outside)
        try:
            return refilled(
                markdown,
                "markdown",
                lambda marker: made(marker.command, models, "markdown").to_markup("markdown"),
                page.file.src_uri,
                first=1 + _cut_off(markdown, page),
            )
        except MarkersError as error:
            raise PluginError(str(error)) from None

    def _root(self, config: Any) -> Path | None:
        root: str | None = self.config.root
        if root is None:
            return None
        return Path(config.config_file_path or ".").parent.resolve() / root


def _cut_off(markdown: str, page: Any) -> int:
    """Count the lines of a page's head, which MkDocs has taken off already."""
    whole = page.file.content_string
    return int(whole.count("\n", 0, -len(markdown))) if markdown and whole.endswith(markdown) else 0
