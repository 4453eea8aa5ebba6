"""From a function, or a model of one of the libraries of modules, to a program: on shapes alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.jaxpr.graph import read_program
from rfcalc.readers.jaxpr.program import BUFFER, PARAMETER, USER, Given, Tensor, program_of
from rfcalc.readers.options import Options
from rfcalc.records import NamedTuple


class Plan(NamedTuple):
    """What is traced.

    Parameters
    ----------
    name : str
        What the model is called.
    function : callable
        Takes the tree of what it holds, then its inputs.
    held : tree
        Arrays, or shapes, that the function is given first.
    roles : callable
        Says for the path of a leaf, and the leaf, whether it is a parameter.
    names : sequence of str
        What the inputs are called, as far as that is known.
    """

    name: str
    function: Callable[..., Any]
    held: Any
    roles: Callable[[tuple[str, ...], Any], str]
    names: Sequence[str] = ()


def read_function(
    function: Any,
    inputs: Sequence[Any],
    params: Any,
    arguments: Mapping[str, Any],
    *,
    options: Options,
) -> LayerGraph:
    """Trace a function on shapes, and read its jaxpr.

    Parameters
    ----------
    function : callable or model
        As `from_jax` takes it.
    inputs : sequence
        Shapes, arrays, or trees of these.
    params : tree, optional
        What the function is given first.
    arguments : mapping
        Further arguments by name, as they are.
    options : Options
        Layouts and what unknown operations are.
    """
    source = f"<{_name_of(function)}>"
    try:
        return _read(function, inputs, params, arguments, options, source)
    except RfcalcError as error:
        error.source = error.source or source
        raise


def _read(
    function: Any,
    inputs: Sequence[Any],
    params: Any,
    arguments: Mapping[str, Any],
    options: Options,
    source: str,
) -> LayerGraph:
    import jax

    if not inputs:
        raise UsageError("say what the function is called with: a shape such as (1, 224, 224, 3)")
    given = [_described(each) for each in inputs]
    plan = _plan(function, given, params, arguments)
    held, held_tree, held_inputs = _leaves(plan.held, plan.roles)
    user, user_tree, user_inputs = _leaves(given, lambda path, leaf: USER, _named(plan.names, len(given)))

    def traced(*arrays: Any) -> Any:
        left = iter(arrays)
        first = jax.tree_util.tree_unflatten(held_tree, _filled(held, left))
        rest = jax.tree_util.tree_unflatten(user_tree, _filled(user, left))
        return _arrays(plan.function(first, *rest, **arguments))

    tensors = [empty(leaf.shape, leaf.dtype) for leaf in (*held, *user) if _is_array(leaf)]
    try:
        closed = jax.make_jaxpr(traced)(*tensors)
    except RfcalcError:
        raise
    except (Exception, SystemExit) as error:  # whatever the function raises
        lines = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
        raise ReadError(f"jax.make_jaxpr cannot trace the function: {why}") from error
    program = program_of(closed, (*held_inputs, *user_inputs))
    return read_program(program, name=plan.name, source=source, options=options)


# ---- trees of arrays ---------------------------------------------------------------------------------------


def is_shape(value: Any) -> bool:
    """Tell whether something is the shape of a tensor.

    >>> is_shape((1, 224, 224, 3)), is_shape(((1, 3), (1, 4)))
    (True, False)
    """
    return type(value) in (tuple, list) and bool(value) and all(type(each) is int for each in value)


def _described(given: Any) -> Any:
    """Return a tree with abstract values in the place of shapes."""
    import jax
    import jax.numpy as jnp

    def described(each: Any) -> Any:
        if not is_shape(each):
            return each
        if min(each) < 1:
            raise UsageError(f"an extent must be positive, got {min(each)}")
        return empty(each, jnp.zeros((), float).dtype)

    return jax.tree_util.tree_map(described, given, is_leaf=is_shape)


def empty(shape: Sequence[int], dtype: Any) -> Any:
    """Return what stands for an array without elements."""
    import jax

    return jax.ShapeDtypeStruct(tuple(shape), dtype)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _leaves(
    tree: Any, roles: Callable[[tuple[str, ...], Any], str], names: Sequence[str] = ()
) -> tuple[list[Any], Any, list[Given]]:
    """Return the leaves of a tree, the tree, and inputs of a program for those that are arrays."""
    import jax

    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves, found = [], []
    first: dict[int, str] = {}
    for path, leaf in paths:
        leaves.append(leaf)
        if not _is_array(leaf):
            continue
        words = tuple(_word(key) for key in path)
        if names:
            words = (names[int(words[0])], *words[1:])
        spelled = "/".join(word for word in words if word)
        role = roles(words, leaf)
        meta = Tensor(tuple(leaf.shape), str(leaf.dtype))
        identity = first.setdefault(id(leaf), spelled) if not _is_abstract(leaf) else spelled
        found.append(Given(role, spelled, meta, identity))
    return leaves, structure, found


def _is_abstract(leaf: Any) -> bool:
    """Tell whether a leaf is a shape alone: equal ones may be one object, and are not one array."""
    return type(leaf).__name__ == "ShapeDtypeStruct"


def _word(key: Any) -> str:
    """Return what a key of a tree is called."""
    for name in ("key", "name", "idx"):
        if hasattr(key, name):
            return str(getattr(key, name))
    return str(key)


def _filled(leaves: Sequence[Any], traced: Iterator[Any]) -> list[Any]:
    """Return leaves with traced arrays in the place of arrays; what is none stays as it is."""
    return [next(traced) if _is_array(leaf) else leaf for leaf in leaves]


def _arrays(made: Any) -> list[Any]:
    """Return the arrays among what a function returns."""
    import jax

    return [leaf for leaf in jax.tree_util.tree_leaves(made) if _is_array(leaf)]


def _names_of(function: Any, skipped: int) -> list[str]:
    """Return what the inputs of a function are called, behind the first arguments that are none."""
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):
        return []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in plain]


def _named(names: Sequence[str], count: int) -> Sequence[str]:
    """Return a name for each input, whatever the function calls them."""
    if len(names) >= count:
        return names[:count]
    return ["x"] if count == 1 else [f"x{k}" for k in range(count)]


# ---- libraries of modules ----------------------------------------------------------------------------------


def _name_of(function: Any) -> str:
    if hasattr(function, "apply") and hasattr(function, "init") and isinstance(function, tuple):
        return "transformed"
    if hasattr(function, "__self__"):
        return type(function.__self__).__name__
    inner = getattr(function, "func", function)
    name = getattr(inner, "__name__", type(inner).__name__)
    return "function" if name == "<lambda>" else str(name)


def _parameters(path: tuple[str, ...], leaf: Any) -> str:
    """Every array of floats is a parameter."""
    import jax.numpy as jnp

    return PARAMETER if jnp.issubdtype(leaf.dtype, jnp.inexact) else BUFFER


def _collections(tree: Any) -> Callable[[tuple[str, ...], Any], str]:
    """Where a tree has the collection ``params``, as Flax's variables do, the others are buffers."""
    if not (isinstance(tree, Mapping) and "params" in tree):
        return _parameters
    return lambda path, leaf: PARAMETER if path[0] == "params" else BUFFER


