"""Which modules of the source an operation belongs to, as exporters of PyTorch and TensorFlow record it.

Newer exporters keep a list of modules in the metadata of each operation; with others the names of operations
are paths of modules with slashes.
"""

from __future__ import annotations

from typing import Final

import onnx

_SCOPES: Final = "pkg.torch.onnx.name_scopes"
_CLASSES: Final = "pkg.torch.onnx.class_hierarchy"
_RULES: Final = "pkg.onnxscript.rewriter.rule_name"
_NEXT: Final = ", "  # between the items of a list that Python wrote
_DEEPEST: Final = 64  # a name of more slashes is no path of modules


class Modules:
    """What exporters say beside the operations of a model: the modules around them, and what was merged.

    `classes` has for each path what the source calls the module, and its class; `merged` has the layers into
    which a batch normalisation was merged, and whether they have a bias.
    """

    def __init__(self) -> None:
        self.classes: dict[tuple[str, ...], tuple[str, str]] = {}
        self.merged: dict[str, bool] = {}
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, proto: onnx.NodeProto, name: str) -> tuple[str, ...]:
        """Return the path of the module around an operation whose layer is called `name`."""
        scopes = classes = ""
        merged = False
        for record in proto.metadata_props:
            key = record.key
            if key == _SCOPES:
                scopes = record.value
            elif key == _CLASSES:
                classes = record.value
            elif key == _RULES and "FuseBatchNorm" in record.value:
                self.merged[name] = bool(any(proto.input[2:3]))  # of convolutions and of Gemm the third
                merged = True
        if scopes:
            around = scopes.rpartition(_NEXT)[0]  # behind it stands the operation itself
            found = self._recorded(around, classes) if around.count(_NEXT) < _DEEPEST else ()
            return self._own(found, proto) if merged and found else found
        return self._named(name.rpartition("/")[0]) if 0 < name.count("/") < _DEEPEST else ()

    def _own(self, path: tuple[str, ...], proto: onnx.NodeProto) -> tuple[str, ...]:
        """Return the path of a layer's own module, by the name of its kernel, where the file has another's.

        A convolution that a normalisation was merged into is recorded as that normalisation's.
        """
        whole = proto.input[1].removesuffix(".weight") if len(proto.input) > 1 else ""
        around, own = path[:-1], f"{self.classes[path[:-1]][0]}." if len(path) > 1 else ""
        name = whole.removeprefix(own)
        if not whole.startswith(own) or whole == proto.input[1] or not name or "." in name:
            return path
        self.classes.setdefault((*around, name), (whole, "Module"))
        return (*around, name)

    def _recorded(self, scopes: str, classes: str) -> tuple[str, ...]:
        """Return the path that a list of modules is; the model itself has no name in it."""
        known = self._known.get(scopes)
        if known is None:
            around, _, whole = scopes.rpartition(_NEXT)
            outer = self._recorded(around, classes) if around else ()
            known = outer
            if whole := whole.strip("[]'\""):
                known = (*outer, whole.removeprefix(f"{self.classes[outer][0]}.") if outer else whole)
                kinds = classes.split(_NEXT)
                kind = kinds[scopes.count(_NEXT)] if scopes.count(_NEXT) < len(kinds) else ""
                self.classes.setdefault(known, (whole, kind.strip("[]'\"").rpartition(".")[2] or "Module"))
            self._known[scopes] = known
        return known

    def _named(self, around: str) -> tuple[str, ...]:
        """Return the path that a name with slashes is; a module that repeats the one around it says more."""
        known = self._known.get(around)
        if known is None:
            before, _, whole = around.rpartition("/")
            outer = self._named(before) if before else ()
            known = outer
            if whole:
                label = self.classes[outer][0] if outer else ""
                front, _, last = label.rpartition("/")
                inner = bool(label) and whole.startswith(f"{last}.")
                known = (*outer, whole.removeprefix(f"{last}.") if inner else whole)
                label = "/".join(filter(None, (front if inner else label, whole)))
                self.classes.setdefault(known, (label, "Module"))
            self._known[around] = known
        return known
