"""Models in fp32, to be converted."""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.unit.service.models import LOGITS, SPECIALS

SIDE = 64
"""Rows and columns of the least weights that are worth converting."""


def embedded_in_fp32(path: Path) -> ModelProto:
    """Return the embedded model as it was before its products were converted, but for what its weights lost."""
    model = onnx.load(path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    readers = {name: node for node in graph.node for name in node.input}
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    whole: dict[str, NodeProto] = {}
    for node in graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            rows, columns, _, scales, *_ = node.input
            weights = numpy_helper.from_array(tensors[columns].astype(np.float32) * tensors[scales], f"{columns} whole")
            graph.initializer.append(weights)
            source = makers[makers[makers[rows].input[0]].input[0]].input[0]
            output = readers[node.output[0]].output[0]
            whole[output] = helper.make_node("MatMul", [source, weights.name], [output])
    nodes = [whole.get(node.output[0], node) for node in graph.node]
    del graph.node[:]
    graph.node.extend(_alive(nodes, {value.name for value in graph.output}))
    return model


def _alive(nodes: list[NodeProto], read: set[str]) -> list[NodeProto]:
    """Return the nodes that something comes of."""
    found = []
    for node in reversed(nodes):
        if read & set(node.output):
            found.append(node)
            read |= set(node.input)
    return found[::-1]


def a_layered_graph(*, opset: int = 17, per_token: int = 2) -> ModelProto:
    """Return a graph with products for each token, and two for each pair, that scores the tiny model's words.

    Unlike a real one, it reads the first word of the document alone.
    """
    random = np.random.default_rng(4)
    words = np.zeros((len(SPECIALS) + len(LOGITS) + 1, SIDE), np.float32)
    words[:, 1:] = random.standard_normal((len(words), SIDE - 1)) / 8
    words[len(SPECIALS) : -1, 0] = list(LOGITS.values())
    layers = [
        np.eye(SIDE, dtype=np.float32) + random.standard_normal((SIDE, SIDE)).astype(np.float32) / 99
        for _ in range(per_token + 1)
    ]
    nodes = [helper.make_node("Gather", ["words", "input_ids"], ["layer 0"])]
    nodes += [helper.make_node("MatMul", [f"layer {n}", f"weights {n}"], [f"layer {n + 1}"]) for n in range(per_token)]
    nodes += [
        helper.make_node("Gather", [f"layer {per_token}", "at"], ["first"], axis=1),
        helper.make_node("Gemm", ["first", f"weights {per_token}"], ["pooled"]),
        helper.make_node("MatMul", ["pooled", "head"], ["logits"]),
    ]
    constants = {"words": words, "at": np.array(3), "head": np.eye(SIDE, 1, dtype=np.float32)}
    constants |= {f"weights {n}": layer for n, layer in enumerate(layers)}
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "layered", [ids], [logits], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def a_dynamic_graph() -> ModelProto:
    """Return that graph with its first product quantised a whole batch at a time, as the runtime's own tools do it."""
    model = a_layered_graph()
    (at,) = (n for n, node in enumerate(model.graph.node) if node.output[0] == "layer 1")
    product = model.graph.node.pop(at)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == product.input[1])
    scale = np.asarray(np.abs(numpy_helper.to_array(weights)).max() / 127, np.float32)
    columns = np.rint(numpy_helper.to_array(weights) / scale).astype(np.int8)
    model.graph.initializer.extend([numpy_helper.from_array(columns, "int8"), numpy_helper.from_array(scale, "scale")])
    nodes = [
        helper.make_node("DynamicQuantizeLinear", [product.input[0]], ["rows", "row scale", "zero"]),
        helper.make_node("MatMulInteger", ["rows", "int8", "zero"], ["integers"]),
        helper.make_node("Cast", ["integers"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["row scale", "scale"], ["scales"]),
        helper.make_node("Mul", ["floats", "scales"], ["layer 1"]),
    ]
    after = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*after[:at], *nodes, *after[at:]])
    return model
