"""What an ONNX graph is known to do, from its operators and weights."""

from service.engine.onnx_file import OnnxFile

_PER_BATCH = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
"""Operators that take one scale from all that shares the batch. What the runtime fuses begins as one of them."""


def is_batch_invariant(file: OnnxFile) -> bool:
    """Tell whether no operator of the graph lets a pair's neighbours in the batch move its score."""
    return _PER_BATCH.isdisjoint(node.operator for node in file.nodes)