def _plan(function: Any, given: Sequence[Any], params: Any, arguments: Mapping[str, Any]) -> Plan:
    """Say what is traced of a function, or of a model of a library."""
    import jax

    name = _name_of(function)
    if params is not None:
        held, model = _described(params), getattr(function, "__self__", None)
        names = _names_of(function, 1)
        if not names and callable(model):  # as of `module.apply`, which hands on what it is given
            names = _names_of(type(model).__call__, 1)
        return Plan(name, function, held, _collections(held), names)
    linen = sys.modules.get("flax.linen")
    if linen is not None and isinstance(function, linen.Module):
        return _linen(function, given, arguments)
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(function, nnx.Module):
        return _nnx(function, nnx)
    if isinstance(function, tuple) and hasattr(function, "init") and hasattr(function, "apply"):
        return _haiku(function, given, arguments)
    if not callable(function):
        raise UsageError(f"a JAX model is a function or a module, not a {type(function).__name__}")
    if jax.tree_util.all_leaves([function]):
        names = _names_of(function, 0)
        return Plan(name, lambda held, *rest, **more: function(*rest, **more), (), _parameters, names)
    names = _names_of(
        type(function).__call__, 1
    )  # a tree that is a function itself, as Equinox's modules are
    return Plan(name, lambda held, *rest, **more: held(*rest, **more), function, _parameters, names)


def _linen(module: Any, given: Sequence[Any], arguments: Mapping[str, Any]) -> Plan:
    """Flax's older modules: what they hold is made by `init`, of which the shapes are enough."""
    import jax

    key = jax.eval_shape(lambda: jax.random.key(0))
    names = ("params", "dropout")

    def init(key: Any) -> Any:
        rngs = dict.fromkeys(names, key)
        return module.init(rngs, *_zeros(given), **arguments)

    held = _shaped(init, key)

    called = _names_of(type(module).__call__, 1)
    return Plan(type(module).__name__, module.apply, held, _collections(held), called)


def _zeros(given: Sequence[Any]) -> Any:
    import jax
    import jax.numpy as jnp

    return jax.tree_util.tree_map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype) if _is_abstract(leaf) else leaf, list(given)
    )


def _shaped(init: Callable[[Any], Any], key: Any) -> Any:
    """Return the shapes of what a model holds.

    Raises
    ------
    ReadError
        It cannot be initialised on these inputs.
    """
    import jax

    try:
        return jax.eval_shape(init, key)
    except Exception as error:  # whatever the module raises
        lines = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
        raise ReadError(f"the model cannot be initialised: {why}") from error


def _haiku(transformed: Any, given: Sequence[Any], arguments: Mapping[str, Any]) -> Plan:
    """Haiku's pairs of functions, perhaps with a state beside the parameters."""
    import jax

    key = jax.eval_shape(lambda: jax.random.key(0))
    made = _shaped(lambda key: transformed.init(key, *_zeros(given), **arguments), key)
    stateful = type(transformed).__name__.endswith("State")
    held = {"params": made[0], "state": made[1]} if stateful else {"params": made}

    def apply(held: Any, *x: Any, **more: Any) -> Any:
        first = (held["params"], held["state"]) if stateful else (held["params"],)
        made = transformed.apply(*first, None, *x, **more)
        return made[0] if stateful else made

    return Plan("transformed", apply, held, _collections(held))


def _nnx(module: Any, nnx: Any) -> Plan:
    """Flax's newer modules, which hold their arrays themselves; those that are no `Param` are buffers."""
    graph, params, rest = nnx.split(module, nnx.Param, ...)

    def call(held: Any, *inputs: Any, **more: Any) -> Any:
        return nnx.merge(graph, held["params"], held["state"])(*inputs, **more)

    held = {"params": params, "state": rest}
    return Plan(type(module).__name__, call, held, _collections(held), _names_of(type(module).__call__, 1))
