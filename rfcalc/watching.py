"""Analyses of the forward passes of a module that runs anyway: `watch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rfcalc.errors import ReadError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.analyze.library import Analysis, analyze
from rfcalc.readers.options import Options

if TYPE_CHECKING:
    from rfcalc.readers.torch.watched import Seen


class Pass:
    """Passes of a module at one size of its inputs.

    Parameters
    ----------
    seen : Seen
        What was recorded.
    source : str
        The module's name, for messages.
    options : Options
        Layouts.
    """

    def __init__(self, seen: Seen, source: str, options: Options) -> None:
        self._seen = seen
        self._source = source
        self._options = options

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the tensors that the module was called with, by argument."""
        return self._seen.shapes

    @property
    def count(self) -> int:
        """How many passes had this size."""
        return self._seen.count

    @cached_property
    def graph(self) -> LayerGraph:
        """The layers, to ask `field`, `compare` and others about.

        Raises
        ------
        ReadError
            The pass could not be recorded; it ran as it would have.
        """
        if self._seen.program is None:
            why = self._seen.why or "another one around it was recorded, and there was none after it"
            raise ReadError(f"the pass could not be recorded: {why}", source=self._source)
        return self._seen.read(self._source, self._options)

    @cached_property
    def analysis(self) -> Analysis:
        """What `analyze` says of it."""
        return analyze(self.graph)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in self.inputs.items())
        return f"<Pass at {sizes or 'no tensors'}, {self.count} times>"


class Watch:
    """What was seen of a module; iterating gives a `Pass` for each size of its inputs, in their order."""

    def __init__(self, name: str, options: Options) -> None:
        self._source = f"<{name}>"
        self._options = options
        self._seen: dict[Any, Seen] = {}
        self._passes: dict[Any, Pass] = {}

    def __iter__(self) -> Iterator[Pass]:
        for key, seen in self._seen.items():
            if key not in self._passes:
                self._passes[key] = Pass(seen, self._source, self._options)
            yield self._passes[key]

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def analysis(self) -> Analysis:
        """The analysis of the one size that there was.

        Raises
        ------
        UsageError
            The module did not run, or ran at several sizes.
        """
        passes = list(self)
        if len(passes) != 1:
            told = "has not run" if not passes else f"ran at {len(passes)} sizes; take each pass's analysis"
            raise UsageError(f"the module {told}", source=self._source)
        return passes[0].analysis

    def __repr__(self) -> str:
        return f"<Watch of {self._source[1:-1]}: {list(self)}>"


@contextmanager
def watch(module: Any, *, layout: str | Mapping[str, str] | None = None) -> Iterator[Watch]:
    """Analyse a PyTorch module by the forward passes that it makes anyway, at their true sizes.

    The first pass at each size of the inputs is recorded while it runs; the module computes and learns as it
    would. Until that pass ends its intermediate tensors are kept. Passes in other threads are not seen.

    Parameters
    ----------
    module : torch.nn.Module
        The module, before `torch.compile`, on whatever device.
    layout : str or mapping, optional
        As for `from_torch`.

    Yields
    ------
    Watch
        A `Pass` for each size: `inputs`, `count`, `graph`, `analysis`. It stays when the block has ended.

    Raises
    ------
    ReadError
        PyTorch is not installed.
    UsageError
        It is no module, or a compiled one.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2))  # doctest: +SKIP
    >>> with watch(net) as seen:  # doctest: +SKIP
    ...     loss = net(torch.rand(4, 3, 32, 32)).sum()
    >>> seen.analysis.layer("1").receptive_field  # doctest: +SKIP
    (4, 4)
    """
    from rfcalc.readers.torch import need_torch

    need_torch()
    from rfcalc.readers.torch.watched import watching

    options = Options(layout={"": layout} if isinstance(layout, str) else layout)
    made = Watch(type(module).__name__, options)
    with watching(module, made._seen):
        yield made
