"""Rewrites softmax so that AVX2 and AVX-512 give bit-identical results. Needs onnx.

The Softmax of ONNX Runtime adds as many numbers at a time as a register holds, so that sums differ in the last bits.
Rounding to int8 in each layer amplifies that: scores have differed by up to 0.005. MatMul adds in the same order on
both.
"""

from collections import Counter
from collections.abc import Collection
from itertools import chain

import numpy as np
from onnx import GraphProto, NodeProto

from service.convert.graph_writer import STANDARD, GraphWriter, reads

_LAST_BY_DEFAULT = 13  # First opset in which the default axis of Softmax is the last.


class Softmax:
    """Writes each softmax over the last axis with its sum as a MatMul with ones."""

    def __init__(self, writer: GraphWriter, graph: GraphProto, besides: Collection[str]) -> None:
        """Rewrite the softmaxes of `graph`; another writer writes the products with an output named in `besides`."""
        self._writer = writer
        readers = Counter(chain.from_iterable(map(reads, graph.node)))
        readers.update(value.name for value in graph.output)
        self._softmaxes = {node.output[0] for node in graph.node if self._is_over_last_axis(node)}
        self._multiplied = {
            node.input[0]: node.output[0]
            for node in graph.node
            if node.op_type == "MatMul" and readers[node.input[0]] == 1 and node.output[0] not in besides
        }
        self._undivided: dict[str, tuple[str, str]] = {}
        """Exponentials and sums, by output of the product that multiplies the exponentials before the division."""

    def write(self, node: NodeProto) -> bool:
        """Write the nodes that replace `node`; return False if it stays."""
        write, output = self._writer.node, node.output[0] if node.output else ""
        if output in self._softmaxes:
            x = node.input[0]
            powers = write("Exp", write("Sub", x, self._writer.reduced("ReduceMax", x)))
            sums = write("MatMul", powers, self._ones(x))
            if output in self._multiplied:  # Divide the product instead: it is smaller.
                self._undivided[self._multiplied[output]] = powers, sums
            else:
                write("Div", powers, sums, output=output)
        elif output in self._undivided:
            powers, sums = self._undivided[output]
            write("Div", write("MatMul", powers, node.input[1]), sums, output=output)
        else:
            return False
        return True

    def _is_over_last_axis(self, node: NodeProto) -> bool:
        """Tell whether a node is a softmax over the axis -1, explicitly or by default."""
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
        last = axis == -1 or (axis is None and self._writer.opset >= _LAST_BY_DEFAULT)
        return node.op_type == "Softmax" and node.domain in STANDARD and last

    def _ones(self, x: str) -> str:
        """Add a column of ones, (n, 1) float32 for `x` of (..., n), and return its name."""
        write, constant = self._writer.node, self._writer.constant
        columns = write("Gather", write("Shape", x), constant("last", np.array([-1])))
        shape = write("Concat", columns, constant("single", np.array([1])), axis=0)
        return write("Expand", constant("ones", np.ones((1, 1), np.float32)), shape)
