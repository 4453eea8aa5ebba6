"""What a budget says: limits for models and for their layers, checked key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from rfcalc.errors import UsageError
from rfcalc.questions.check.limits import BYTES, COUNT, FLAG, LIMITS, NUMBER, PIXELS, STATUS, Limit
from rfcalc.questions.check.measures import STATUSES
from rfcalc.readers.options import RUNTIMES
from rfcalc.records import NamedTuple

MODELS, LAYERS = "models", "layers"

Path = tuple[str, ...]
"""The keys that lead to a place in the document."""


class Given(NamedTuple):
    """A limit that a budget sets.

    Parameters
    ----------
    limit : Limit
        Which one.
    value : tuple of float
        Its value, one for all axes or one for each; empty where the budget lifts the limit (``false``).
    path : tuple of str
        Where it says so.
    """

    limit: Limit
    value: tuple[float, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Section:
    """What a budget says of one model, or of all.

    Parameters
    ----------
    limits : mapping of str to Given
        On the model as a whole, by the limit's name.
    layers : mapping of str to mapping
        The same by a pattern of layer names.
    loading : mapping
        How the model is read, as for `rfcalc.load`.
    """

    limits: Mapping[str, Given] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, Given]] = field(default_factory=dict)
    loading: Mapping[str, Any] = field(default_factory=dict)

    def over(self, base: Section) -> Section:
        """Return a section that says what this one does, and what `base` does where this one is silent."""
        layers = {pattern: dict(givens) for pattern, givens in base.layers.items()}
        for pattern, givens in self.layers.items():
            layers[pattern] = {**layers.get(pattern, {}), **givens}
        return Section({**base.limits, **self.limits}, layers, {**base.loading, **self.loading})

    @property
    def every(self) -> list[Given]:
        """All limits that it sets."""
        found = [*self.limits.values(), *(given for each in self.layers.values() for given in each.values())]
        return [given for given in found if given.value]


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on models.

    Parameters
    ----------
    source : str
        The name of its file, for messages.
    shared : Section
        What holds for every model.
    models : mapping of str to Section
        What it says of some, by the name that it gives them; `shared` is part of each.
    """

    source: str
    shared: Section
    models: Mapping[str, Section]


def key_text(path: Iterable[str]) -> str:
    """Spell a place in a TOML document.

    >>> key_text(["layers", "conv*", "max_params"]), key_text(["layers", "conv3"])
    ('layers."conv*".max_params', 'layers.conv3')
    """
    return ".".join(part if _BARE.fullmatch(part) else quoted(part) for part in path)


def quoted(text: str) -> str:
    r"""Write a text as a basic string of TOML.

    >>> quoted('a"b'), quoted("\x1b")
    ('"a\\"b"', '"\\u001b"')
    """
    return '"' + _UNSAFE.sub(lambda found: _escaped(found[0]), text) + '"'


_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_UNSAFE: Final = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


def _escaped(char: str) -> str:
    return f"\\{char}" if char in '\\"' else f"\\u{ord(char):04x}"


# ---- reading -----------------------------------------------------------------------------------------------


def budget_of(document: Mapping[str, Any], source: str, *, prefix: Path = ()) -> Budget:
    """Check a document key by key.

    Parameters
    ----------
    document : mapping
        What the file holds.
    source : str
        The name of the file.
    prefix : tuple of str
        Where the document stands in its file.

    Raises
    ------
    UsageError
        A key that there is not, or a value of the wrong type: with file and key, and the key that was
        probably meant. A budget without a limit.
    """
    try:
        shared = _section(document, prefix, top=True)
        tables = _table(document.get(MODELS, {}), (*prefix, MODELS))
        models = {
            name: _section(_table(table, (*prefix, MODELS, name)), (*prefix, MODELS, name)).over(shared)
            for name, table in tables.items()
        }
        if not any(section.every for section in (shared, *models.values())):
            raise UsageError(
                "sets no limit, so nothing would be checked; rfcalc check --init MODEL writes a budget",
                where=key_text(prefix) or None,
            )
    except UsageError as error:
        error.source = error.source or source
        raise
    return Budget(source, shared, models)


