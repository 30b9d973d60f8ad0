"""Attention that is the same to the last bit on CPUs of different width. Needs onnx.

The runtime's Softmax adds up as many numbers at a time as the CPU's registers hold, so that AVX2 and AVX-512 differ in
the last bits of a sum. Where each layer rounds to int8, that has moved scores by up to 0.005. Its products add one
number after the other on both.
"""

from collections import Counter
from collections.abc import Collection
from itertools import chain

import numpy as np
from onnx import GraphProto, NodeProto

from service.convert.graph_writer import STANDARD, GraphWriter, reads

_LAST_BY_DEFAULT = 13  # The opset from which on Softmax is over the last axis unless it says otherwise.


class Softmax:
    """Writes each softmax over the last axis with its sums as products."""

    def __init__(self, writer: GraphWriter, graph: GraphProto, besides: Collection[str]) -> None:
        """Write those of `graph`; the products named in `besides` are written by another."""
        self._writer = writer
        readers = Counter(chain.from_iterable(map(reads, graph.node)))
        readers.update(value.name for value in graph.output)
        self._known = {node.output[0] for node in graph.node if self._is_known(node)}
        self._multiplied = {
            node.input[0]: node.output[0]
            for node in graph.node
            if node.op_type == "MatMul" and readers[node.input[0]] == 1 and node.output[0] not in besides
        }
        self._undivided: dict[str, tuple[str, str]] = {}
        """Powers and sums, by the name of the product that takes the powers and is then divided by the sums."""

    def write(self, node: NodeProto) -> bool:
        """Write the nodes that take the place of `node`; return False if it is to stay."""
        write, output = self._writer.node, node.output[0] if node.output else ""
        if output in self._known:
            x = node.input[0]
            powers = write("Exp", write("Sub", x, self._writer.reduced("ReduceMax", x)))
            sums = write("MatMul", powers, self._ones(x))
            if output in self._multiplied:  # The product has fewer numbers to divide.
                self._undivided[self._multiplied[output]] = powers, sums
            else:
                write("Div", powers, sums, output=output)
        elif output in self._undivided:
            powers, sums = self._undivided[output]
            write("Div", write("MatMul", powers, node.input[1]), sums, output=output)
        else:
            return False
        return True

    def _is_known(self, node: NodeProto) -> bool:
        """Tell whether a node is a softmax over the last axis, as far as it says so."""
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
        last = axis == -1 or (axis is None and self._writer.opset >= _LAST_BY_DEFAULT)
        return node.op_type == "Softmax" and node.domain in STANDARD and last

    def _ones(self, x: str) -> str:
        """Return a column of as many ones as `x` has columns."""
        write, constant = self._writer.node, self._writer.constant
        columns = write("Gather", write("Shape", x), constant("last", np.array([-1])))
        shape = write("Concat", columns, constant("single", np.array([1])), axis=0)
        return write("Expand", constant("ones", np.ones((1, 1), np.float32)), shape)
