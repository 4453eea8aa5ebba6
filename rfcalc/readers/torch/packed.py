"""Operators whose weights are packed for a processor, recorded as what they do to floats.

Conversion by `torch.ao.quantization` leaves modules that hold no tensors but packed weights, and operators
that run on these alone. Each stands for one or two operators on floats, with the same window and weight:
those are recorded in its place. The weight is counted by the integers that are packed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.readers.torch.elements import MISSING
from rfcalc.readers.torch.listening import Heard
from rfcalc.readers.torch.tape import Tape, Unrecorded

NOTE: Final = (
    "weights are packed for a processor: its operators are read as those on floats, maps as float32, and "
    "weights by the integers that are packed"
)

_WEIGHED: Final = re.compile(
    r"(?P<kind>linear|conv[123]d|conv_transpose[123]d)(?P<then>_relu|_leaky_relu|_tanh)?(_dynamic)?(_fp16)?"
)
_MET: Final = re.compile(r"(?P<kind>add|mul|matmul|cat)(_scalar)?(?P<then>_relu)?")
_NORMED: Final = re.compile(r"(?P<kind>batch_norm)([123]d)?(?P<then>_relu)?")

_ALONE: Final[Mapping[str, tuple[str, int]]] = {
    **{name: (name, 1) for name in ("hardswish", "sigmoid", "relu6", "celu", "elu")},
    "leaky_relu": ("leaky_relu", 2),
    "clamp": ("clamp", 3),
    "softmax": ("softmax", 2),
    "layer_norm": ("layer_norm", 5),
    "group_norm": ("group_norm", 5),
}
"""By operator its counterpart on floats, and how many of its arguments that takes."""


_ROUNDED: Final = ("quantize_per_tensor", "quantize_per_channel", "quantize_per_tensor_dynamic", "dequantize")
"""Operators that change nothing but how numbers are written."""


def holds_packed(module: Any) -> str:
    """Return which module in a module holds packed weights, and of what class; "" where none does."""
    import torch

    kinds = {type(value) for each in module.modules() for value in each.__dict__.values()}
    packed = tuple(kind for kind in kinds if issubclass(kind, torch.ScriptObject))
    for path, each in module.named_modules() if packed else ():
        if any(isinstance(value, packed) for value in vars(each).values()):
            return f"{path!r} ({type(each).__name__})"
    return ""


class Packed:
    """The packed weights that a module turns out to hold while it is recorded.

    Parameters
    ----------
    tape : Tape
        What is recorded.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._made: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}

    def unpacking(self, heard: Heard) -> Heard:
        """Return what records operators on packed weights as those on floats, and all others by `heard`."""

        def plain(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            found = self.plainly(plain, function, args, kwargs)
            return heard(function, args, kwargs) if found is MISSING else found

        return plain

    def plainly(self, heard: Heard, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Record an operator as what it does to floats, and return its result; `MISSING` for any other."""
        namespace, _, name = function.name().partition("::")
        name = name.partition(".")[0]
        recurrent = re.fullmatch(r"quantized_(lstm|gru)", name)
        if namespace == "aten" and recurrent:
            return self._recurrent(heard, recurrent[1], args)
        if namespace == "aten" and name in _ROUNDED:
            return args[0]
        return self._of_packed(heard, name, args, kwargs) if namespace == "quantized" else MISSING

    def _of_packed(self, heard: Heard, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Record an operator of PyTorch's library for packed weights.

        Raises
        ------
        Unrecorded
            It is not known.
        """
        import torch

        for spelling, record in (
            (_WEIGHED, self._weighed),
            (_MET, self._met),
            (_NORMED, self._normed),
        ):
            told = spelling.fullmatch(name)
            if told is not None:
                found = record(heard, told["kind"], args)
                return heard(_operator(told["then"][1:]), (found,), {}) if told["then"] else found
        if name == "embedding_byte":
            weight = torch.ops.quantized.embedding_bag_unpack(args[0])
            return heard(_operator("embedding"), (self._held("weight", weight), args[1]), {})
        if name == "instance_norm":
            return heard(_operator(name), (*args[:3], None, None, True, 0.0, args[3], False), {})
        if name not in _ALONE:
            raise Unrecorded(f"quantized.{name}, which runs on them, is not known")
        plain, count = _ALONE[name]
        named = [kwargs[key] for key in ("weight", "bias", "eps") if key in kwargs]
        return heard(_operator(plain), (*args, *named)[:count], {})

    def _met(self, heard: Heard, kind: str, args: Sequence[Any]) -> Any:
        if kind == "cat":
            return heard(_operator(kind), args[:2], {})
        return heard(_operator(kind, "default" if kind == "matmul" else "Tensor"), args[:2], {})

    def _normed(self, heard: Heard, kind: str, args: Sequence[Any]) -> Any:
        return heard(_operator(kind), (*args[:5], False, 0.0, args[5], False), {})

    def _weighed(self, heard: Heard, kind: str, args: Sequence[Any]) -> Any:
        x, packed = args[0], args[1]
        weight, bias = packed.unpack()
        if kind == "linear":
            return heard(_operator(kind), (x, *self._weights(weight, bias)), {})
        rank = int(kind[-2])
        if weight.dim() == 4 and rank == 1:  # is packed as that of two axes
            weight = weight.squeeze(2)
        stride, padding, dilation = (
            list(each())[-rank:] for each in (packed.stride, packed.padding, packed.dilation)
        )
        given = (x, *self._weights(weight, bias), stride, padding)
        if "transpose" in kind:
            more = (list(packed.output_padding())[-rank:], packed.groups(), dilation)
            overload = "default" if rank == 1 else "input"
            return heard(_operator(kind, overload), (*given, *more), {})
        return heard(_operator(kind), (*given, dilation, packed.groups()), {})

    def _recurrent(self, heard: Heard, kind: str, args: Sequence[Any]) -> Any:
        x, state, cells, biases, layers, *_, both_ways, first = args[:9]
        weights: list[Any] = []
        for cell in cells:
            pairs = [packed.__getstate__()[0] for packed in cell.__getstate__()[0][4][:2]]
            weights += [self._held("weight", weight) for weight, _ in pairs]
            weights += [self._held("bias", bias) for _, bias in pairs if biases]
        return heard(
            _operator(kind, "input"), (x, state, weights, biases, layers, 0.0, False, both_ways, first), {}
        )

    def _weights(self, weight: Any, bias: Any) -> tuple[Any, Any]:
        return self._held("weight", weight), None if bias is None else self._held("bias", bias)

    def _held(self, word: str, tensor: Any) -> Any:
        """Return what stands for a packed tensor: a parameter of the module that runs."""
        import torch

        visit, module, _ = self._tape.stack[-1]
        number = self._numbers[f"{visit}:{word}"] = self._numbers.get(f"{visit}:{word}", -1) + 1
        path = ".".join(filter(None, (module, f"{word}_{number}" if number else word)))
        if path not in self._made:
            made = torch.empty(tensor.shape, device="meta")
            kind = torch.int8 if tensor.is_quantized else tensor.dtype
            held = torch.empty(tensor.shape, dtype=kind, device="meta")
            self._tape.state(path, made, held, path, learned=True)
            self._made[path] = made
        return self._made[path]


def _operator(name: str, overload: str = "") -> Any:
    import torch

    packet = getattr(torch.ops.aten, name)
    return getattr(
        packet, overload or ("default" if "default" in packet.overloads() else packet.overloads()[0])
    )
