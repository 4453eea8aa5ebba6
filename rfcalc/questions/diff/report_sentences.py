"""What a difference comes to, in sentences made from its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rfcalc.questions.diff.report_words import shapes_text, signed
from rfcalc.questions.diff.result import DiffResult, Entry, Spread
from rfcalc.render import humanise
from rfcalc.render.escape import shorten
from rfcalc.render.humanise import sentence
from rfcalc.wording import few

_LONGEST_NAME: Final = 40
_MOST_CAUSES: Final = 12
"""Changes that are still worth to be named."""


def quoted(name: str) -> str:
    """Quote a name, cut where it is long."""
    return repr(shorten(name, _LONGEST_NAME))


def sentences(diff: DiffResult) -> tuple[str, ...]:
    """Return what a difference comes to; the first sentence says how much has changed."""
    return (_headline(diff), *map(_spread, diff.spread), *_across(diff), *_renamed(diff), *_notes(diff))


def _headline(diff: DiffResult) -> str:
    if not diff.changed:
        word = "compared" if diff.comparable else "matched"
        return f"no change in {_known(diff)} ({sentence(len(diff.entries), 'layer')} {word})"
    found = [
        (len(entries), word)
        for entries, word in ((diff.edited, "changed"), (diff.added, "added"), (diff.removed, "removed"))
        if entries
    ]
    (count, word), *others = found
    texts = [f"{sentence(count, 'layer')} {word}", *(f"{number:,} {other}" for number, other in others)]
    affected = [f"{len(diff.affected):,} affected downstream"] if diff.affected else []
    same = f"{len(diff.of('same')):,} as before"
    return f"{', '.join(texts)}; {', '.join([*affected, same])}"


def _known(diff: DiffResult) -> str:
    """Name the figures that both models have."""
    unclear = {figure for entry in diff.entries for figure in entry.unclear}
    names = {
        "output_shape": "shape",
        "receptive_field": "field",
        "effective_stride": "stride",
        "params": "kernels" if diff.merged else "parameters",
        "macs": "MACs",
    }
    *most, last = [name for figure, name in names.items() if figure not in unclear] or ["anything known"]
    return f"{', '.join(most)} and {last}" if most else last


# ---- downstream --------------------------------------------------------------------------------------------


def _spread(each: Spread) -> str:
    many = len(each.causes) > _MOST_CAUSES
    causes = f"{len(each.causes):,} changes" if many else few([quoted(name) for name in each.causes])
    where = f" downstream of {causes}" if causes else ""
    alone = each.layers == 1
    layers = quoted(each.most) if alone else sentence(each.layers, "layer")
    at = "" if alone else f" at {quoted(each.most)}"
    return _PHRASES[each.figure](each, f"{layers}{where}", at)


_FIELDS: Final = {
    "receptive_field": "the field",
    "local_receptive_field": "the field, gates cut,",
    "receptive_field_min": "the smallest field",
}


def _field(each: Spread, layers: str, at: str) -> str:
    what = _FIELDS[each.figure]
    ends = _ends(_sizes(each.old, "global"), _sizes(each.new, "global"))
    if each.direction in ("global", "finite"):
        verb = "becomes global" if each.direction == "global" else "is no longer global"
        return f"{what} of {layers} {verb}{_such(at)} ({ends})"
    moved = _difference(each.old, each.new)
    if each.direction == "changes" or not moved:
        return f"{what} of {layers} is different{_such(at)} ({ends})"
    verb = "grows" if each.direction == "grows" else "shrinks"
    most = f", at most by {moved}{at}" if at else f" by {moved}"
    return f"{what} of {layers} {verb}{most} ({ends})"


def _sizes(sizes: Any, missing: str) -> str:
    """Write sizes; where there is none on any axis, one word."""
    if sizes is None:
        return "?"
    return missing if all(size is None for size in sizes) else humanise.extents(sizes, missing)


def _such(at: str) -> str:
    return at.replace(" at ", ", as at ") if at else ""


def _difference(old: Any, new: Any) -> str:
    if old is None or new is None or len(old) != len(new):
        return ""
    return humanise.extents(
        [None if None in (a, b) else abs(b - a) for a, b in zip(old, new, strict=True)], "-"
    )


def _ends(old: str, new: str) -> str:
    return f"{old} to {new}"


def _stride(each: Spread, layers: str, at: str) -> str:
    ends = _ends(_sizes(each.old, "none"), _sizes(each.new, "none"))
    return f"the effective stride of {layers} {_moves(each)}{_most(at)} ({ends})"


def _moves(each: Spread) -> str:
    """Say in which direction a figure goes; "changes" would stand right behind "downstream of 3 changes"."""
    return "is different" if each.direction == "changes" else each.direction


def _most(at: str) -> str:
    return f", most{at}" if at else ""


def _map(each: Spread, layers: str, at: str) -> str:
    ends = _ends(humanise.extents(each.old or ()), humanise.extents(each.new or ()))
    return f"the map of {layers} {_moves(each)}{_most(at)} ({ends})"


def _width(each: Spread, layers: str, at: str) -> str:
    verb = {"grows": "gets larger", "shrinks": "gets smaller"}.get(each.direction, "is different")
    ends = _ends(*shapes_text((each.old, each.new)))
    return f"the output of {layers} {verb}{_such(at)} ({ends})"


def _center(each: Spread, layers: str, at: str) -> str:
    ends = _ends(
        *(
            ", ".join(f"{size:g}" if size is not None else "-" for size in value or ())
            for value in (each.old, each.new)
        )
    )
    return f"the field of {layers} keeps its size and moves{_most(at)} (centre of the first output {ends})"


def _amount(each: Spread, layers: str, at: str) -> str:
    figure, noun = (each.figure, "parameters") if each.figure == "params" else ("macs", "MACs")
    write = humanise.number if figure == "params" else humanise.short
    more = "more" if each.direction == "grows" else "fewer"
    count = signed(abs(each.new - each.old), figure).lstrip("+")
    verb, together = ("takes", "") if each.layers == 1 else ("take", " in all")
    ends = _ends(write(each.old), write(each.new))
    return f"{layers} {verb} {count} {more} {noun}{together} ({ends}){_most(at)}"


def _status(each: Spread, layers: str, at: str) -> str:
    if each.direction in ("exact", "bound"):
        which = "new" if each.direction == "bound" else "old"
        one = each.layers == 1
        return (
            f"the field of {layers} is an upper bound only in the {which} model{_such(at)}, "
            f"so {'it is' if one else 'these are'} not compared (rfcalc analyze says why)"
        )
    return f"the status of {layers} is another{_such(at)} ({_ends(str(each.old), str(each.new))})"


_PHRASES: Final = {
    "receptive_field": _field,
    "local_receptive_field": _field,
    "receptive_field_min": _field,
    "effective_stride": _stride,
    "spatial": _map,
    "channels": _width,
    "center": _center,
    "params": _amount,
    "macs": _amount,
    "status": _status,
}


# ---- across formats, names, doubts -------------------------------------------------------------------------

_MOST_KINDS: Final = 6


def _across(diff: DiffResult) -> Iterator[str]:
    if not diff.comparable:
        return
    if diff.merged:
        delta = f" (together {signed(diff.merged_params, 'params')} parameters)" if diff.merged_params else ""
        yield (
            f"{sentence(diff.merged, 'layer')} with the same kernels "
            f"{'differs' if diff.merged == 1 else 'differ'} in biases and normalisation, which exporters "
            f"merge or leave out{delta}"
        )
    for each in diff.respelled[:_MOST_KINDS]:
        before, after = (few([quoted(name) for name in names]) for names in each)
        yield (
            f"{before} in the old model and {after} in the new are taken for the same, "
            "as their parameters and MACs are, or where they have none their map and field"
        )
    if len(diff.respelled) > _MOST_KINDS:
        yield f"so are {len(diff.respelled) - _MOST_KINDS:,} more groups of layers"
    left = [each for each in diff.uncompared if each.old != each.new]
    if left:
        kinds = few([f"{each.kind} {each.old:,} and {each.new:,}" for each in left], _MOST_KINDS)
        yield (
            "not compared one by one, as each format cuts them in its own way, but by what comes of them "
            f"({kinds} in old and new)"
        )


def _renamed(diff: DiffResult) -> Iterator[str]:
    renamed = diff.renamed
    if renamed:
        pairs = [_pair(entry) for entry in renamed]
        yield f"{sentence(len(renamed), 'layer')} renamed ({few(pairs, 2)})"


def _pair(entry: Entry) -> str:
    assert entry.old is not None
    return f"{quoted(entry.old.row.name)} is now {quoted(entry.name)}"


def _notes(diff: DiffResult) -> Sequence[str]:
    return [note.message for note in diff.notes]
