"""Every family of cross-encoders gets the logits that the library it comes from gives to the same weights.

`make golden` made the models of `tests/golden` and asked the library for their logits.
"""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tokenizers import Tokenizer

from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.logit import logit
from service.engine.model_dir import ModelDirectory
from service.engine.pair_layout import EncodedPair
from tests.examples import GOLDEN
from tests.golden.texts import DOCUMENT_TOKENS, PAIRS

FAMILIES = [
    "bert",
    "deberta-v2",
    "distilbert",
    "electra",
    "minilm",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
]
TABLES = ["distilbert", "electra", "minilm", "mpnet", "roberta", "xlm-roberta"]
"""Families whose graph looks positions up in a table that ends with the context."""
TOLERANCE = 1e-4


class Expected(NamedTuple):
    """The reference library's result for one pair."""

    lengths: list[int]
    """Tokens of each window."""
    logit: float
    """Of the best one."""


@cache
def engine(family: str) -> Engine:
    """Return the engine of a golden model."""
    return Engine(ModelDirectory.read(GOLDEN / family))


@cache
def said(family: str) -> dict[str, Any]:
    """Return what `make golden` wrote down."""
    found: dict[str, Any] = json.loads((GOLDEN / family / "expected.json").read_text())
    return found


def expected(family: str) -> list[Expected]:
    """Return what the library says of each of `PAIRS`."""
    return [Expected(**one) for one in said(family)["pairs"]]


def encoded(family: str, query: str, document: str) -> list[EncodedPair]:
    """Return the windows of a pair."""
    model = engine(family)
    return model.encode(model.query(query), [document], DOCUMENT_TOKENS).pairs


def copied(family: str, path: Path) -> Path:
    """Return a copy of a golden model that may be changed."""
    return Path(shutil.copytree(GOLDEN / family, path / family))


@pytest.mark.parametrize("number", range(len(PAIRS)))
@pytest.mark.parametrize("family", FAMILIES)
def test_logits(family: str, number: int):
    """The score of a pair is the sigmoid of the library's logit, once, whichever activation the config names."""
    windows = encoded(family, *PAIRS[number])
    one = expected(family)[number]
    assert [pair.tokens for pair in windows] == one.lengths
    assert logit(max(engine(family).score(windows))) == pytest.approx(one.logit, abs=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_batch(family: str):
    """Pairs of any length score in one batch as they do alone: to the last bit, unless the graph itself forbids it."""
    windows = [pair for query, document in PAIRS for pair in encoded(family, query, document)]
    together, alone = engine(family).score(windows), [engine(family).score([pair])[0] for pair in windows]
    assert together == alone


@pytest.mark.parametrize("family", FAMILIES)
def test_context(family: str):
    """A model is read with all the tokens it holds, and no more."""
    assert engine(family).context == said(family)["context"]
    assert max(length for one in expected(family) for length in one.lengths) == engine(family).context


@pytest.mark.parametrize("family", TABLES)
def test_context_is_the_most_there_is(family: str):
    """One token more than the context has no position: a context that is one too large would fail its longest pairs."""
    full = max((pair for texts in PAIRS for pair in encoded(family, *texts)), key=lambda pair: pair.tokens)
    beyond = EncodedPair(full.head, full.tail.repeat([2] + [1] * (len(full.tail) - 1)))
    assert beyond.tokens == engine(family).context + 1
    with pytest.raises(Exception, match="Non-zero status code"):
        engine(family)._logits([beyond], beyond.tokens)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding(family: str):
    """Pairs are filled up with the token that the tokenizer has for it."""
    token = json.loads((GOLDEN / family / "tokenizer_config.json").read_text())["pad_token"]
    tokenizer = Tokenizer.from_file(str(GOLDEN / family / "tokenizer.json"))
    assert ModelDirectory.read(GOLDEN / family).pad_id == tokenizer.token_to_id(token)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [8, 20])
def test_saved_truncation_and_padding(length: int, family: str, tmp_path: Path):
    """Truncation and padding saved with a tokenizer change no score."""
    path = copied(family, tmp_path)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=30, direction="left")
    tokenizer.save(str(path / "tokenizer.json"))
    changed = Engine(ModelDirectory.read(path))
    query, document = PAIRS[0]
    found = changed.score(changed.encode(changed.query(query), [document], DOCUMENT_TOKENS).pairs)
    assert found == engine(family).score(encoded(family, query, document))


@pytest.mark.parametrize("family", FAMILIES)
def test_several_labels(family: str, tmp_path: Path):
    """A classifier of two labels is refused, whatever its family."""
    path = copied(family, tmp_path)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"id2label": {"0": "no", "1": "yes"}}))
    with pytest.raises(ModelError, match="the model has 2 labels; a reranker has one"):
        ModelDirectory.read(path)


@pytest.mark.parametrize("name", ["data2vec-text", "ibert", "longformer", "luke", "roberta-prelayernorm", "xmod"])
def test_offspring_of_roberta(name: str, tmp_path: Path):
    """Models that took RoBERTa's positions over hold as many tokens less than they have positions."""
    path = copied("roberta", tmp_path)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"model_type": name, "max_position_embeddings": 514}))
    assert ModelDirectory.read(path).context == 512


def test_graph_of_one_shape(tmp_path: Path):
    """A graph exported for one shape alone is refused at load, rather than failing the first pair of another."""
    path = copied("bert", tmp_path)
    graph = (path / "model.onnx").read_bytes()
    named, sixteen = b"\x12\x08sequence", b"\x08\x90" + b"\x80" * 7 + b"\x00"  # A dimension, by name and by number.
    assert graph.count(named) == 3
    (path / "model.onnx").write_bytes(graph.replace(named, sixteen))
    with pytest.raises(
        ModelError, match=r"model\.onnx: input 'input_ids' has the fixed shape \['batch', 16\]: export the model with"
    ):
        Engine(ModelDirectory.read(path))


@pytest.mark.parametrize("family", TABLES)
def test_fewer_positions_than_said(family: str, tmp_path: Path):
    """A graph with fewer positions than its configuration says is refused when it is warmed up: not a request, later.

    At load no pair is long enough to show it.
    """
    path = copied(family, tmp_path)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 512}))
    (path / "tokenizer_config.json").unlink()
    longer = Engine(ModelDirectory.read(path))
    with pytest.raises(ModelError, match=r"model\.onnx cannot be run: "):
        longer.warm_up()
