"""What is varied, as it is given: on the command line in words, to the library as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from rfcalc.arguments import integers, plain, span
from rfcalc.designs import VARIANT
from rfcalc.errors import UsageError

if TYPE_CHECKING:
    from rfcalc.questions.sweep.space import Axis, Space, Value

MOST_VALUES: Final = 1_000_000
"""Values of one axis."""

Values: TypeAlias = "Iterable[int | bool | str] | int | bool | str"

_SWITCHES: Final[Mapping[str, bool]] = {"true": True, "false": False}


def over_of(texts: Sequence[str], option: str = "--over") -> dict[str, list[Value]]:
    """Read ``NAME=FIRST:LAST:STEP`` or ``NAME=A,B,...``, once for each name.

    >>> over_of(["width=16:64:16", "kernel=3,5", "pool=true,false", "variant=plain,pool:2:2"])
    {'width': [16, 32, 48, 64], 'kernel': [3, 5], 'pool': [True, False], 'variant': ['plain', 'pool:2:2']}
    """
    found: dict[str, list[Value]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name or not values.strip():
            raise UsageError(f"{option} {text!r} is not of the form NAME=FIRST:LAST:STEP or NAME=A,B,...")
        if name in found:
            raise UsageError(f"{option} is given twice for {name!r}; give all of its values at once")
        found[name] = _values(name, values, option)
    return found


def _values(name: str, text: str, option: str) -> list[Value]:
    parts = [part.strip() for part in text.split(",")]
    if name == VARIANT and not all(part.isdecimal() for part in parts):
        return [*parts]
    found: list[Value] = []
    for part in parts:
        switch = _SWITCHES.get(part.lower())
        if switch is not None:
            found.append(switch)
            continue
        numbers = span(part, f"{option} {name}")
        count = (numbers[-1] - numbers[0]) // numbers.step + 1  # which may be beyond what len holds
        if count > MOST_VALUES:
            raise UsageError(f"{option}: {name!r} takes {count:,} values; at most {MOST_VALUES:,} are read")
        found += numbers
    return found


def dims_of(texts: Sequence[str]) -> tuple[dict[str, int], dict[str, list[Value]]]:
    """Read ``--dim``: extents that all designs share, and those that are varied.

    >>> dims_of(["W=64", "H=128:192:32"])
    ({'W': 64}, {'H': [128, 160, 192]})
    """
    varied = [text for text in texts if ":" in text.rpartition("=")[2] or "," in text.rpartition("=")[2]]
    fixed = integers([text for text in texts if text not in varied], "--dim")
    spans = over_of(varied, "--dim")
    twice = next((name for name in spans if name in fixed), None)
    if twice is not None:
        raise UsageError(f"--dim is given twice for {twice!r}")
    return fixed, spans


def space_of(
    over: Mapping[str, Values] | None = None, dims: Mapping[str, Values] | None = None
) -> tuple[Space, dict[str, int]]:
    """Return the space of designs, and the extents that all of them share.

    Parameters
    ----------
    over : mapping, optional
        The values of each parameter of the model, and of ``variant`` the names of counterfactuals.
    dims : mapping, optional
        Extents by letter or name: one number that all designs share, or several.

    Raises
    ------
    UsageError
        Nothing is varied, or over nothing, or over a value twice, or over what is no number.

    Examples
    --------
    >>> space, fixed = space_of({"width": range(8, 33, 8)}, {"H": [32, 64], "W": 32})
    >>> space.lengths, fixed
    ((4, 2), {'W': 32})
    """
    try:
        from rfcalc.questions.sweep.space import Space
    except ImportError:
        raise UsageError("a sweep needs numpy: pip install 'rfcalc[sweep]'") from None

    axes = [_axis(name, values, parameter=True) for name, values in (over or {}).items()]
    fixed: dict[str, int] = {}
    for name, values in plain(dims or {}).items():
        if type(values) is int:
            fixed[name] = values
        else:
            axes.append(_axis(name, values, parameter=False))
    if not axes:
        raise UsageError("nothing is varied; say what, as with --over width=16:256:16 or --dim H=128:512:32")
    return Space(tuple(axes)), fixed


def check_set(space: Space, parameters: Mapping[str, object] | None) -> None:
    """Refuse parameters that are set to one value and varied at once.

    Raises
    ------
    UsageError
        There is one.
    """
    varied = {axis.name for axis in space.axes if axis.kind == "parameter"}
    twice = next((name for name in parameters or {} if name in varied), None)
    if twice is not None:
        raise UsageError(f"{twice!r} is varied, and set to one value at once; leave one of the two out")


def _axis(name: str, given: Values, *, parameter: bool) -> Axis:
    from rfcalc.questions.sweep.space import Axis

    listed: Iterable[Value] = [given] if isinstance(given, (int, str)) else given
    values = tuple(plain(value) for value in listed)
    texts = [value for value in values if isinstance(value, str)]
    if name == VARIANT and parameter and len(texts) == len(values):
        from rfcalc.counterfactuals.variants import counterfactual

        for each in texts:
            counterfactual(each)
        return Axis(name, "variant", values)
    if len({type(value) for value in values}) > 1:
        raise UsageError(f"{name!r} is to be varied over switches and numbers at once; give one or the other")
    for value in values:
        if not isinstance(value, int) or (isinstance(value, bool) and not parameter):
            raise UsageError(f"{name!r} is to be varied over {value!r}, which is no whole number")
    return Axis(name, "parameter" if parameter else "dim", values)
