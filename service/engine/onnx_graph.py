"""Properties of an ONNX graph that follow from its operators and weights."""

from collections import defaultdict
from math import prod

import numpy as np

from service.engine.columns import is_bounded
from service.engine.onnx_file import OnnxFile, Tensor

_PER_BATCH = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}
"""Operators with one scale for the whole batch. ONNX Runtime makes its fused forms from these."""
_WITHOUT_SUMS = {"QuantizeLinear", "DynamicQuantizeLinear", "QuickGelu"}
"""Operators that multiply no bytes, although `_may_multiply_bytes` matches their names."""
_PRODUCTS = {"MatMulInteger", "MatMulIntegerToFloat"}
_UINT8, _INT8 = 2, 3


def is_batch_invariant(file: OnnxFile) -> bool:
    """Tell whether the score of a pair is independent of the rest of its batch: no operator quantises per batch."""
    return _PER_BATCH.isdisjoint(node.operator for node in file.nodes)


def cannot_overflow(file: OnnxFile) -> bool:
    """Tell whether no CPU can saturate a sum of int8 products: all of them have bounded weights (columns.py).

    False for any int8 operator besides `_PRODUCTS`. Raises OSError.
    """
    constants: defaultdict[str, list[Tensor]] = defaultdict(list)
    for tensor in file.tensors:
        constants[tensor.name].append(tensor)
    weights: dict[str, list[Tensor]] = {}
    for node in file.nodes:
        if node.operator in _PRODUCTS:
            tensors = constants.get(node.inputs[1] if len(node.inputs) > 1 else "")
            if not tensors:
                return False
            weights[node.inputs[1]] = tensors
        elif _may_multiply_bytes(node.operator):
            return False
    return all(_is_bounded(file, tensor) for tensors in weights.values() for tensor in tensors)


def _may_multiply_bytes(operator: str) -> bool:
    named = operator.startswith("Q") or "quant" in operator.lower() or "Integer" in operator
    return named and operator not in _WITHOUT_SUMS


def _is_bounded(file: OnnxFile, tensor: Tensor) -> bool:
    if tensor.kind == _UINT8:  # ONNX Runtime multiplies these in 16 bits, with sums in 32 bits.
        return True
    if tensor.kind != _INT8 or len(tensor.shape) != 2:  # noqa: PLR2004  # Rows and columns.
        return False
    path, (start, end) = file.path, tensor.at or (0, 0)
    if location := tensor.outside.get("location"):
        path, offset = path.parent / location, tensor.outside.get("offset", "0")
        start, end = int(offset) if offset.isdecimal() else 0, path.stat().st_size
    size = prod(tensor.shape)
    if size > end - start:
        return False
    return is_bounded(np.fromfile(path, np.int8, size, offset=start).reshape(tensor.shape))
