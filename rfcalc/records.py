"""Named tuples in a third of the time: a command makes a hundred classes of them before it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple

    class _Record(type):
        """Makes what `typing.NamedTuple` makes, but leaves annotations the texts that they are.

        That one compiles the annotation of each field, which takes longer than all else together.
        """

        def __new__(cls, name, bases, space):
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = space.pop("__annotations__", {})
            defaults = [space.pop(field) for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space.pop("__module__"))
            made.__annotations__ = made.__new__.__annotations__ = fields
            for key, value in space.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Record):
        """`typing.NamedTuple`, for modules whose annotations are texts."""
