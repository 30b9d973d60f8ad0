"""A product in int8 is near that in fp32, in every way that graphs write it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from service.convert.rowwise import products, rewritten
from tests.unit.service.engine.operator_graphs import a_model, kinds, opened, run

WIDE, SIDE = 96, 64
RANDOM = np.random.default_rng(7)
WEIGHTS = RANDOM.standard_normal((WIDE, SIDE)).astype(np.float32)
BIAS = RANDOM.standard_normal(SIDE).astype(np.float32)
TOKENS = RANDOM.standard_normal((2, 5, WIDE)).astype(np.float32)
NEAR = 0.5
"""The error that these products may have: they are of the order of 10, and sums of 96 that each lose a 254th."""


def a_product(opset: int = 17) -> ModelProto:
    """Return the graph of one product."""
    return a_model(helper.make_node("MatMul", ["x", "w"], ["y"]), opset=opset, w=WEIGHTS)


def int8(model: ModelProto) -> ModelProto:
    """Return a graph with all products in int8."""
    return rewritten(model, products(model))


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 21])
def test_product(opset: int):
    """In any opset, a product in int8 is near that in fp32, and its weights take a quarter of the room."""
    model = a_product(opset)
    quick = int8(model)
    assert "MatMulIntegerToFloat" in kinds(quick)
    assert "MatMul" not in kinds(quick)
    assert run(quick, TOKENS) == pytest.approx(TOKENS @ WEIGHTS, abs=NEAR)
    assert quick.ByteSize() < model.ByteSize() / 2


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_gemm(turned: bool, biased: bool):  # noqa: FBT001
    """A layer with its weights turned around and with a bias comes out right, too."""
    inputs = ["x", "w", "b"] if biased else ["x", "w"]
    node = helper.make_node("Gemm", inputs, ["y"], transB=int(turned))
    model = a_model(node, w=np.ascontiguousarray(WEIGHTS.T) if turned else WEIGHTS, b=BIAS)
    quick = int8(model)
    assert "Gemm" not in kinds(quick)
    expected = TOKENS[0] @ WEIGHTS + (BIAS if biased else 0)
    assert run(quick, TOKENS[0]) == pytest.approx(expected, abs=NEAR)


@pytest.mark.parametrize("way", ["Turned", "Transpose", "Still", "Identity", "Constant"])
def test_weights_by_another_way(way: str):
    """Weights that are turned around or renamed in the graph, or made by a node, are found."""
    made = {
        "Turned": helper.make_node("Transpose", ["t"], ["w"]),
        "Still": helper.make_node("Transpose", ["i"], ["w"], perm=[0, 1]),
        "Transpose": helper.make_node("Transpose", ["t"], ["w"], perm=[1, 0]),
        "Identity": helper.make_node("Identity", ["i"], ["w"]),
        "Constant": helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHTS)),
    }
    weights = {"t": np.ascontiguousarray(WEIGHTS.T), "i": WEIGHTS}
    constants: dict[str, Any] = {name: value for name, value in weights.items() if name in made[way].input}
    model = a_model(made[way], helper.make_node("MatMul", ["x", "w"], ["y"]), **constants)
    quick = int8(model)
    assert made[way].op_type not in kinds(quick)
    assert run(quick, TOKENS) == pytest.approx(TOKENS @ WEIGHTS, abs=NEAR)
    assert quick.ByteSize() < model.ByteSize() / 2


def test_shared_input():
    """Products of the same activations quantise them once; of shared weights each has a copy, which any CPU loads."""
    nodes = [helper.make_node("MatMul", ["x", "w"], [name]) for name in ("q", "k")]
    quick = int8(a_model(*nodes, helper.make_node("Add", ["q", "k"], ["y"]), w=WEIGHTS))
    assert kinds(quick).count("QuantizeLinear") == 1
    assert kinds(quick).count("MatMulIntegerToFloat") == 2
    assert sum(tensor.data_type == TensorProto.INT8 for tensor in quick.graph.initializer) == 2
    assert run(quick, TOKENS) == pytest.approx(2 * TOKENS @ WEIGHTS, abs=2 * NEAR)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_sum_is_cut_off(bounded: object, sign: int):
    """The largest activations times the largest weights come out as they are, on whatever CPU, in either form."""
    signs = RANDOM.choice(np.array([-1, 1], np.float32), (WIDE, SIDE))
    signs[:, 0] = sign
    model = a_model(helper.make_node("MatMul", ["x", "w"], ["y"]), w=signs)
    quick = rewritten(model, products(model), bounded=bool(bounded))
    rows = np.concatenate([np.ones((1, WIDE), np.float32), signs.T, -signs.T])
    assert run(quick, rows) == pytest.approx(rows @ signs, rel=1e-5, abs=1e-4)


def test_only_what_was_chosen():
    """Products that were not chosen stay in fp32, with their weights."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["q"]), helper.make_node("MatMul", ["x", "v"], ["k"])]
    model = a_model(*nodes, helper.make_node("Add", ["q", "k"], ["y"]), w=WEIGHTS, v=WEIGHTS * 3)
    first, second = products(model)
    quick = rewritten(model, [second])
    assert [node.output[0] for node in quick.graph.node if node.op_type == "MatMul"] == [first.name]
    assert run(quick, TOKENS) == pytest.approx(4 * TOKENS @ WEIGHTS, abs=3 * NEAR)
    again = int8(quick)
    assert kinds(again).count("MatMulIntegerToFloat") == 2
    assert run(again, TOKENS) == pytest.approx(4 * TOKENS @ WEIGHTS, abs=4 * NEAR)


