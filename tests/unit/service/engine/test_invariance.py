"""A graph whose scores may depend on the batch is known as such."""

from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from service.engine.engine import Engine
from service.engine.onnx_file import OnnxFile
from service.engine.onnx_graph import is_batch_invariant
from tests.examples import WORDS
from tests.unit.service.full_precision import a_dynamic_graph, a_layered_graph
from tests.unit.service.models import an_engine

QUANTISER = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
BODY = helper.make_graph([QUANTISER], "body", [], [helper.make_tensor_value_info("y", TensorProto.UINT8, None)])


def a_file(path: Path, *nodes: NodeProto, functions: list[onnx.FunctionProto] | None = None) -> OnnxFile:
    """Return a file of these nodes beside some that are harmless, and with weights that look like one that is not."""
    weights = np.frombuffer(QUANTISER.SerializeToString() * 99, np.uint8)
    harmless = [helper.make_node("QuantizeLinear", ["x", "scale"], ["z"], name="DynamicQuantizeLinear", axis=-1)]
    graph = helper.make_graph(
        [*harmless, *nodes], "DynamicQuantizeLinear", [], [], [numpy_helper.from_array(weights, "weights")]
    )
    onnx.save(helper.make_model(graph, functions=functions or []), path)
    return OnnxFile.read(path)


def test_engine_of_a_dynamically_quantised_graph(tmp_path: Path):
    """A graph that takes one scale from a whole batch is marked, and one in which a pair's words do move others."""
    engine = an_engine(tmp_path / "mine", graph=a_dynamic_graph().SerializeToString())
    assert not engine.batch_invariant
    good, best = engine.encode(engine.query("q"), ["good", "best"], 8).pairs
    assert engine.score([good]) != engine.score([good, best])[:1]


def test_engine_of_another_graph(embedded: Engine, tmp_path: Path):
    """Graphs in fp32, and those with a scale for each token, are not marked."""
    assert an_engine(tmp_path / "mine", graph=a_layered_graph().SerializeToString()).batch_invariant
    assert embedded.batch_invariant


def test_harmless_graph(tmp_path: Path):
    """Neither names nor weights that look like an operator are taken for one."""
    assert is_batch_invariant(a_file(tmp_path / "model.onnx"))


@pytest.mark.parametrize("operator", ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"])
def test_operator(operator: str, tmp_path: Path):
    """Every operator that quantises whole batches is known."""
    assert not is_batch_invariant(a_file(tmp_path / "model.onnx", helper.make_node(operator, ["x"], ["y"])))


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("If", ["yes"], ["y"], then_branch=BODY, else_branch=BODY),
        helper.make_node("Loop", ["", ""], ["y"], body=BODY),
        helper.make_node("Several", [], ["y"], bodies=[BODY, BODY]),
    ],
)
def test_inner_graph(node: NodeProto, tmp_path: Path):
    """Branches and bodies of loops are looked into."""
    assert not is_batch_invariant(a_file(tmp_path / "model.onnx", node))


def test_function(tmp_path: Path):
    """Functions of a model are looked into."""
    function = helper.make_function("mine", "f", ["x"], ["y"], [QUANTISER], [helper.make_opsetid("", 17)])
    assert not is_batch_invariant(a_file(tmp_path / "model.onnx", functions=[function]))


@pytest.mark.parametrize("seed", range(24, 32))
def test_embedded_model(seed: int, embedded: Engine):
    """The embedded model scores pairs alike to the last bit alone and together, whatever the query."""
    random = Random(seed)
    query = embedded.query(" ".join(random.choices(WORDS, k=random.randint(1, 40))))
    documents = [" ".join(random.choices(WORDS, k=random.randint(3, 40))) for _ in range(8)]
    pairs = embedded.encode(query, documents, 4096).pairs
    assert embedded.score(pairs) == [embedded.score([pair])[0] for pair in pairs]
