"""A real model in int8 scores near fp32, and alike in any batch."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from onnx import helper

from service.convert.quantisation import Conversion
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.engine.pair_layout import EncodedPair
from service.settings import EMBEDDED_MODEL
from tests.examples import DOCUMENTS, QUERY
from tests.unit.service.full_precision import a_layered_graph, embedded_in_fp32
from tests.unit.service.models import LOGITS, a_directory, score

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    """Write the embedded model in fp32."""
    path = tmp_path_factory.mktemp("whole") / "model.onnx"
    onnx.save(embedded_in_fp32(EMBEDDED_MODEL / "model.onnx"), path)
    return replace(ModelDirectory.read(EMBEDDED_MODEL), graph=path)


@pytest.fixture(scope="module")
def conversion(whole: ModelDirectory) -> Conversion:
    return Conversion(whole)


@pytest.fixture(scope="module")
def quick(conversion: Conversion) -> Engine:
    """Load the embedded model with all that can be in int8."""
    return conversion.engine(conversion.groups)


def some_pairs(engine: Engine, number: int) -> list[EncodedPair]:
    """Return pairs of many lengths."""
    random = Random(5)
    words = [word for text in (QUERY, *DOCUMENTS) for word in text.split()]
    texts = [" ".join(random.choices(words, k=int(random.lognormvariate(3, 1)) + 1)) for _ in range(number - 1)]
    return engine.encode(engine.query(QUERY), [*texts, " ".join(words * 3)], 400).pairs


def test_a_score_does_not_depend_on_the_batch(quick: Engine):
    """A pair scores the same to the last bit alone and in any batch, in any order, with any padding."""
    pairs = some_pairs(quick, 20)
    alone = [quick.score([pair])[0] for pair in pairs]
    random, order = Random(6), list(range(len(pairs)))
    for _ in range(2):
        random.shuffle(order)
        rest = order[:]
        while rest:
            batch, rest = rest[: (size := random.randint(1, 9))], rest[size:]
            assert quick.score([pairs[i] for i in batch]) == [alone[i] for i in batch]


def test_scores_are_those_of_fp32_but_for_a_little(whole: ModelDirectory, quick: Engine):
    """A score in int8 differs little from fp32, and no order changes that is not close."""
    pairs = some_pairs(quick, 24)
    before, after = ([engine.score([pair])[0] for pair in pairs] for engine in (Engine(whole), quick))
    assert after == pytest.approx(before, abs=0.05)
    assert after != before
    assert np.corrcoef(before, after)[0, 1] > 0.998


def test_what_is_computed_for_each_token_is_converted(conversion: Conversion):
    """All layers are converted, and of what is computed once a pair nothing."""
    names = [product.name for group in conversion.groups for product in group]
    assert len(names) == 24
    assert all("/layers." in name for name in names)


def test_weights_outside_of_the_file(tmp_path: Path):
    """A graph whose weights lie in a file beside it is converted to the same."""
    inside, outside = (ModelDirectory.read(a_directory(tmp_path / name)) for name in ("inside", "outside"))
    onnx.save(a_layered_graph(), inside.graph)
    onnx.save(a_layered_graph(), outside.graph, save_as_external_data=True, location="model.onnx_data")
    scores = []
    for directory in (inside, outside):
        conversion = Conversion(directory)
        scores.append(score(conversion.engine(conversion.groups), "q", *LOGITS))
    assert scores[0] == scores[1]


def test_weights_too_many_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Weights that one file cannot hold are written beside it, and scores are the same."""
    directory = ModelDirectory.read(a_directory(tmp_path / "mine", graph=a_layered_graph().SerializeToString()))
    conversion = Conversion(directory)
    expected = score(conversion.engine(conversion.groups), "q", *LOGITS)
    monkeypatch.setattr("service.convert.quantisation._FILE_MAX", 1000)
    conversion.write(conversion.groups, tmp_path / "new.onnx")
    assert (tmp_path / "new.onnx_data").is_file()
    assert score(Engine(replace(directory, graph=tmp_path / "new.onnx")), "q", *LOGITS) == expected


def test_old_opset(tmp_path: Path):
    """A graph that is too old is refused in words."""
    directory = ModelDirectory.read(a_directory(tmp_path / "mine", graph=a_layered_graph(opset=10).SerializeToString()))
    with pytest.raises(ModelError, match=r"model\.onnx has opset 10: export the model with opset 11 or newer"):
        Conversion(directory)


def test_products_in_functions(tmp_path: Path):
    """Products that an exporter put into functions of the model are found."""
    model = a_layered_graph()
    product = next(node for node in model.graph.node if node.op_type == "MatMul")
    made = helper.make_function(
        "mine", "Layer", ["x", "w"], ["y"], [helper.make_node("MatMul", ["x", "w"], ["y"])], model.opset_import
    )
    product.op_type, product.domain = "Layer", "mine"
    model.functions.append(made)
    model.opset_import.append(helper.make_opsetid("mine", 1))
    directory = ModelDirectory.read(a_directory(tmp_path / "mine", graph=model.SerializeToString()))
    assert len(Conversion(directory).groups) == 2