def _section(document: Mapping[str, Any], path: Path, *, top: bool = False) -> Section:
    limits: dict[str, Given] = {}
    loading: dict[str, Any] = {}
    layers: dict[str, Mapping[str, Given]] = {}
    for key, value in document.items():
        here = (*path, key)
        if key == LAYERS:
            layers = {
                pattern: _layer_limits(_table(table, (*here, pattern)), (*here, pattern))
                for pattern, table in _table(value, here).items()
            }
        elif key in LOADING:
            loading[key] = LOADING[key].read(value, here)
        elif not (key == MODELS and top):
            limits[key] = _given(key, value, here, layer=False, others=_keys(top=top))
    return Section(limits, layers, loading)


def _keys(*, top: bool) -> list[str]:
    """List what may stand in the table of a model, or of all."""
    on_models = [name for name, limit in LIMITS.items() if limit.of_model is not None]
    return [*on_models, LAYERS, *([MODELS] if top else []), *LOADING]


def _layer_limits(table: Mapping[str, Any], path: Path) -> dict[str, Given]:
    names = [name for name, limit in LIMITS.items() if limit.of_layer is not None]
    return {key: _given(key, value, (*path, key), layer=True, others=names) for key, value in table.items()}


def _table(value: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"has to be a table, not {_shown(value)}", where=key_text(path))
    return value


def _given(key: str, value: Any, path: Path, *, layer: bool, others: Sequence[str]) -> Given:
    limit = LIMITS.get(key)
    if limit is None or (limit.of_layer if layer else limit.of_model) is None:
        raise UsageError(
            _no_such_key(key, value, limit, path, layer=layer, others=others), where=key_text(path)
        )
    return Given(limit, () if value is False else _FORMS[limit.form](value, path), path)


def _no_such_key(
    key: str, value: Any, limit: Limit | None, path: Path, *, layer: bool, others: Sequence[str]
) -> str:
    if limit is not None:
        return "is a limit on a model, not on layers" if layer else "is a limit on layers, not on a model"
    if key in LOADING:
        return "says how a model is read, and stands in the table of a model"
    if isinstance(value, Mapping) and len(path) > 1:
        return (
            f"is a table where limits are expected; a name with dots stands in quotes, "
            f"as in {path[-3] if layer and len(path) > 2 else MODELS}.{quoted('.'.join(path[-2:]))}"
        )
    import difflib

    close = difflib.get_close_matches(key.replace("-", "_").lower()[:64], others, 1, 0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(others)}"
    return f"there is no such key; {hint}"


# ---- values ------------------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    """Show a value in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _refuse(value: Any, path: Path, wanted: str) -> UsageError:
    return UsageError(f"has to be {wanted}, not {_shown(value)}", where=key_text(path))


_AMOUNT: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?:([kmgt])(i?))?(b?)", re.I)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _amount(value: Any, *, bytes_: bool) -> int | None:
    """Read a whole number, also as 4.1e9 or as text with a unit; None where it is none."""
    if type(value) is int:
        return value if value >= 0 else None
    if type(value) is float:
        return int(value) if value >= 0 and value.is_integer() else None
    found = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or ((found[3] or found[4]) and not bytes_):
        return None
    exact = Fraction(found[1]) * (1024 if found[3] else 1000) ** _POWERS[(found[2] or "").lower()]
    return int(exact) if exact.denominator == 1 else None


def _read_count(value: Any, path: Path) -> tuple[float, ...]:
    count = _amount(value, bytes_=False)
    if count is None:
        raise _refuse(value, path, "a whole number, such as 60_000, 4.1e9 or '4.1 G'")
    return (count,)


def _read_bytes(value: Any, path: Path) -> tuple[float, ...]:
    count = _amount(value, bytes_=True)
    if count is None:
        raise _refuse(value, path, "a number of bytes, such as 512_000, '512 kB' or '1 MiB'")
    return (count,)


def _read_pixels(value: Any, path: Path) -> tuple[float, ...]:
    every = value if isinstance(value, list) else [value]
    if not every or not all(type(each) is int and each >= 0 for each in every):
        raise _refuse(value, path, "a whole number of pixels, or one for each axis, such as [32, 64]")
    return tuple(every)


