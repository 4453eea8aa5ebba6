"""Older spellings of options: they keep working, are shown nowhere, and say what they are called now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rfcalc.records import NamedTuple


class Words(NamedTuple):
    """What an older spelling means: options in its place, and arguments behind all others."""

    options: Sequence[str]
    arguments: Sequence[str] = ()


class Older(NamedTuple):
    """An older spelling of an option that takes a value.

    Parameters
    ----------
    old, takes, new : str
        What it was called, what its value was, and what it is called now.
    words : callable, optional
        Turns its value into what is said now; by default it is the same option under another name.
    unless : tuple of str
        Options beside which the name is not the older spelling: it means something else today.
    """

    old: str
    takes: str
    new: str
    words: Callable[[str], Words] | None = None
    unless: tuple[str, ...] = ()

    def meant(self, value: str) -> Words:
        """Return what is said now."""
        return Words([self.new, value]) if self.words is None else self.words(value)


class Renewed(NamedTuple):
    """Arguments as they are spelled now, and the older spellings that stood among them."""

    arguments: list[str]
    found: tuple[Older, ...]


def argument(value: str) -> Words:
    """Return what was the value of an option as an argument."""
    return Words((), (value,))


def renewed(arguments: Sequence[str], older: Iterable[Older]) -> Renewed:
    """Put what is said now in the place of older spellings.

    Parameters
    ----------
    arguments : sequence of str
        What stands behind the name of the command.
    older : iterable of Older
        Its older spellings.

    Examples
    --------
    >>> renewed(["--layer", "up", "a.json"], [Older("--layer", "NAME", "LAYER", argument)]).arguments
    ['a.json', '--', 'up']
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    said, rest = arguments[:end], arguments[end:]
    known = {each.old: each for each in older if not any(_gives(word, each.unless) for word in said)}
    made: list[str] = []
    behind: list[str] = []
    found: list[Older] = []
    place = 0
    while place < len(said):
        name, equals, value = said[place].partition("=")
        spelled = known.get(name)
        follows = not equals and place + 1 < len(said)
        if follows:
            value = said[place + 1]
        if spelled is None or not (equals or follows) or (spelled.unless and value.startswith("-")):
            made.append(said[place])
            place += 1
            continue
        words = spelled.meant(value)
        made += words.options
        behind += words.arguments
        found.append(spelled)
        place += 2 if follows else 1
    tail = [*rest, *behind] if rest else (["--", *behind] if behind else [])
    return Renewed([*made, *tail], tuple(found))


def _gives(word: str, options: Iterable[str]) -> bool:
    """Tell whether a word of a command line gives one of some options: as ``--name``, or a letter."""
    return any(
        word.partition("=")[0] == option if option.startswith("--") else word.startswith(option)
        for option in options
    )