@pytest.mark.parametrize(
    ("node", "weights"),
    [
        (helper.make_node("MatMul", ["x", "x"], ["y"]), WEIGHTS),
        (helper.make_node("MatMul", ["w", "x"], ["y"]), WEIGHTS),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), WEIGHTS[:, : SIDE - 1]),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), WEIGHTS.astype(np.float16)),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), WEIGHTS[None]),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), np.where(WEIGHTS > 3, np.inf, WEIGHTS)),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), WEIGHTS),
        (helper.make_node("Gemm", ["x", "w"], ["y"], alpha=2.0), WEIGHTS),
        (helper.make_node("Gemm", ["x", "w", "b"], ["y"], beta=2.0), WEIGHTS),
        (helper.make_node("MatMul", ["x", "w"], ["y"], domain="elsewhere"), WEIGHTS),
    ],
)
def test_left_alone(node: NodeProto, weights: npt.NDArray[Any]):
    """Products without constant weights, and those of forms or numbers that have no place in int8, stay as they are."""
    model = a_model(node, w=weights, b=BIAS)
    assert products(model) == []
    assert list(rewritten(model, []).graph.node) == [node]


def test_branches():
    """Tensors that only a branch of the graph reads are kept."""
    then, other = (
        helper.make_graph(
            [helper.make_node("Mul", ["z", name], [f"by {name}"])],
            name,
            [],
            [helper.make_tensor_value_info(f"by {name}", TensorProto.FLOAT, None)],
        )
        for name in ("b", "c")
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=other),
    ]
    quick = int8(a_model(*nodes, w=WEIGHTS, b=BIAS, c=-BIAS, yes=np.array(True)))  # noqa: FBT003
    assert run(quick, TOKENS) == pytest.approx(TOKENS @ WEIGHTS * BIAS, abs=3 * NEAR)


def test_weights_that_were_inputs():
    """Files that are so old that weights stand among the inputs ask for none but the real ones afterwards."""
    model = a_product(11)
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, WEIGHTS.shape))
    quick = int8(model)
    assert [value.name for value in quick.graph.input] == ["x"]
    assert run(quick, TOKENS) == pytest.approx(TOKENS @ WEIGHTS, abs=NEAR)


def test_zeros():
    """Rows and columns of zeros make zeros."""
    weights, tokens = WEIGHTS.copy(), TOKENS.copy()
    weights[:, 3] = tokens[0, 2] = 0
    found = run(int8(a_model(helper.make_node("MatMul", ["x", "w"], ["y"]), w=weights)), tokens)
    assert not found[0, 2].any()
    assert not found[..., 3].any()
    assert found == pytest.approx(tokens @ weights, abs=NEAR)


@pytest.mark.parametrize("row", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, 0.0])
def test_rows_do_not_meet(row: float):
    """The values of one row change no bit of the products of the others."""
    quick, tokens = int8(a_product()), TOKENS.copy()
    tokens[1, 2] = row
    before, after = run(quick, TOKENS), run(quick, tokens)
    before[1, 2] = after[1, 2] = 0
    assert np.array_equal(before, after)


@pytest.mark.parametrize("row", [np.nan, np.inf, -np.inf])
def test_no_number_is_not_hidden(row: float):
    """A row without a finite number has no finite products."""
    tokens = TOKENS.copy()
    tokens[1, 2] = row
    assert not np.isfinite(run(int8(a_product()), tokens)[1, 2]).any()


def test_alone_and_together():
    """A row's products are the same to the last bit alone, and at any place among any number of others."""
    quick = int8(a_product())
    session = opened(quick)
    rows = np.concatenate([RANDOM.standard_normal((40, WIDE)) * scale for scale in (1e-3, 1, 50)]).astype(np.float32)
    alone = np.concatenate([session.run(None, {"x": row[None]})[0] for row in rows])
    for size in (2, 3, 7, 16, 33, 120):
        order = RANDOM.permutation(len(rows))
        for start in range(0, len(rows), size):
            some = order[start : start + size]
            assert np.array_equal(session.run(None, {"x": rows[some]})[0], alone[some])
