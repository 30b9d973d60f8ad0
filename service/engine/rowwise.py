"""A graph whose products with constant weights run in int8, each row of activations with a scale of its own.

A row is a token, and its numbers depend on that token alone: no neighbour in the batch moves a score. Needs onnx.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

STANDARD = ("", "ai.onnx")
"""What the domain of ONNX's own operators is called."""
_MICROSOFT = "com.microsoft"
_AXES_ARE_INPUTS = 18  # From this opset on, of reductions.
_IR_MIN = 4  # Before, every weight had to be an input, too.
_MOST = 127  # The largest of a row or a column becomes this.
_ZERO = 128  # What 0 becomes in a row: kernels are fast for unsigned activations and signed weights.
_FARTHEST_MIN = 1e-30  # Also where all is 0, so that nothing is divided by zero.
_SIDE_MIN = 64  # Of weights; the rows of narrower ones cost more to quantise than their product saves.

Weights = npt.NDArray[np.float32]


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


def rewritten(model: ModelProto, chosen: Sequence[Product]) -> ModelProto:
    """Return the graph with these products in int8, and everything else as it is."""
    writer = _Writer(model)
    quick = {product.name: product for product in chosen}
    for node in model.graph.node:
        if node.output and node.output[0] in quick:
            writer.product(quick[node.output[0]])
        else:
            writer.nodes.append(node)
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


class _Writer:
    """Collects the nodes and constants of the new graph."""

    def __init__(self, model: ModelProto) -> None:
        self._old = model
        taken = {name for node in model.graph.node for name in node.output}
        taken |= {tensor.name for tensor in model.graph.initializer}
        self._prefix = "rowwise"
        while any(name.startswith(self._prefix) for name in taken):
            self._prefix += "_"
        self._opset = next(known.version for known in model.opset_import if known.domain in STANDARD)
        self._constants: dict[str, TensorProto] = {}
        self._rows: dict[str, tuple[str, str]] = {}
        self._products = 0
        self.nodes: list[NodeProto] = []

    def product(self, product: Product) -> None:
        """Add a product in int8."""
        rows, row_scales = self._quantised_rows(product)
        columns, column_scales = self._quantised_columns(product.weights)
        one = self._constant("one", np.array(1, np.float32))
        whole = self._node("MatMulIntegerToFloat", rows, columns, one, column_scales, self._zero(), domain=_MICROSOFT)
        if product.bias:
            self._node("Add", self._node("Mul", whole, row_scales), product.bias, output=product.name)
        else:
            self._node("Mul", whole, row_scales, output=product.name)

    def model(self) -> ModelProto:
        """Return the graph, without what nobody reads any more."""
        old = self._old.graph
        read = {value.name for value in old.output}
        nodes = []
        for node in reversed(self.nodes):
            if read.intersection(node.output):
                nodes.append(node)
                read.update(_reads(node))
        tensors = [tensor for tensor in chain(old.initializer, self._constants.values()) if tensor.name in read]
        weights = {tensor.name for tensor in old.initializer}
        graph = helper.make_graph(
            nodes[::-1],
            old.name,
            [value for value in old.input if value.name not in weights],
            old.output,
            tensors,
            sparse_initializer=old.sparse_initializer,
        )
        opsets = [known for known in self._old.opset_import if known.domain != _MICROSOFT]
        model = helper.make_model(
            graph,
            opset_imports=[*opsets, helper.make_opsetid(_MICROSOFT, 1)],
            ir_version=max(self._old.ir_version, _IR_MIN),
            producer_name=self._old.producer_name,
            producer_version=self._old.producer_version,
        )
        model.metadata_props.extend(self._old.metadata_props)
        return model

    def _quantised_rows(self, product: Product) -> tuple[str, str]:
        """Return the rows of a product's activations in int8, and the scale of each; the same for all that share them.

        A row that holds infinity has no finite products, and one of NaN none that are numbers; rows beside it keep
        theirs.
        """
        if product.source not in self._rows:
            x = product.source
            below = self._node("Neg", self._reduced("ReduceMin", x))
            least = self._constant("least", np.array(_FARTHEST_MIN, np.float32))
            farthest = self._node("Max", self._reduced("ReduceMax", x), below, least)
            scales = self._node("Div", farthest, self._constant("most", np.array(_MOST, np.float32)))
            # The quantiser takes a scale for each place along one axis: all other axes but the last become that one.
            flat = self._node("Reshape", scales, self._constant("flat", np.array([-1])))
            zeros = self._node("Expand", self._zero(), self._node("Shape", flat))
            long = self._constant(f"rows_{len(product.weights)}", np.array([-1, len(product.weights)]))
            rows = self._node("Reshape", x, long)
            rows = self._node("QuantizeLinear", rows, flat, zeros, domain=_MICROSOFT, axis=0)
            self._rows[x] = self._node("Reshape", rows, self._node("Shape", x)), scales
        return self._rows[product.source]

    def _quantised_columns(self, weights: Weights) -> tuple[str, str]:
        """Return weights in int8, and the scale of each column.

        Products that share their weights get a copy each: where the CPU asks for sums that do not overflow, ONNX
        Runtime fails to load a graph in which two products read the same ones.
        """
        scales = np.maximum(np.abs(weights).max(0), np.float32(_FARTHEST_MIN)) / np.float32(_MOST)
        columns = np.rint(weights / scales).astype(np.int8)
        number, self._products = self._products, self._products + 1
        return self._constant(f"weights_{number}", columns), self._constant(f"scales_{number}", scales)

    def _zero(self) -> str:
        return self._constant("zero", np.array(_ZERO, np.uint8))

    def _reduced(self, kind: str, x: str) -> str:
        """Return the largest or the least of each row."""
        if self._opset < _AXES_ARE_INPUTS:
            return self._node(kind, x, axes=[-1], keepdims=1)
        return self._node(kind, x, self._constant("last", np.array([-1])), keepdims=1)

    def _node(self, kind: str, *inputs: str, output: str = "", **options: Any) -> str:
        name = output or f"{self._prefix}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        name = f"{self._prefix}/{name}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def _reads(node: NodeProto) -> set[str]:
    """Return the names that a node reads, branches and bodies of loops included."""
    bodies = (body for a in node.attribute for body in (a.g, *a.graphs))
    return set(node.input).union(*(_reads(inner) for body in bodies for inner in body.node))
