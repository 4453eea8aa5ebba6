"""Named tuples of `rfcalc.records` are those of `typing`, which tells what they have to do."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from rfcalc import records


class _Ours(records.NamedTuple):
    """A size."""

    width: int
    height: int | None = None
    names: tuple[str, ...] = ()

    @property
    def area(self) -> int:
        return self.width * (self.height or self.width)

    @classmethod
    def square(cls, width: int) -> _Ours:
        return cls(width, width)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class _Theirs(typing.NamedTuple):
    """A size."""

    width: int
    height: int | None = None
    names: tuple[str, ...] = ()

    @property
    def area(self) -> int:
        return self.width * (self.height or self.width)

    @classmethod
    def square(cls, width: int) -> _Theirs:
        return cls(width, width)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


ASKED: dict[str, Any] = {
    "fields": lambda made: made._fields,
    "defaults": lambda made: made._field_defaults,
    "match": lambda made: made.__match_args__,
    "doc": lambda made: made.__doc__,
    "module": lambda made: made.__module__,
    "bases": lambda made: made.__bases__,
    "types": lambda made: {**typing.get_type_hints(made)},
    "new": lambda made: made(3, height=4),
    "repr": lambda made: repr(made(3)).partition("(")[2],
    "str": lambda made: str(made(3)),
    "replaced": lambda made: made(3)._replace(names=("a",)),
    "as a mapping": lambda made: made(3)._asdict(),
    "made": lambda made: made._make((1, 2, ())),
    "property": lambda made: made(3).area,
    "class method": lambda made: made.square(2),
    "hash": lambda made: hash(made(3)),
    "pickled": lambda made: pickle.loads(pickle.dumps(made(3))),
    "copied": lambda made: copy.deepcopy(made(3)),
    "own attributes": lambda made: hasattr(made(3), "__dict__"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))
def test_a_record_is_a_named_tuple(ask: Any) -> None:
    assert ask(_Ours) == ask(_Theirs)


@pytest.mark.parametrize(
    "call", [lambda made: made(), lambda made: made(1, 2, (), 4), lambda made: made(depth=1)]
)
def test_what_a_named_tuple_does_not_take_is_refused(call: Any) -> None:
    for made in (_Ours, _Theirs):
        with pytest.raises(TypeError):
            call(made)