def _read_number(value: Any, path: Path) -> tuple[float, ...]:
    every = value if isinstance(value, list) else [value]
    if not every or not all(type(each) in (int, float) and 0 <= each < float("inf") for each in every):
        raise _refuse(value, path, "a number, or one for each axis, such as 0.5 or [16, 32]")
    return tuple(every)


def _read_flag(value: Any, path: Path) -> tuple[float, ...]:
    if value is not True:
        raise _refuse(value, path, "true, or false to lift it")
    return (0,)


def _read_status(value: Any, path: Path) -> tuple[float, ...]:
    if value not in STATUSES[:2]:
        raise _refuse(value, path, "'exact' or 'bound', or false to lift it")
    return (STATUSES.index(value),)


_FORMS: Final[Mapping[str, Callable[[Any, Path], tuple[float, ...]]]] = {
    COUNT: _read_count,
    BYTES: _read_bytes,
    PIXELS: _read_pixels,
    NUMBER: _read_number,
    FLAG: _read_flag,
    STATUS: _read_status,
}
"""What reads the value of a limit, by its form."""


# ---- how a model is read -----------------------------------------------------------------------------------


class Option(NamedTuple):
    """A key that says how a model is read: what reads it, what it means, its JSON Schema."""

    read: Callable[[Any, Path], Any]
    doc: str
    schema: Mapping[str, Any]


def _read_text(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        raise _refuse(value, path, "text")
    return value


def _read_integers(value: Any, path: Path) -> dict[str, int]:
    table = _table(value, path)
    for key, each in table.items():
        if type(each) is not int:
            raise _refuse(each, (*path, key), "a whole number")
    return dict(table)


def _read_shape(value: Any, path: Path) -> list[int | None]:
    if not isinstance(value, list) or not all(each == "?" or type(each) is int for each in value):
        raise _refuse(value, path, "a list of extents, such as [224, 224, 3]; '?' for an open one")
    return [None if each == "?" else each for each in value]


def _read_shapes(value: Any, path: Path) -> Any:
    if isinstance(value, Mapping):
        return {name: _read_shape(each, (*path, name)) for name, each in value.items()}
    return _read_shape(value, path)


def _read_layout(value: Any, path: Path) -> Any:
    if isinstance(value, Mapping):
        return {name: _read_text(each, (*path, name)) for name, each in value.items()}
    return _read_text(value, path)


def _read_names(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _refuse(value, path, "a list of names, such as ['gate', 'skip*']")
    return list(value)


_ON_UNKNOWN: Final = ("report", "error", "bound", "identity")


def _read_on_unknown(value: Any, path: Path) -> str:
    if value not in _ON_UNKNOWN:
        raise _refuse(value, path, f"one of {', '.join(map(repr, _ON_UNKNOWN))}")
    return str(value)


def _read_runtime(value: Any, path: Path) -> str:
    if value not in RUNTIMES:
        raise _refuse(value, path, f"one of {', '.join(map(repr, RUNTIMES))}")
    return str(value)


_TEXT: Final = {"type": "string"}
_INTEGERS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
_SHAPE: Final = {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"const": "?"}]}}

LOADING: Final[Mapping[str, Option]] = {
    "input_shape": Option(
        _read_shapes,
        'the shape of the input, or shapes by input name; "?" for an open extent',
        {"anyOf": [_SHAPE, {"type": "object", "additionalProperties": _SHAPE}]},
    ),
    "dims": Option(_read_integers, "extents of the input by letter, or by the file's own name", _INTEGERS),
    "parameters": Option(_read_integers, "values for the parameters of a native model", _INTEGERS),
    "input": Option(_read_text, "the input that fields refer to", _TEXT),
    "layout": Option(
        _read_layout,
        "what the axes of the input are, such as NCHW, or of inputs by name",
        {"anyOf": [_TEXT, {"type": "object", "additionalProperties": _TEXT}]},
    ),
    "on_unknown": Option(
        _read_on_unknown, "what to do with an op that no rule knows", {"enum": list(_ON_UNKNOWN)}
    ),
    "runtime": Option(
        _read_runtime, "the runtime that is followed where runtimes part", {"enum": list(RUNTIMES)}
    ),
    "cut": Option(
        _read_names,
        "layers, by name or glob, at which dependence ends",
        {"type": "array", "items": _TEXT},
    ),
}
"""How a model is read, as the options of the same names on the command line say."""
