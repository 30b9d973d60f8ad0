"""A graph whose products with constant weights run in int8, each row of activations with a scale of its own.

A row is a token, and its numbers depend on that token alone: no neighbour in the batch moves a score. Needs onnx.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from service.convert.graph_writer import MICROSOFT, STANDARD, GraphWriter
from service.convert.softmax import Softmax
from service.engine.columns import Weights, quantised

_MOST = 127  # The largest of a row becomes this.
_ZERO = 128  # What 0 becomes in a row: kernels are fast for unsigned activations and signed weights.
_FARTHEST_MIN = 1e-30  # Also where all is 0, so that nothing is divided by zero.
_SIDE_MIN = 64  # Of weights; the rows of narrower ones cost more to quantise than their product saves.


@dataclass(frozen=True, eq=False)
class Product:
    """A product of activations with constant weights."""

    name: str
    """What it computes has this name in the graph."""
    source: str
    """The activations."""
    weights: Weights
    """Each column makes one number of a row of activations."""
    bias: str
    """What is added; empty: nothing."""


def products(model: ModelProto) -> list[Product]:
    """Return the products of activations with constant fp32 weights, in the order of the graph."""
    constants = _Constants(model.graph)
    return [found for node in model.graph.node if (found := _product(node, constants))]


def rewritten(model: ModelProto, chosen: Sequence[Product], *, bounded: bool = True) -> ModelProto:
    """Return the graph with these products in int8, and everything else as it is, but for sums that depend on the CPU.

    With `bounded` weights, a little coarser, no CPU cuts off what it adds up.
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
        """Return a constant fp32 matrix, None if `name` is anything else."""
        tensor = self._tensors.get(name)
        if tensor is not None:
            return _matrix(tensor)
        node = self._makers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            return _matrix(node.attribute[0].t)
        # Exporters turn weights around in the graph, and give them further names.
        found = self.matrix(node.input[0]) if node.op_type in {"Transpose", "Identity"} else None
        if found is None or node.op_type == "Identity":
            return found
        return found.transpose(node.attribute[0].ints if node.attribute else None)


def _matrix(tensor: TensorProto) -> Weights | None:
    """Return a tensor's numbers if they are a matrix that has a scale for each column."""
    if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:  # noqa: PLR2004  # Rows and columns.
        return None
    found: Weights = numpy_helper.to_array(tensor)
    return found if found.size and np.isfinite(found).all() else None


def _product(node: NodeProto, constants: _Constants) -> Product | None:
    """Return what a node multiplies; None if it is no product with constant weights, or one too narrow."""
    if node.domain not in STANDARD or node.op_type not in {"MatMul", "Gemm"}:
        return None
    source, weighed_with, bias = (*node.input, "")[:3]
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weights = constants.matrix(weighed_with)
    if weights is None or min(weights.shape) < _SIDE_MIN or options.get("transA", 0):
        return None
    if options.get("alpha", 1) != 1 or (bias and options.get("beta", 1) != 1):
        return None  # No exporter writes that for a layer.
    return Product(node.output[0], source, weights.T if options.get("transB", 0) else weights, bias)


class _Int8:
    """Writes products in int8."""

    def __init__(self, writer: GraphWriter, *, bounded: bool) -> None:
        self._writer = writer
        self._bounded = bounded
        self._rows: dict[str, tuple[str, str]] = {}
        self._products = 0

    def write(self, product: Product) -> None:
        """Add a product."""
        node = self._writer.node
        rows, row_scales = self._quantised_rows(product)
        columns, column_scales = self._quantised_columns(product.weights)
        one = self._writer.constant("one", np.array(1, np.float32))
        whole = node("MatMulIntegerToFloat", rows, columns, one, column_scales, self._zero(), domain=MICROSOFT)
        if product.bias:
            node("Add", node("Mul", whole, row_scales), product.bias, output=product.name)
        else:
            node("Mul", whole, row_scales, output=product.name)

    def _quantised_rows(self, product: Product) -> tuple[str, str]:
        """Return the rows of a product's activations in int8, and the scale of each; the same for all that share them.

        A row that holds infinity has no finite products, and one of NaN none that are numbers; rows beside it keep
        theirs.
        """
        if product.source not in self._rows:
            node, x = self._writer.node, product.source
            below = node("Neg", self._writer.reduced("ReduceMin", x))
            least = self._writer.constant("least", np.array(_FARTHEST_MIN, np.float32))
            farthest = node("Max", self._writer.reduced("ReduceMax", x), below, least)
            scales = node("Div", farthest, self._writer.constant("most", np.array(_MOST, np.float32)))
            # The quantiser takes a scale for each place along one axis: all other axes but the last become that one.
            flat = node("Reshape", scales, self._writer.constant("flat", np.array([-1])))
            zeros = node("Expand", self._zero(), node("Shape", flat))
            long = self._writer.constant(f"rows_{len(product.weights)}", np.array([-1, len(product.weights)]))
            rows = node("Reshape", x, long)
            rows = node("QuantizeLinear", rows, flat, zeros, domain=MICROSOFT, axis=0)
            self._rows[x] = node("Reshape", rows, node("Shape", x)), scales
        return self._rows[product.source]

    def _quantised_columns(self, weights: Weights) -> tuple[str, str]:
        """Return weights in int8, and the scale of each column.

        Products that share their weights get a copy each: where the CPU asks for sums that do not overflow, ONNX
        Runtime fails to load a graph in which two products read the same ones.
        """
        columns, scales = quantised(weights, bounded=self._bounded)
        number, self._products = self._products, self._products + 1
        return self._writer.constant(f"weights_{number}", columns), self._writer.constant(f"scales_{number}", scales)

    def _zero(self) -> str:
        return self._writer.constant("zero", np.array(_ZERO, np.uint8))
