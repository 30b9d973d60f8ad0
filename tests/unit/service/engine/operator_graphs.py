"""Graphs of a few operators, from `x` to `y`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from service.engine.onnx_file import OnnxFile
from service.engine.runtime import ort
from service.engine.session_factory import open_session

Array = npt.NDArray[np.float32]


def a_model(*nodes: NodeProto, opset: int = 17, **constants: npt.NDArray[Any]) -> ModelProto:
    """Return a graph that makes `y` of `x`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def opened(model: ModelProto) -> ort.InferenceSession:
    """Open a graph as the service does: on some CPUs it has to ask for sums that do not overflow."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return open_session(OnnxFile.read(path))


def run(model: ModelProto, x: Array) -> Array:
    """Return what a graph makes of `x`."""
    session = opened(model)
    found: Array = session.run(["y"], {"x": x})[0]
    return found


def kinds(model: ModelProto) -> list[str]:
    """Return the operators of a graph."""
    return [node.op_type for node in model.graph.node]
