"""From tensors and operations in their framework's own order to layers of the canonical kinds.

ONNX graphs and PyTorch programs speak of tensors whose axes have places and no names, and of operations on
them. What the two have in common is written here once: a :class:`~.builder.Builder` keeps what is known of
every tensor, and a function for each operation says which kind it is. The readers translate their own
spelling of attributes into calls of these functions.
"""
