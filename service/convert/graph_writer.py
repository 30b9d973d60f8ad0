"""A builder of ONNX graphs from nodes of an old graph and new nodes. Needs onnx."""

from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

STANDARD = ("", "ai.onnx")
"""Names of the domain of the standard operators."""
MICROSOFT = "com.microsoft"
"""Domain of the operators of ONNX Runtime."""
_AXES_ARE_INPUTS = 18  # First opset in which the axes of a reduction are an input, not an attribute.
_IR_MIN = 4  # First IR version in which a weight need not be a graph input.


class GraphWriter:
    """Collects the nodes and constants of the new graph."""

    def __init__(self, model: ModelProto) -> None:
        """Begin a graph with the inputs, outputs and constants of `model`, without its nodes."""
        self._old = model
        taken = {name for node in model.graph.node for name in node.output}
        taken |= {tensor.name for tensor in model.graph.initializer}
        self._prefix = "rowwise"
        while any(name.startswith(self._prefix) for name in taken):
            self._prefix += "_"
        self.opset = next(opset.version for opset in model.opset_import if opset.domain in STANDARD)
        self._constants: dict[str, TensorProto] = {}
        self._nodes: list[NodeProto] = []

    def keep(self, node: NodeProto) -> None:
        """Add a node of the old graph."""
        self._nodes.append(node)

    def node(self, kind: str, *inputs: str, output: str = "", **options: Any) -> str:
        """Add a node, and return the name of its output: `output`, or a new name."""
        name = output or f"{self._prefix}/{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Add a constant unless one of that `name` exists, and return its name in the graph."""
        name = f"{self._prefix}/{name}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def reduced(self, kind: str, x: str) -> str:
        """Add the reduction `kind` over the last axis: (..., n) to (..., 1)."""
        if self.opset < _AXES_ARE_INPUTS:
            return self.node(kind, x, axes=[-1], keepdims=1)
        return self.node(kind, x, self.constant("last", np.array([-1])), keepdims=1)

    def model(self) -> ModelProto:
        """Return the model, without unused nodes and constants."""
        old = self._old.graph
        read = {value.name for value in old.output}
        nodes = []
        for node in reversed(self._nodes):
            if read.intersection(node.output):
                nodes.append(node)
                read.update(reads(node))
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
        opsets = [opset for opset in self._old.opset_import if opset.domain != MICROSOFT]
        model = helper.make_model(
            graph,
            opset_imports=[*opsets, helper.make_opsetid(MICROSOFT, 1)],
            ir_version=max(self._old.ir_version, _IR_MIN),
            producer_name=self._old.producer_name,
            producer_version=self._old.producer_version,
        )
        model.metadata_props.extend(self._old.metadata_props)
        return model


def reads(node: NodeProto) -> set[str]:
    """Return the names of the inputs of a node, including those of its branches and loop bodies."""
    bodies = (body for a in node.attribute for body in (a.g, *a.graphs))
    return set(node.input).union(*(reads(inner) for body in bodies for inner in body.node))
