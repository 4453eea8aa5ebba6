"""Second half of reading the native format: blocks, repeats and shared layers become layers and edges.

How many layers that makes is counted first, without making any: a few lines can ask for billions.

Entries are expanded in the document's order; which layer an input means is settled only when all are there,
since the document may name a layer before it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.graph.graph import Block
from rfcalc.graph.layer import Edge, Layer
from rfcalc.readers.native_nodes import (
    DEEPEST,
    GIVEN,
    MOST_LAYERS,
    AgainNode,
    BlockDefinition,
    Body,
    Frame,
    GroupNode,
    LayerNode,
    Node,
    Reference,
    UseNode,
)
from rfcalc.readers.spelled import closest
from rfcalc.readers.values import INDEX, resolve
from rfcalc.wording import quoted

Names = Mapping[str, Num]
"""The values that expressions see."""

Path = tuple[str, ...]


class Entry:
    """What a name stands for: a layer, or a container of entries whose outputs are theirs.

    Parameters
    ----------
    path : tuple of str
        Its name behind those of the containers around it.
    node : Node, optional
        What it was made from; None for an input of the model.
    names : mapping
        The values that expressions see where it stands.
    is_layer : bool
        A layer, or an input of the model.
    is_chain : bool
        All copies of a repeat together.
    """

    __slots__ = ("inner", "is_chain", "is_layer", "names", "node", "outputs", "path")

    def __init__(
        self, path: Path, node: Node | None, names: Names, *, is_layer: bool = False, is_chain: bool = False
    ) -> None:
        self.path = path
        self.node = node
        self.names = names
        self.is_layer = is_layer
        self.is_chain = is_chain
        self.outputs: Sequence[Source] = ()  # of a container; a layer's are its own
        self.inner: Mapping[str, Entry] = {}

    @property
    def name(self) -> str:
        """Path with slashes."""
        return "/".join(self.path)

    def leaving(self) -> Sequence[Source]:
        """Return what the next entry takes by default: the tensors that leave this one."""
        return [(self, 0)] if self.is_layer else self.outputs


class Scope:
    """Where names are looked up: the model, one use of a block, or one copy of a repeat.

    Parameters
    ----------
    path : tuple of str
        Names of the containers around.
    names : mapping
        Values for expressions.
    parent : Scope, optional
        Where else to look; a block sees only its own layers.
    given : sequence of Source, optional
        What ``input`` stands for.
    trainable : bool
        False inside a frozen container.
    twin : (path, path), optional
        Inside a shared container: its own path, and that of the container whose weights it has.
    """

    __slots__ = ("entries", "given", "names", "parent", "path", "trainable", "twin")

    def __init__(
        self,
        path: Path,
        names: Names,
        *,
        parent: Scope | None = None,
        given: Sequence[Source] | None = None,
        trainable: bool = True,
        twin: tuple[Path, Path] | None = None,
    ) -> None:
        self.path = path
        self.names = names
        self.parent = parent
        self.given = given
        self.trainable = trainable
        self.twin = twin
        self.entries: dict[str, Entry] = {}


class Link:
    """A name in the document, to be looked up from where it stands."""

    __slots__ = ("reference", "scope")

    def __init__(self, reference: Reference, scope: Scope) -> None:
        self.reference = reference
        self.scope = scope


Source = Link | tuple[Entry, int]
"""A tensor: by name, or as an output of an entry."""


class _Pending:
    """A layer whose inputs are not settled yet; `owner` is the layer whose weights it has."""

    __slots__ = ("attrs", "frame", "kind", "op", "owner", "path", "recorded", "sources", "trainable")

    def __init__(self, path: Path, frame: Frame, sources: Sequence[Source], *, trainable: bool) -> None:
        self.path = path
        self.frame = frame
        self.sources = sources
        self.trainable = trainable
        self.kind = self.op = ""
        self.attrs: Mapping[str, Any] = {}
        self.recorded: tuple[tuple[Num, ...] | None, ...] = ()
        self.owner: str | tuple[AgainNode, Scope] | None = None


class Expander:
    """Makes the layers of a model.

    Parameters
    ----------
    blocks : mapping of str to BlockDefinition
        The model's blocks.
    parameters : mapping of str to Num
        The values of its parameters.
    inputs : sequence of str
        The names of its inputs, the first of which the first layer takes by default.
    """

    def __init__(
        self, blocks: Mapping[str, BlockDefinition], parameters: Names, inputs: Sequence[str]
    ) -> None:
        self.blocks = blocks
        self.parameters = parameters
        self.root = Scope((), parameters)
        for name in inputs:
            self.root.entries[name] = Entry((name,), None, parameters, is_layer=True)
        self._first = (self.root.entries[inputs[0]], 0)
        self._pending: dict[str, _Pending] = {}
        self._containers: list[tuple[Entry, str, Sequence[Source]]] = []
        # what entries without copies take, which would otherwise not be looked up
        self._passed: list[Source] = []
        self._edges: dict[tuple[int, int], Edge] = {}
        self._uses = 0
        self._sizes: dict[tuple[Any, ...], int] = {}

    # ---- size ----------------------------------------------------------------------------------------------

    def _refuse_too_many(self, body: Body) -> None:
        """Count the layers that a body makes; an empty copy counts as one.

        Raises
        ------
        ReadError
            There are more than `MOST_LAYERS`.
        """
        total = 0
        for node in body.nodes:
            total += self._size(node, self.parameters)
            if total > MOST_LAYERS:
                raise _too_many(node.frame.where)

    def _size(self, node: Node, names: Names) -> int:
        """Count the layers of an entry with all its copies, no further than is too many."""
        count: int = 1 if node.frame.repeat is None else resolve(node.frame.repeat, names)
        if isinstance(node, (LayerNode, AgainNode)) or count == 0 or count > MOST_LAYERS:
            return count
        if node.frame.repeat is None:
            return self._size_of_copy(node, names)
        if not node.indexed:
            return count * self._size_of_copy(node, {**names, INDEX: 0})
        return _limited(self._size_of_copy(node, {**names, INDEX: number}) for number in range(count))

    def _size_of_copy(self, node: UseNode | GroupNode, names: Names) -> int:
        """Count the layers of one copy; that of a block is the same for the same arguments."""
        if isinstance(node, GroupNode):
            return self._size_of_body(node.body, names)
        block = self.blocks[node.block]
        inner = self._inner_names(node, names)
        key = (node.block, *(inner[name] for name in block.arguments))
        if any(type(value) is not int for value in key[1:]):
            return self._size_of_body(block.body, inner)  # a formula or an array may not be hashable
        if key not in self._sizes:
            self._sizes[key] = self._size_of_body(block.body, inner)
        return self._sizes[key]

    def _size_of_body(self, body: Body, names: Names) -> int:
        return max(_limited(self._size(node, names) for node in body.nodes), 1)

    def _inner_names(self, node: UseNode, names: Names) -> dict[str, Num]:
        """Return the values that expressions see inside a use of a block: parameters, then arguments."""
        inner = dict(self.parameters)
        for name, default in self.blocks[node.block].arguments.items():
            given = name in node.arguments
            inner[name] = resolve(node.arguments[name], names) if given else resolve(default, inner)
        return inner

    # ---- expansion -----------------------------------------------------------------------------------------

    def expand(self, body: Body) -> tuple[list[Layer], list[Block]]:
        """Make all layers of the model and its blocks, once it is known that they are not too many.

        Raises
        ------
        ReadError
            More than `MOST_LAYERS` layers, a name that nothing has, a setting whose value is out of range.
        """
        self._refuse_too_many(body)
        self._run(body, self.root, [self._first])
        for source in self._passed:
            self.edge(source)
        layers = [self._layer(pending) for pending in self._pending.values()]
        blocks = [
            Block(entry.path, op, tuple(map(self.edge, entry.outputs)), inputs=tuple(map(self.edge, sources)))
            for entry, op, sources in self._containers
        ]
        return layers, blocks

    def outputs(self, references: Iterable[Reference]) -> list[Edge]:
        """Look up tensors from the model's own level."""
        return [self.edge(Link(reference, self.root)) for reference in references]

    def _run(self, body: Body, scope: Scope, given: Sequence[Source]) -> Sequence[Source]:
        """Expand the entries of a body in a chain; return what leaves it."""
        last: Sequence[Source] = given
        for node in body.nodes:
            frame = node.frame
            sources = [Link(name, scope) for name in frame.inputs] if frame.inputs is not None else [last[0]]
            entry = self._place(node, scope, sources)
            scope.entries[frame.name] = entry
            last = entry.leaving()
        if body.outputs is None:
            return last
        return [Link(name, scope) for name in body.outputs]

    def _place(self, node: Node, scope: Scope, sources: Sequence[Source]) -> Entry:
        """Expand an entry as often as it says."""
        path = (*scope.path, node.frame.name)
        if node.frame.repeat is None:
            return self._once(node, path, scope, sources, scope.names)
        count: int = resolve(node.frame.repeat, scope.names)
        whole = Entry(path, node, scope.names, is_chain=True)
        copies: dict[str, Entry] = {}
        flow = list(sources)
        for number in range(count):
            names = {**scope.names, INDEX: number}
            copy = self._once(node, (*path, str(number)), scope, flow, names)
            copies[str(number)] = copy
            # what leaves a copy goes into the next; further inputs, such as an encoder's map, stay
            out = copy.leaving()
            flow = [*out, *flow[len(out) :]]
        whole.inner = copies
        whole.outputs = copies[str(count - 1)].leaving() if count else sources
        if count:
            self._containers.append((whole, "repeat", sources))
        else:
            self._passed.extend(sources)
        return whole

    def _once(self, node: Node, path: Path, scope: Scope, sources: Sequence[Source], names: Names) -> Entry:
        if isinstance(node, LayerNode):
            pending = self._emit(node, path, scope, sources)
            pending.kind, pending.op = node.kind, node.op
            pending.attrs = node.settings
            if not node.settled:
                pending.attrs = {key: resolve(value, names) for key, value in node.settings.items()}
            if node.recorded is not None:
                pending.recorded = (resolve(node.recorded, names),)
            return Entry(path, node, names, is_layer=True)
        if isinstance(node, AgainNode):
            return self._again(node, path, scope, sources, names)
        return self._container(node, path, scope, sources, names)

    def _emit(self, node: Node, path: Path, scope: Scope, sources: Sequence[Source]) -> _Pending:
        if len(self._pending) >= MOST_LAYERS:
            raise _too_many(node.frame.where)
        pending = _Pending(path, node.frame, sources, trainable=scope.trainable and node.frame.trainable)
        if scope.twin is not None:
            mine, other = scope.twin
            pending.owner = "/".join((*other, *path[len(mine) :]))
        self._pending["/".join(path)] = pending
        return pending

    def _container(
        self,
        node: UseNode | GroupNode,
        path: Path,
        scope: Scope,
        sources: Sequence[Source],
        names: Names,
        twin: tuple[Path, Path] | None = None,
    ) -> Entry:
        """Expand one use of a block, or one copy of a repeat."""
        # blocks that hold shared blocks grow without any layer that would count
        self._uses += 1
        if self._uses > MOST_LAYERS:
            raise _too_many(node.frame.where)
        if len(path) > 2 * DEEPEST:  # a name and a number each
            raise ReadError(f"is nested more than {DEEPEST} deep", where=node.frame.where)
        trainable = scope.trainable and node.frame.trainable
        entry = Entry(path, node, names)
        if isinstance(node, UseNode):
            body, op = self.blocks[node.block].body, "block"
            names = self._inner_names(node, names)
            parent = None
        else:
            body, op, parent = node.body, "repeat", scope
        inner = Scope(path, names, parent=parent, given=sources, trainable=trainable, twin=twin or scope.twin)
        entry.outputs = self._run(body, inner, sources)
        entry.inner = inner.entries
        self._containers.append((entry, op, sources))
        return entry

    def _again(
        self, node: AgainNode, path: Path, scope: Scope, sources: Sequence[Source], names: Names
    ) -> Entry:
        """Expand another call of a layer, which may stand further on, or of a container before."""
        target = self._find(node.target, scope, missing_is_none=True)
        if isinstance(target, Entry) and isinstance(target.node, (UseNode, GroupNode)):
            if node.kind is not None:
                raise ReadError(f"{node.target} is no layer but a block", where=node.target.where)
            return self._twin(node, target, path, scope, sources)
        pending = self._emit(node, path, scope, sources)
        pending.owner = (node, scope)
        return Entry(path, node, names, is_layer=True)

    def _twin(
        self, node: AgainNode, target: Entry, path: Path, scope: Scope, sources: Sequence[Source]
    ) -> Entry:
        """Expand a container once more, layer by layer with the weights of the first."""
        first = target.node
        assert isinstance(first, (UseNode, GroupNode))
        if node.block is not None and not (isinstance(first, UseNode) and first.block == node.block):
            raise ReadError(f"{node.target} is no use of the block {node.block!r}", where=node.target.where)
        if target.is_chain:
            raise ReadError(
                f"{node.target} is a chain of copies; share one of them, such as {_inside(node.target, '0')}",
                where=node.target.where,
            )
        return self._container(first, path, scope, sources, target.names, twin=(path, target.path))

    # ---- names ---------------------------------------------------------------------------------------------

    def _find(
        self, reference: Reference, scope: Scope, *, missing_is_none: bool = False
    ) -> Entry | Source | None:
        """Look a path up: in its own scope, then in those around it, as far as a block reaches."""
        first, *rest = reference.path
        place: Scope | None = scope
        found: Entry | None = None
        while place is not None:
            if first == GIVEN and not rest and place.given is not None:
                return _given(reference, place.given)
            found = place.entries.get(first)
            if found is not None:
                break
            place = place.parent
        known: Iterable[str] = () if found else _visible(scope)
        for part in rest:
            if found is None:
                break
            known = found.inner
            found = found.inner.get(part)
        if found is None and not missing_is_none:
            wanted = reference.path[-1] if rest and known else "/".join(reference.path)
            raise ReadError(
                f"no layer is called {reference} here{closest(wanted, known)}",
                where=reference.where,
            )
        return found

    def edge(self, source: Source) -> Edge:
        """Follow a source through blocks and names to the layer that makes the tensor."""
        trail: dict[tuple[int, int], None] = {}
        where: str | None = None
        while True:
            if isinstance(source, Link):
                where = source.reference.where
                found = self._find(source.reference, source.scope)
                assert found is not None
                source = (found, source.reference.output) if isinstance(found, Entry) else found
                continue
            entry, output = source
            key = (id(entry), output)
            edge = (entry.name, output) if entry.is_layer else self._edges.get(key)
            if edge is not None:
                break
            if key in trail:
                raise ReadError(f"{entry.name!r} takes its own output", where=where)
            if output >= len(entry.outputs):
                count = len(entry.outputs)
                raise ReadError(
                    f"{entry.name!r} has no output {output}; its last is {count - 1}", where=where
                )
            trail[key] = None
            source = entry.outputs[output]
        self._edges.update(dict.fromkeys(trail, edge))
        return edge

    # ---- layers --------------------------------------------------------------------------------------------

    def _layer(self, pending: _Pending) -> Layer:
        inputs = tuple(map(self.edge, pending.sources))
        owner, first = self._owner(pending)
        return Layer(
            name="/".join(pending.path),
            kind=first.kind,
            op=first.op,
            inputs=inputs,
            attrs=first.attrs,
            owner=owner,
            block=pending.path[:-1],
            trainable=first.trainable,
            recorded=first.recorded,
        )

    def _owner(self, pending: _Pending) -> tuple[str | None, _Pending]:
        """Follow shared layers to the one that has the weights."""
        first, seen = pending, {id(pending)}
        while first.owner is not None:
            first = self._pending[first.owner] if isinstance(first.owner, str) else self._shared(*first.owner)
            if id(first) in seen:
                raise ReadError("shares a layer that shares this one", where=f"{pending.frame.where}.share")
            seen.add(id(first))
        return (None if first is pending else "/".join(first.path)), first

    def _shared(self, node: AgainNode, scope: Scope) -> _Pending:
        where = node.target.where
        found = self._find(node.target, scope)
        if not isinstance(found, Entry) or found.node is None:
            raise ReadError(f"{node.target} is no layer, but what comes in", where=where)
        if not found.is_layer:
            hint = f"share one of its layers, such as {_inside(node.target, next(iter(found.inner), '0'))}"
            if isinstance(found.node, UseNode) and found.node.frame.repeat is None:
                hint = "put the first use before this one"
            raise ReadError(f"{node.target} is no single layer; {hint}", where=where)
        first = self._pending[found.name]
        if node.block is not None:
            raise ReadError(f"{node.target} is no use of the block {node.block!r}", where=where)
        if node.kind is not None and first.kind and first.kind != node.kind:
            raise ReadError(f"{node.target} is of the kind {first.kind}, not {node.kind}", where=where)
        return first


def _too_many(where: str) -> ReadError:
    return ReadError(f"the model has more than {MOST_LAYERS:,} layers with all its copies", where=where)


def _limited(counts: Iterable[int]) -> int:
    """Add numbers of layers up, no further than is too many."""
    total = 0
    for count in counts:
        total += count
        if total > MOST_LAYERS:
            break
    return total


def _inside(reference: Reference, name: str) -> str:
    """Spell what stands under a name inside of a container, for a message."""
    return quoted("/".join((*reference.path, name)))


def _given(reference: Reference, given: Sequence[Source]) -> Source:
    if reference.output >= len(given):
        raise ReadError(
            f"there is no input {reference.output} here; the last that is given is {len(given) - 1}",
            where=reference.where,
        )
    return given[reference.output]


def _visible(scope: Scope) -> list[str]:
    """Names that can be used in a scope."""
    names: list[str] = []
    place: Scope | None = scope
    while place is not None:
        names.extend(place.entries)
        if place.given is not None:
            names.append(GIVEN)
        place = place.parent
    return names
