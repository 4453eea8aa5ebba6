"""Why figures of some models differ from what running them tells: a line for each deviation."""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """What differs, and why.

    Parameters
    ----------
    models : str
        A regular expression that the names of the models match.
    kind : str
        The kind of the deviation: `parameters` (`idle` where all of the module are counted, and the outputs
        depend on fewer), `MACs`, `shapes`, `dependence` or `claims` (claimed, and never seen to change).
    why : str
        The reason, as a sentence for docs/accuracy.md.
    where : str
        Words that the deviation has among its own; empty where it is told by model and kind.
    """

    models: str
    kind: str
    why: str
    where: str = ""


EXPLAINED = (
    Explained(
        "diffusers/AutoencoderTiny",
        "idle parameters",
        "its encoder and its decoder are joined by rounding to bytes, which cuts gradients and passes values",
    ),
    Explained(
        "transformers/Mimi",
        "idle parameters",
        "its first output, which alone is taken, is numbers of words in code books, which pass no gradients",
    ),
    Explained(
        "transformers/.*",
        "idle parameters",
        "the pooler runs, and its output is not the first, which alone is taken",
    ),
    Explained(
        "monai/BasicUNetPlusPlus",
        "idle parameters",
        "three convolutions run whose results are returned for deep supervision alone",
    ),
    Explained("smp/PSPNet-.*", "idle parameters", "the encoder runs stages that the decoder does not take"),
    Explained(
        "timm/edgenext_.*|timm/xcit_.*",
        "MACs",
        "the flop counter counts the convolutions that encode positions; no input reaches them, so rfcalc "
        "counts none",
    ),
    Explained(
        "timm/(swinv2|vit_s?relpos|maxvit_rmlp|maxxvitv2_rmlp)_.*|torchvision/swin_v2_t"
        "|transformers/(Swinv2|Swin2SR)",
        "MACs",
        "the flop counter counts the network that makes the bias of attention from distances between "
        "positions; no input reaches it, so rfcalc counts none",
    ),
    Explained(
        "timm/convit_.*|transformers/XLNet",
        "MACs",
        "the flop counter counts the projection of distances between positions; no input reaches it, so "
        "rfcalc counts none",
    ),
    Explained(
        "transformers/SiglipVision",
        "MACs",
        "the flop counter counts the projection of the learned query that pools the map; no input reaches "
        "it, so rfcalc counts none",
    ),
    Explained(
        "diffusers/VQModel|transformers/Mimi",
        "MACs",
        "rfcalc counts the distances to the words of the code book (cdist); the flop counter has no rule for "
        "them",
    ),
    Explained(
        "timm/swin_.*|transformers/(Swin|Swin2SR|Swinv2)",
        "claims",
        "the mask of shifted windows is -100, no infinity: what it lets through is some 1e-44 of the rest, "
        "less than a 64-bit float holds",
    ),
    Explained(
        "transformers/(Camembert|Data2VecText|MPNet|Roberta|XLMRoberta)",
        "claims",
        "places are counted by which words before are padding, and few of the words that are drawn change "
        "that",
    ),
    Explained(
        "transformers/(Bloom|GPTJ|GPTNeo)",
        "claims",
        "the first query sees one key alone, so its weight is 1 whatever the key is",
    ),
)
