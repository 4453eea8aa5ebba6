"""The questions that rfcalc answers, a folder each.

The folder is all that a question needs: the command line, the library, and the documents find it by looking
into this package. It holds

- ``__init__``: the function of the library, and ``__all__``, the names that `rfcalc` passes on;
- ``command``: the `rfcalc.commands.question.Question` of the command line, and ``made``, which returns what
  it shows;
- ``find``: how the answer is found, from a `rfcalc.engine.run.Run`;
- ``report``: how it is told, as documents and as text.

A question uses no other question: what two of them need lies below, in `rfcalc.engine` or `rfcalc.render`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module


@lru_cache(maxsize=1)
def questions() -> tuple[str, ...]:
    """Return the names of all questions.

    >>> "law" in questions()
    True
    """
    try:
        folders = [each for place in __path__ for each in os.scandir(place) if each.is_dir()]
    except OSError:  # the package is in a zip archive
        from pkgutil import iter_modules  # whose import takes longer than looking into the folder

        return tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))
    return tuple(sorted(each.name for each in folders if os.path.lexists(f"{each.path}/__init__.py")))


def home_of(name: str) -> str | None:
    """Return the module of the question that offers a name to the library, or None.

    >>> home_of("Law"), home_of("law"), home_of("none")
    ('rfcalc.questions.law', 'rfcalc.questions.law', None)
    """
    # the function of a question is called as its folder: the others need not be imported to find it
    for question in sorted(questions(), key=lambda question: question != name):
        if name in import_module(f"{__name__}.{question}").__all__:
            return f"{__name__}.{question}"
    return None
