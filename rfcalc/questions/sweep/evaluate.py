"""The figures of a block of designs, as columns."""

from __future__ import annotations

from typing import Any

from rfcalc.loading import Loading, Model
from rfcalc.questions.sweep.by_analysis import ByAnalysis
from rfcalc.questions.sweep.space import Block, Space


class Evaluator:
    """Works out the figures of designs. It is made once, used for many blocks, and can be pickled.

    Parameters
    ----------
    model : path, open file, mapping or LayerGraph
        The model, as for `load`.
    space : Space
        What is varied.
    layers : tuple of str
        The layers whose figures are wanted; none for the last map.
    loading : mapping
        The options of `load`, for all designs.

    Raises
    ------
    RfcalcError
        The model cannot be read, or lacks what is varied, or a layer.
    """

    def __init__(self, model: Model, space: Space, layers: tuple[str, ...], loading: Loading) -> None:
        self._figures = ByAnalysis(model, space, layers, loading)

    def figures(self, block: Block) -> dict[str, Any]:
        """Return the columns of a block, each as long as there are designs, in C order of the block.

        Whole numbers are 64-bit integers, or Python's own as objects where one of a column does not fit;
        strides and coverage are floats. What is not known is masked (`numpy.ma`), all figures of designs that
        cannot be built among it; a column of which all is known may be a plain array.

        Returns
        -------
        dict of str to ndarray
            By the names of `rfcalc.questions.sweep.columns.columns_of`, in their order.
        """
        return self._figures.figures(block)
