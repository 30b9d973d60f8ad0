"""The slower way is taken unless all weights of a graph are proven to fit."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from service.convert.rowwise import products, rewritten
from service.engine import session_factory
from service.engine.onnx_file import OnnxFile
from service.engine.onnx_graph import cannot_overflow
from service.settings import EMBEDDED_MODEL
from tests.unit.service.full_precision import a_dynamic_graph, a_layered_graph

FITS, OVER = np.full((4, 3), 64, np.int8), np.full((4, 3), 65, np.int8)


def proven(model: ModelProto, folder: Path, **saved: Any) -> bool:
    onnx.save(model, folder / "model.onnx", **saved)
    return cannot_overflow(OnnxFile.read(folder / "model.onnx"))


def a_graph(operator: str, *constants: TensorProto, inputs: tuple[str, ...] = ("x", "w")) -> ModelProto:
    return helper.make_model(helper.make_graph([helper.make_node(operator, inputs, ["y"])], "g", [], [], constants))


def tensor(value: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", name: str = "w") -> TensorProto:
    return numpy_helper.from_array(value, name)


def test_embedded_model():
    """The embedded model takes the fast way on every CPU."""
    assert cannot_overflow(OnnxFile.read(EMBEDDED_MODEL / "model.onnx"))


@pytest.mark.parametrize("bounded", [True, False])
def test_converted(bounded: bool, tmp_path: Path):  # noqa: FBT001
    """A graph is proven if it was converted so, wherever its weights are stored."""
    model = a_layered_graph()
    quick = rewritten(model, products(model), bounded=bounded)
    assert proven(quick, tmp_path) == bounded
    outside = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    assert proven(quick, tmp_path, **outside) == bounded


def test_no_products_of_bytes(tmp_path: Path):
    """A graph in fp32 has nothing to overflow."""
    assert proven(a_layered_graph(), tmp_path)


@pytest.mark.parametrize("operator", ["MatMulInteger", "MatMulIntegerToFloat"])
def test_weights(operator: str, tmp_path: Path):
    """Weights are looked at one by one; of those that are unsigned the runtime takes care."""
    assert proven(a_graph(operator, tensor(FITS)), tmp_path)
    assert proven(a_graph(operator, tensor(OVER.astype(np.uint8))), tmp_path)
    assert not proven(a_graph(operator, tensor(OVER)), tmp_path)
    last = FITS.copy()
    last[-1, -1] = 65
    assert not proven(a_graph(operator, tensor(last)), tmp_path)


@pytest.mark.parametrize(
    "operator",
    [
        *("QLinearMatMul", "QGemm", "QAttention", "QLinearConv", "QOrderedMatMul", "ConvInteger", "DequantizeLinear"),
        *("DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
    ],
)
def test_other_products(operator: str, tmp_path: Path):
    """Of other operators nothing is proven."""
    assert not proven(a_graph(operator, tensor(FITS)), tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        a_graph("MatMulInteger", tensor(FITS, "another")),
        a_graph("MatMulInteger", tensor(FITS), tensor(OVER)),
        a_graph("MatMulInteger", tensor(FITS), inputs=("x",)),
        a_graph("MatMulInteger", tensor(FITS[None])),
        a_graph("MatMulInteger", tensor(FITS.astype(np.int32))),
        a_graph("MatMulInteger", helper.make_tensor("w", TensorProto.INT8, [2, 1], [1, 1])),
        a_graph("MatMulInteger", TensorProto(name="w", data_type=TensorProto.INT8, dims=[2, 2], raw_data=b"\1")),
        a_graph("MatMulInteger", TensorProto(name="w", data_type=TensorProto.INT8, dims=[-1, 2], raw_data=b"\1\1")),
    ],
    ids=["computed", "twice", "none", "three-axes", "int32", "listed", "cut", "negative"],
)
def test_unclear_weights(model: ModelProto, tmp_path: Path):
    """Weights that are computed, or not where and what they are looked for, prove nothing."""
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert not cannot_overflow(OnnxFile.read(tmp_path / "model.onnx"))


def test_the_usual_dynamic_quantisation(tmp_path: Path):
    """Weights that other tools quantised are looked at, too: what those of an identity are is known to fit or not."""
    model = a_dynamic_graph()
    (weights,) = (t for t in model.graph.initializer if t.data_type == TensorProto.INT8)
    columns = numpy_helper.to_array(weights).astype(np.int16)
    fits = bool((np.abs(columns[::2]) + np.abs(columns[1::2]) <= 128).all())
    assert proven(model, tmp_path) == fits


@pytest.mark.parametrize(("overflows", "bounded"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_way_that_is_taken(overflows: object, bounded: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The slower way is taken where the CPU needs it and the weights do, and nowhere else."""
    model = a_layered_graph()
    onnx.save(rewritten(model, products(model), bounded=bool(bounded)), tmp_path / "model.onnx")
    monkeypatch.setattr(session_factory, "overflows", lambda: overflows)
    options = session_factory.open_session(OnnxFile.read(tmp_path / "model.onnx")).get_session_options()
    try:
        slower = options.get_session_config_entry("session.x64quantprecision") == "1"
    except RuntimeError:  # Not set.
        slower = False
    assert slower == (overflows and not bounded)
