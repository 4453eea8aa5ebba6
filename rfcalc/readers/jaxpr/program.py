"""A function of JAX's as a list of calls: its jaxpr, with the functions inside of it put in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from rfcalc.errors import ReadError
from rfcalc.records import NamedTuple

USER, PARAMETER, BUFFER, CONSTANT = "user", "parameter", "buffer", "constant"
"""What an input of the program is."""

MOST_CALLS: Final = 200_000
"""Calls of one program; more are loops that were written out."""

INLINED: Final = frozenset(
    (
        *("pjit", "jit", "xla_call", "closed_call", "core_call", "core_closed_call", "remat", "remat2"),
        *("checkpoint", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin"),
    )
)
"""Primitives that call a function and do nothing else when the model runs."""

_BODIES: Final = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""What the function that is called is named among the settings of these primitives."""

_JAX_NN: Final = "/jax/_src/nn/functions.py:"
"""Where JAX defines activations, whose names then say what they do."""

SINGLE: Final = frozenset(
    (
        *("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bessel_i0e", "bessel_i1e", "cbrt"),
        *("ceil", "clz", "cos", "cosh", "digamma", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1"),
        *("floor", "integer_pow", "is_finite", "lgamma", "log", "log1p", "logistic", "neg", "not"),
        *("population_count", "round", "rsqrt", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh"),
        *("reduce_precision",),
    )
)
"""Primitives that are a function of each element."""

PAIRED: Final = {
    **{"add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide"},
    **{"max": "maximum", "min": "minimum"},
    **dict.fromkeys(
        (
            *(
                "pow",
                "rem",
                "atan2",
                "nextafter",
                "clamp",
                "complex",
                "igamma",
                "igammac",
                "zeta",
                "polygamma",
            ),
            *("regularized_incomplete_beta", "random_gamma_grad", "igamma_grad_a"),
        ),
        "elementwise",
    ),
}
"""Primitives that make one element of one of each operand, and their kinds."""

COMPARED: Final = frozenset(
    (
        *("eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to", "and", "or", "xor"),
        *("shift_left", "shift_right_logical", "shift_right_arithmetic"),
    )
)
"""The same, where what they make is true or false, or bits."""

SAME: Final = frozenset(
    (
        *("stop_gradient", "convert_element_type", "copy", "copy_p", "device_put", "sharding_constraint"),
        *("optimization_barrier", "name", "pvary", "pcast", "mesh_cast", "reshard", "layout_constraint"),
    )
)
"""Primitives that change nothing that matters."""


class Tensor(NamedTuple):
    """What is recorded of a tensor: its extents, and its element type as numpy names it."""

    shape: tuple[int, ...]
    dtype: str


class Held(NamedTuple):
    """A number that stands in the program itself."""

    number: Any
    meta: Tensor


Atom = int | Held
"""An operand: the number of a tensor, or a literal."""


class Given(NamedTuple):
    """An input of the program.

    Parameters
    ----------
    role : str
        `USER`, `PARAMETER`, `BUFFER` or `CONSTANT`.
    path : str
        Its path in the tree that it is a leaf of.
    meta : Tensor
        Its shape.
    identity : str
        The same for leaves that are one array.
    data : array, optional
        Elements of a constant.
    """

    role: str
    path: str
    meta: Tensor
    identity: str = ""
    data: Any = None


class Call(NamedTuple):
    """One primitive.

    Parameters
    ----------
    op : str
        Its name.
    params : mapping
        Its settings, as the jaxpr has them.
    inputs : tuple of Atom
        Its operands.
    outputs : tuple of int
        Numbers of its results.
    metas : tuple of Tensor
        What is recorded of these.
    stack : tuple of str
        Names of the scopes around it, outermost first.
    primitive : jax.extend.core.Primitive, optional
        What JAX itself evaluates; None for a call that this reader has put together.
    """

    op: str
    params: Mapping[str, Any]
    inputs: tuple[Atom, ...]
    outputs: tuple[int, ...]
    metas: tuple[Tensor, ...]
    stack: tuple[str, ...] = ()
    primitive: Any = None


class Program(NamedTuple):
    """Calls, from inputs to outputs.

    Parameters
    ----------
    inputs : mapping of int to Given
        Its inputs by number, constants among them.
    calls : sequence of Call
        In order.
    outputs : sequence of Atom
        What it returns.
    metas : mapping of int to Tensor
        What is recorded of every tensor.
    """

    inputs: Mapping[int, Given]
    calls: Sequence[Call]
    outputs: Sequence[Atom]
    metas: Mapping[int, Tensor]


def meta_of(aval: Any) -> Tensor:
    """Return what an abstract value records."""
    shape = getattr(aval, "shape", ())
    if not all(isinstance(extent, int) for extent in shape):
        raise ReadError("extents that stay open are not read: give every input its full shape")
    return Tensor(tuple(shape), str(getattr(aval, "dtype", "")))


def program_of(closed: Any, given: Sequence[Given], stack: tuple[str, ...] = ()) -> Program:
    """Return a jaxpr as a program whose first inputs are `given`; its constants follow.

    Parameters
    ----------
    closed : jax.extend.core.ClosedJaxpr
        What `jax.make_jaxpr` gives.
    given : sequence of Given
        An input for each that the jaxpr takes.
    stack : tuple of str
        Names of the scopes around it.
    """
    flat = _Flat()
    numbers = [flat.given(each) for each in given]
    outputs = flat.inline(closed.jaxpr, closed.consts, numbers, stack)
    return Program(flat.inputs, flat.calls, outputs, flat.metas)


class _Flat:
    """Calls in a row, with a number for each tensor."""

    def __init__(self) -> None:
        self.inputs: dict[int, Given] = {}
        self.calls: list[Call] = []
        self.metas: dict[int, Tensor] = {}
        self._next = count()
        self._constants: dict[int, int] = {}

    def given(self, each: Given) -> int:
        number = next(self._next)
        self.inputs[number] = each
        self.metas[number] = each.meta
        return number

    def constant(self, array: Any) -> int:
        """Return the number of an array that the function holds, the same one each time."""
        if id(array) not in self._constants:
            meta = Tensor(tuple(getattr(array, "shape", ())), str(getattr(array, "dtype", "")))
            self._constants[id(array)] = self.given(Given(CONSTANT, "", meta, data=array))
        return self._constants[id(array)]

    def inline(
        self, jaxpr: Any, consts: Sequence[Any], args: Sequence[Atom], stack: tuple[str, ...]
    ) -> list[Atom]:
        """Add the calls of a jaxpr that is called with these operands, and return its results."""
        found: dict[Any, Atom] = dict(zip(jaxpr.invars, args, strict=True))
        found.update(zip(jaxpr.constvars, map(self.constant, consts), strict=True))

        def read(atom: Any) -> Atom:
            return Held(atom.val, meta_of(atom.aval)) if hasattr(atom, "val") else found[atom]

        for eqn in jaxpr.eqns:
            inputs = [read(atom) for atom in eqn.invars]
            made = self.step(eqn, inputs, (*stack, *_scopes(eqn)))
            found.update(zip(eqn.outvars, made, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def step(self, eqn: Any, inputs: list[Atom], stack: tuple[str, ...]) -> Sequence[Atom]:
        name = eqn.primitive.name
        if name in INLINED:
            body = body_of(eqn.params)
            if body is not None and len(body[0].invars) == len(inputs):
                jaxpr, consts = body
                function = _function(jaxpr, consts)
                if function is None:
                    return self.inline(jaxpr, consts, inputs, stack)
                place, called = function
                return self.call("activation", {"function": called}, inputs[place : place + 1], eqn, stack)
        return self.call(name, eqn.params, inputs, eqn, stack)

    def call(
        self,
        op: str,
        params: Mapping[str, Any],
        inputs: Sequence[Atom],
        eqn: Any,
        stack: tuple[str, ...],
    ) -> tuple[int, ...]:
        if len(self.calls) >= MOST_CALLS:
            raise ReadError(f"the function has more than {MOST_CALLS:,} operations")
        metas = tuple([meta_of(var.aval) for var in eqn.outvars])
        outputs = tuple([next(self._next) for _ in metas])
        self.metas.update(zip(outputs, metas, strict=True))
        primitive = eqn.primitive if eqn.primitive.name == op else None
        self.calls.append(Call(op, params, tuple(inputs), outputs, metas, stack, primitive))
        return outputs


def body_of(params: Mapping[str, Any]) -> tuple[Any, Sequence[Any]] | None:
    """Return the jaxpr among the settings of a primitive, and its constants; None where there is none."""
    for name in _BODIES:
        body = params.get(name)
        if hasattr(body, "eqns"):
            closed: Any = body
            return (closed.jaxpr, closed.consts) if hasattr(closed, "jaxpr") else (closed, ())
    return None


def _scopes(eqn: Any) -> tuple[str, ...]:
    """Return the names of the scopes around an equation, where they tell one module from another.

    Transformations of functions are none, and Equinox says classes alone.
    """
    stack = getattr(eqn.source_info.name_stack, "stack", ())
    names = [each.name for each in stack if type(each).__name__ == "Scope"]
    return tuple([name for name in names if not name.startswith("eqx.")])


def _function(jaxpr: Any, consts: Sequence[Any]) -> tuple[int, str] | None:
    """Return which operand a function of JAX's own takes, if that is all it does, and its name.

    Only one that JAX itself defines counts, since others may be called anything.
    """
    info = str(getattr(jaxpr.debug_info, "func_src_info", "")).replace("\\", "/")
    if _JAX_NN not in info or consts or len(jaxpr.outvars) != 1 or not _is_elementwise(jaxpr):
        return None
    used = {
        atom for eqn in jaxpr.eqns for atom in eqn.invars if not hasattr(atom, "val") and atom in jaxpr.invars
    }
    shape = jaxpr.outvars[0].aval.shape
    if len(used) != 1 or (only := next(iter(used))).aval.shape != shape:
        return None
    return jaxpr.invars.index(only), info.partition(" ")[0].strip("_")


def _is_elementwise(jaxpr: Any) -> bool:
    """Tell whether a function takes each element by itself."""
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        body = body_of(eqn.params) if name in INLINED else None
        if body is not None:
            if body[1] or not _is_elementwise(body[0]):
                return False
        elif not (name in SINGLE or name in PAIRED or name in COMPARED or name in SAME or name == "select_n"):
            scalar = name in ("broadcast_in_dim", "full") and not eqn.invars[0].aval.shape
            if not scalar:
                return False
    return True


def numbers_in(atoms: Sequence[Atom]) -> list[int]:
    """Return the numbers of the tensors among operands.

    >>> numbers_in((3, Held(1.0, Tensor((), "float32")), 4))
    [3, 4]
    """
    return [each for each in atoms if isinstance(each, int)]


def moving_in(program: Program) -> set[int]:
    """Return the numbers of all tensors that depend on an input of the user."""
    moving = {number for number, each in program.inputs.items() if each.role == USER}
    for call in program.calls:
        if not moving.isdisjoint(numbers_in(call.inputs)):
            moving.update(call.outputs)
    return moving
