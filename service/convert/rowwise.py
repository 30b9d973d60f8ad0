"""Rewrites matrix products with constant weights to int8, with one scale per row of activations.

A row is a token. Its scale depends on no other row, so that the rest of a batch does not change a score. Needs onnx.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from service.convert.graph_writer import MICROSOFT, STANDARD, GraphWriter
from service.convert.softmax import Softmax
from service.engine.columns import Weights, quantised

_MOST = 127  # Quantised value of the largest magnitude of a row, relative to the zero point.
_ZERO = 128  # Zero point of activations: the fast kernels take unsigned activations and signed weights.
_FARTHEST_MIN = 1e-30  # Avoids a division by zero in a row of zeros.
_SIDE_MIN = 64  # Smallest side of weights: below it, quantising the rows costs more than the product saves.


@dataclass(frozen=True, eq=False)
class Product:
    """A product of activations with constant weights."""

    name: str
    """Name of the output."""
    source: str
    """Name of the activations, (..., n) float32."""
    weights: Weights
    """(n, m) float32."""
    bias: str
    """Name of the bias, (m,) float32; empty without bias."""


def products(model: ModelProto) -> list[Product]:
    """Return the products of activations with constant fp32 weights, in the order of the graph."""
    constants = _Constants(model.graph)
    return [product for node in model.graph.node if (product := _product(node, constants))]


def rewritten(model: ModelProto, chosen: Sequence[Product], *, bounded: bool = True) -> ModelProto:
    """Return the model with the `chosen` products in int8, and each softmax independent of the CPU (`Softmax`).

    With `bounded` weights, which are coarser, sums saturate on no CPU.
    """
    writer = GraphWriter(model)
    quick = {product.name: product for product in chosen}
    int8, softmax = _Int8(writer, bounded=bounded), Softmax(writer, model.graph, quick)
    for node in model.graph.node:
        if node.output and node.output[0] in quick:
            int8.write(quick[node.output[0]])
        elif not (quick and softmax.write(node)):
            writer.keep(node)
    return writer.model()


class _Constants:
    """The constant matrices of a graph, by name."""

    def __init__(self, graph: GraphProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}

    def matrix(self, name: str) -> Weights | None:
        """Return a constant (n, m) float32 matrix, None if `name` is anything else."""
        tensor = self._tensors.get(name)
        if tensor is not None:
            return _matrix(tensor)
        node = self._makers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            return _matrix(node.attribute[0].t)
        # Exporters transpose weights in the graph, and rename them by Identity.
        weights = self.matrix(node.input[0]) if node.op_type in {"Transpose", "Identity"} else None
        if weights is None or node.op_type == "Identity":
            return weights
        return weights.transpose(node.attribute[0].ints if node.attribute else None)


def _matrix(tensor: TensorProto) -> Weights | None:
    """Return a tensor as (n, m) float32, None if it is no finite, non-empty float32 matrix."""
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:  # noqa: PLR2004  # Rows and columns.
        return None
    weights: Weights = numpy_helper.to_array(tensor)
    return weights if weights.size and np.isfinite(weights).all() else None


def _product(node: NodeProto, constants: _Constants) -> Product | None:
    """Return the product that a node computes, None if its weights are not constant, or too narrow."""
    if node.domain not in STANDARD or node.op_type not in {"MatMul", "Gemm"}:
        return None
    source, weighed_with, bias = (*node.input, "")[:3]
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weights = constants.matrix(weighed_with)
    if weights is None or min(weights.shape) < _SIDE_MIN or options.get("transA", 0):
        return None
    if options.get("alpha", 1) != 1 or (bias and options.get("beta", 1) != 1):
        return None  # Exporters write no such Gemm for a layer.
    return Product(node.output[0], source, weights.T if options.get("transB", 0) else weights, bias)


class _Int8:
    """Writes products in int8."""

    def __init__(self, writer: GraphWriter, *, bounded: bool) -> None:
        self._writer = writer
        self._bounded = bounded
        self._rows: dict[str, tuple[str, str]] = {}
        self._products = 0

    def write(self, product: Product) -> None:
        """Add the nodes of a product in int8; its output keeps its name."""
        node = self._writer.node
        rows, row_scales = self._quantised_rows(product)
        columns, column_scales = self._quantised_columns(product.weights)
        one = self._writer.constant("one", np.array(1, np.float32))
        whole = node("MatMulIntegerToFloat", rows, columns, one, column_scales, self._zero(), domain=MICROSOFT)
        if product.bias:
            node("Add", node("Mul", whole, row_scales), product.bias, output=product.name)
        else:
            node("Mul", whole, row_scales, output=product.name)

    # x (..., n) --+-- ReduceMin -- Neg --+
    #              |                      +-- Max -- Div --+------------------------------> scales (..., 1) float32
    #              +-- ReduceMax ---------+  1e-30  127    |
    #              |                                    Reshape (r,) --+-- Shape -- Expand
    #              |                                                   |       128 (r,) |
    #              +-- Reshape (r, n) -------------------------- QuantizeLinear --------+
    #              |                                                   |
    #              +-- Shape --------------------------------------- Reshape -------------> rows (..., n) uint8
    #
    # QuantizeLinear takes one scale per index of a single axis, so the leading axes are flattened to r rows.
    # `write` continues: rows, columns -- MatMulIntegerToFloat -- Mul scales -- Add bias --> (..., m) float32
    def _quantised_rows(self, product: Product) -> tuple[str, str]:
        """Add the nodes that quantise activations, once for all products that share them.

        Return the names of the rows, (..., n) uint8, and of their scales, (..., 1) float32. An infinity or NaN spoils
        only the products of its own row.
        """
        if product.source not in self._rows:
            node, x = self._writer.node, product.source
            below = node("Neg", self._writer.reduced("ReduceMin", x))
            least = self._writer.constant("least", np.array(_FARTHEST_MIN, np.float32))
            farthest = node("Max", self._writer.reduced("ReduceMax", x), below, least)
            scales = node("Div", farthest, self._writer.constant("most", np.array(_MOST, np.float32)))
            flat = node("Reshape", scales, self._writer.constant("flat", np.array([-1])))
            zeros = node("Expand", self._zero(), node("Shape", flat))
            long = self._writer.constant(f"rows_{len(product.weights)}", np.array([-1, len(product.weights)]))
            rows = node("Reshape", x, long)
            rows = node("QuantizeLinear", rows, flat, zeros, domain=MICROSOFT, axis=0)
            self._rows[x] = node("Reshape", rows, node("Shape", x)), scales
        return self._rows[product.source]

    def _quantised_columns(self, weights: Weights) -> tuple[str, str]:
        """Add weights as (n, m) int8 and their scales as (m,) float32, and return both names.

        Products that share their weights get a copy each. With `x64quantprecision` (session_factory.py), ONNX Runtime
        fails to load a graph in which two products read the same weights.
        """
        columns, scales = quantised(weights, bounded=self._bounded)
        number, self._products = self._products, self._products + 1
        return self._writer.constant(f"weights_{number}", columns), self._writer.constant(f"scales_{number}", scales)

    def _zero(self) -> str:
        return self._writer.constant("zero", np.array(_ZERO, np.uint8))
