"""A graph is given the inputs that it asks for, or is refused with the reason."""

import math
from pathlib import Path

import pytest

from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from tests.unit.service.graphs import INT32, INT64, a_graph
from tests.unit.service.models import a_directory, an_engine, score, tiny_table


@pytest.mark.parametrize(
    ("read", "at", "seen"),
    [
        ("input_ids", 0, "[CLS]"),
        ("input_ids", 2, "[SEP]"),
        ("input_ids", 4, "[SEP]"),
        ("attention_mask", 0, 1),
        ("attention_mask", 4, 1),
        ("token_type_ids", 0, 0),
        ("token_type_ids", 2, 0),
        ("token_type_ids", 3, 1),
        ("token_type_ids", 4, 1),
    ],
)
def test_what_the_graph_reads(read: str, at: int, seen: str | int, tmp_path: Path):
    """Ids, mask and types of a pair reach the graph at their places."""
    table = [float(number) for number in range(10)]
    engine = an_engine(tmp_path / "mine", graph=a_graph(table, read=read, at=[at]))
    number = {"[CLS]": 2, "[SEP]": 3}.get(str(seen), seen)
    long, short = engine.encode(engine.query("q"), ["q q q q", "q"], 4096).pairs
    assert engine.score([long, short])[1] == pytest.approx(1 / (1 + math.exp(-int(number))))


@pytest.mark.parametrize(("read", "expected"), [("input_ids", 5), ("attention_mask", 0), ("token_type_ids", 0)])
def test_padding(read: str, expected: int, tmp_path: Path):
    """A short pair beside a long one is filled up with the model's padding, and masked."""
    config = {"max_position_embeddings": 32, "pad_token_id": 5}
    graph = a_graph([float(number) for number in range(10)], read=read, at=[6])
    engine = an_engine(tmp_path / "mine", config=config, graph=graph)
    long, short = engine.encode(engine.query("q"), ["q q q q", "q"], 4096).pairs
    assert engine.score([long, short])[1] == pytest.approx(1 / (1 + math.exp(-expected)))


@pytest.mark.parametrize("inputs", [("input_ids",), ("input_ids", "attention_mask"), ("token_type_ids", "input_ids")])
def test_graph_with_fewer_inputs(inputs: tuple[str, ...], tmp_path: Path):
    """A graph is given no more inputs than it asks for."""
    graph = a_graph(tiny_table(), at=[3], inputs=dict.fromkeys(inputs, INT64))
    assert score(an_engine(tmp_path / "mine", graph=graph), "q", "fair") == [0.5]


def test_flat_output(tmp_path: Path):
    """A graph may answer with one number a pair, in a column or not."""
    graph = a_graph(tiny_table(), at=3, columns=None)
    assert score(an_engine(tmp_path / "mine", graph=graph), "q", "fair", "fair") == [0.5, 0.5]


def test_unknown_input(tmp_path: Path):
    """A graph that asks for what this service does not have is refused, and the input named."""
    graph = a_graph(tiny_table(), at=[3], inputs={"input_ids": INT64, "position_ids": INT64})
    with pytest.raises(ModelError, match=r"model\.onnx: input .position_ids. of type .* is not supported"):
        an_engine(tmp_path / "mine", graph=graph)


def test_inputs_of_another_type(tmp_path: Path):
    """A graph that asks for numbers of another size is refused at load, or served right."""
    graph = a_graph(tiny_table(), at=[3], inputs={"input_ids": INT32})
    try:
        engine = an_engine(tmp_path / "mine", graph=graph)
    except ModelError as error:
        assert "input_ids" in str(error)  # noqa: PT017  # One of two right endings.
    else:
        assert score(engine, "q", "fair") == [0.5]


def test_two_columns(tmp_path: Path):
    """A graph with two numbers a pair is a classifier, and refused, whatever its config says."""
    graph = a_graph(tiny_table(), at=[3, 3], columns=2)
    with pytest.raises(ModelError, match=r"model\.onnx: output 'logits' has shape .*2.*; expected one logit per pair"):
        an_engine(tmp_path / "mine", graph=graph)


@pytest.mark.parametrize("raw", [b"", b"not a graph", a_graph([0.0], at=[3])[:40]])
def test_no_graph(raw: bytes, tmp_path: Path):
    """A file that holds no graph, or not all of it, is named with the reason."""
    path = a_directory(tmp_path / "mine")
    (path / "model.onnx").write_bytes(raw)
    with pytest.raises(ModelError, match=f"{path / 'model.onnx'} is not an ONNX file, or is truncated"):
        Engine(ModelDirectory.read(path))


@pytest.mark.parametrize("raw", [b"\x08\x08", a_graph([0.0], at=[3]).replace(b"Gather", b"Gothic")])
def test_graph_that_cannot_be_loaded(raw: bytes, tmp_path: Path):
    """A graph that the runtime refuses is named with its reason."""
    path = a_directory(tmp_path / "mine", graph=raw)
    with pytest.raises(ModelError, match=f"{path / 'model.onnx'} cannot be loaded: "):
        Engine(ModelDirectory.read(path))
