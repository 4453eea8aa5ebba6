"""From text to a document: JSON, YAML and TOML, each with bounds on what an untrusted text may cost."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from rfcalc.errors import ReadError
from rfcalc.readers.spelled import got

MOST_JSON: Final = 64 << 20
"""Bytes of a JSON file; the largest known architectures have a fifth of it."""

MOST_OTHER: Final = 1 << 20
"""Bytes of a YAML or TOML file, which is written by hand and slow to parse."""

MOST_NESTED: Final = 1_000_000
MOST_VALUES: Final = 4_000_000
DEEPEST: Final = 200

UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

_TOO_DEEP: Final = "is nested too deeply to be a model"


def decode(data: bytes) -> str:
    """Turn bytes into text: UTF-8, or UTF-16 with its mark.

    Raises
    ------
    ReadError
        The bytes are not text.
    """
    wide = data.startswith(UTF16_MARKS)
    if not wide and b"\0" in data[:4]:
        raise ReadError("is not UTF-8 text; save it as UTF-8")
    try:
        return data.decode("utf-16") if wide else data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        what = "UTF-16" if wide else "UTF-8"
        raise ReadError(f"is not valid {what}: {error.reason}", where=f"byte {error.start}") from None


def parse_json(text: str) -> Any:
    """Parse JSON; in the native format, no key twice and no NaN.

    Raises
    ------
    ReadError
        Not JSON, with line and column; nested too deeply; too many values.
    """
    if text.count("{") + text.count("[") > MOST_NESTED or text.count(",") > MOST_VALUES:
        raise ReadError("holds too many values to be a model")
    try:
        # what Keras writes may hold NaN and Infinity, and is machine-made
        if '"rfcalc' in text:
            return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        if error.pos >= len(text.rstrip()):
            raise ReadError("the JSON ends too early; is the file cut off?", where=where) from None
        raise ReadError(f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}", where=where) from None
    except RecursionError:
        raise ReadError(_TOO_DEEP) from None
    except ValueError:
        raise ReadError("holds a number of thousands of digits") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ReadError(f"the key {got(twice)} stands twice in one object")
    return table


def _no_constant(name: str) -> Any:
    raise ReadError(f"{name} is no number of JSON")


def parse_yaml(text: str) -> Any:
    """Parse YAML to what JSON could hold as well.

    Raises
    ------
    ReadError
        PyYAML is absent; not YAML, with line and column; a key twice; aliases that make it huge.
    """
    try:
        import yaml
    except ImportError:
        raise ReadError("reading YAML needs the PyYAML package: pip install 'rfcalc[yaml]'") from None

    class Loader(yaml.SafeLoader):
        """The safe loader, where a key may stand only once."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((key for key in keys if len(keys) > len(set(keys)) and keys.count(key) > 1), None)
            if twice is not None:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {got(twice)} stands twice", node.start_mark
                )
            return super().construct_mapping(node, deep)

    try:
        return _plain(yaml.load(text, Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else None
        raise ReadError(f"not valid YAML: {error.problem}", where=where) from None
    except yaml.YAMLError as error:
        raise ReadError(f"not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ReadError(_TOO_DEEP) from None
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        # PyYAML lets errors of the constructors through, such as a date with a 13th month
        raise ReadError(f"not valid YAML: {str(error)[:200]}") from None


def parse_toml(text: str) -> Any:
    """Parse TOML to what JSON could hold as well.

    Raises
    ------
    ReadError
        Not TOML, with line and column.
    """
    return _plain(toml_document(text))


def toml_document(text: str) -> dict[str, Any]:
    """Parse TOML as it is, dates and all.

    Raises
    ------
    ReadError
        Not TOML, with line and column.
    """
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = tomllib.loads(text)
        return document
    except tomllib.TOMLDecodeError as error:
        raise ReadError(f"not valid TOML: {str(error)[:200]}") from None
    except RecursionError:
        raise ReadError(_TOO_DEEP) from None
    except ValueError:
        raise ReadError("holds a number of thousands of digits") from None


def _plain(document: Any) -> Any:
    """Refuse what JSON does not know (dates, sets), and a document that aliases make huge or endless."""
    sizes: dict[int, int] = {}

    def size(value: Any, depth: int) -> int:
        if depth > DEEPEST:
            raise ReadError(_TOO_DEEP)  # also the end of a list that holds itself
        if value is None or isinstance(value, (str, int, float)):
            return 1
        if id(value) not in sizes:
            if isinstance(value, dict):
                parts: Any = [*value, *value.values()]
            elif isinstance(value, list):
                parts = value
            else:
                raise ReadError(f"holds a {type(value).__name__}, which no part of a model is")
            sizes[id(value)] = 1 + sum(size(part, depth + 1) for part in parts)
        return sizes[id(value)]

    if size(document, 0) > MOST_OTHER:
        raise ReadError("its aliases make it too large to be a model")
    return document


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "JSON": parse_json,
    "YAML": parse_yaml,
    "TOML": parse_toml,
}
"""The parser of each syntax."""
