"""A softmax whose sums are products gives the same to the last digits, in any batch."""

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from service.convert.graph_writer import GraphWriter
from service.convert.softmax import Softmax
from tests.unit.service.engine.operator_graphs import Array, a_model, kinds, run

RANDOM = np.random.default_rng(5)
WIDE = 37
LOGITS = RANDOM.standard_normal((2, 5, WIDE)).astype(np.float32) * 9
VALUES = RANDOM.standard_normal((WIDE, 7)).astype(np.float32)
SOFTMAX = helper.make_node("Softmax", ["x"], ["p"], axis=-1)
ATTEND = helper.make_node("MatMul", ["p", "v"], ["y"])


def expected(x: Array) -> Array:
    """Return the softmax of each row, from sums in fp64."""
    powers = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    found: Array = powers / powers.sum(-1, keepdims=True)
    return found


def written(*nodes: NodeProto, opset: int = 17, besides: tuple[str, ...] = ()) -> ModelProto:
    """Return a graph of these nodes, rewritten."""
    model = a_model(*nodes, opset=opset, v=VALUES)
    writer = GraphWriter(model)
    softmax = Softmax(writer, model.graph, besides)
    for node in model.graph.node:
        if not softmax.write(node):
            writer.keep(node)
    return writer.model()


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 21])
def test_attention(opset: int):
    """A softmax that is only multiplied is divided after the product, which has fewer numbers."""
    model = written(SOFTMAX, ATTEND, opset=opset)
    assert "Softmax" not in kinds(model)
    assert kinds(model)[-1] == "Div"
    assert run(model, LOGITS) == pytest.approx(expected(LOGITS) @ VALUES, abs=1e-5)


@pytest.mark.parametrize(
    ("nodes", "answer"),
    [
        ([helper.make_node("Softmax", ["x"], ["y"])], expected(LOGITS)),
        ([SOFTMAX, helper.make_node("Mul", ["p", "p"], ["y"])], expected(LOGITS) ** 2),
        (
            [
                *(SOFTMAX, helper.make_node("MatMul", ["p", "v"], ["q"])),
                *(helper.make_node("ReduceSum", ["p"], ["s"], keepdims=0), helper.make_node("Mul", ["q", "s"], ["y"])),
            ],
            expected(LOGITS) @ VALUES * 10,
        ),
        (
            [
                *(SOFTMAX, helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1])),
                helper.make_node("MatMul", ["t", "p"], ["y"]),
            ],
            LOGITS.transpose(0, 2, 1) @ expected(LOGITS),
        ),
    ],
    ids=["answer", "no-product", "two-readers", "second-of-a-product"],
)
def test_other_readers(nodes: list[NodeProto], answer: Array):
    """A softmax has the same result for any node that reads it."""
    model = written(*nodes)
    assert "Softmax" not in kinds(model)
    assert run(model, LOGITS) == pytest.approx(answer, rel=1e-5, abs=1e-5)


def test_a_product_that_is_written_otherwise():
    """A product that somebody else writes finds the softmax divided."""
    model = written(SOFTMAX, ATTEND, besides=("y",))
    assert kinds(model)[-2:] == ["Div", "MatMul"]
    assert run(model, LOGITS) == pytest.approx(expected(LOGITS) @ VALUES, abs=1e-5)


def test_read_within_a_branch():
    """A softmax that a branch reads, too, is divided at once."""
    model = written(
        SOFTMAX,
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["i"], then_branch=a_branch("p"), else_branch=a_branch("x")),
        helper.make_node("MatMul", ["p", "v"], ["q"]),
        helper.make_node("MatMul", ["i", "v"], ["j"]),
        helper.make_node("Add", ["q", "j"], ["y"]),
    )
    assert run(model, LOGITS) == pytest.approx(2 * expected(LOGITS) @ VALUES, abs=1e-5)


def a_branch(read: str) -> GraphProto:
    """Return a branch that answers with what it reads outside of itself."""
    answer = helper.make_empty_tensor_value_info(f"{read} there")
    return helper.make_graph([helper.make_node("Identity", [read], [answer.name])], "branch", [], [answer])


@pytest.mark.parametrize(
    ("node", "opset"),
    [
        (helper.make_node("Softmax", ["x"], ["y"], axis=1), 17),
        (helper.make_node("Softmax", ["x"], ["y"], axis=0), 17),
        (helper.make_node("Softmax", ["x"], ["y"]), 12),
        (helper.make_node("LogSoftmax", ["x"], ["y"], axis=-1), 17),
    ],
)
def test_left_alone(node: NodeProto, opset: int):
    """A softmax that is not over the last axis, or does not say so, stays as it is."""
    assert kinds(written(node, opset=opset)) == [node.op_type]


def test_extremes():
    """Nothing overflows; what is masked weighs nothing, and a row of which all is masked is no number, as before."""
    x = np.stack([LOGITS[0], LOGITS[0] + 1e4, LOGITS[0] - 1e4])
    x[:, :, 5:] = -np.inf
    model = written(helper.make_node("Softmax", ["x"], ["y"]))
    found = run(model, x)
    assert found == pytest.approx(expected(x), abs=1e-5)
    assert (found[:, :, 5:] == 0).all()
    assert np.isnan(
        run(written(helper.make_node("Softmax", ["x"], ["y"])), np.full((1, 1, 4), -np.inf, np.float32))
    ).all()


def test_padding_moves_no_bit():
    """Masked values at the end of a row move no bit of those before them."""
    long = np.concatenate([LOGITS, np.full((2, 5, 27), -1e9, np.float32)], axis=-1)
    model = written(helper.make_node("Softmax", ["x"], ["y"]))
    assert np.array_equal(run(model, long)[:, :, :WIDE], run(model, LOGITS))
