"""An engine scores a pair by the sigmoid of its logit, alike in any batch, and refuses a model it cannot run."""

import math
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from scheduler import Abort
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.engine.pair_layout import EncodedPair
from tests.examples import DOCUMENTS, QUERY, WASHINGTON
from tests.unit.service.graphs import INT64, a_graph
from tests.unit.service.models import LOGITS, a_directory, an_engine, roberta_tokenizer, score, tiny_table


def pairs(engine: Engine, number: int) -> list[EncodedPair]:
    """Return pairs of many lengths, most of them short, two long, some of the same text."""
    random = Random(3)
    words = [word for text in (QUERY, *DOCUMENTS) for word in text.split()]
    texts = [" ".join(random.choices(words, k=int(20 ** random.random()))) for _ in range(number)]
    texts[:2] = (" ".join(words), " ".join(words * 2))
    texts[number // 2 :: 7] = texts[: len(texts[number // 2 :: 7])]
    encoded = engine.encode(engine.query(QUERY), texts, 4096).pairs
    return encoded[:number]


def test_puts_the_answer_first(embedded: Engine):
    """The embedded model knows the capital of the United States."""
    scores = score(embedded, QUERY, *DOCUMENTS)
    assert scores.index(max(scores)) == WASHINGTON


@pytest.mark.slow
def test_scores_do_not_depend_on_the_batch(embedded: Engine):
    """A pair scores the same to the last bit alone, among others of any length, at any place, and beside its equal."""
    some = pairs(embedded, 200)
    alone = [embedded.score([pair])[0] for pair in some]
    assert all(0 <= score <= 1 for score in alone)
    equal = {pair.tail.tobytes(): score for pair, score in zip(some, alone, strict=True)}
    assert len(equal) < len(some)
    assert [equal[pair.tail.tobytes()] for pair in some] == alone
    order = list(range(len(some)))
    for seed, size in ((1, 3), (2, 11)):
        Random(seed).shuffle(order)
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            assert embedded.score([some[i] for i in batch]) == [alone[i] for i in batch]


def test_empty_document_is_scored(embedded: Engine):
    """An empty document has a score like any other."""
    assert 0 <= score(embedded, QUERY, "")[0] <= 1


def test_sigmoid_of_the_logit(tiny: Engine):
    """A score is the sigmoid of the model's logit, taken once."""
    expected = [1 / (1 + math.exp(-logit)) for logit in LOGITS.values()]
    assert score(tiny, "q", *LOGITS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("logit", "expected"),
    [(1e30, 1.0), (1e4, 1.0), (710, 1.0), (0, 0.5), (-710, 0.0), (-1e4, 0.0), (-1e30, 0.0)],
)
def test_extreme_logits(logit: float, expected: float, tmp_path: Path):
    """No logit is too large for its score."""
    engine = an_engine(tmp_path / "mine", graph=a_graph(tiny_table(good=logit), at=[3]))
    assert score(engine, "q", "good") == pytest.approx([expected], abs=1e-300)


@pytest.mark.parametrize(("logit", "expected"), [(math.inf, 1.0), (-math.inf, 0.0)])
def test_infinite_logits(logit: float, expected: float, tmp_path: Path):
    """An infinite logit is as sure as can be."""
    engine = an_engine(tmp_path / "mine", graph=a_graph(tiny_table(good=logit), at=[3]))
    assert score(engine, "q", "good") == [expected]


def test_order_of_logits_is_kept(tmp_path: Path):
    """A larger logit never scores less."""
    logits = {"worst": -30.0, "bad": -29.9, "fair": 0.0, "good": 1e-6, "best": 20.0}
    engine = an_engine(tmp_path / "mine", graph=a_graph(tiny_table(**logits), at=[3]))
    scores = score(engine, "q", *logits)
    assert scores == sorted(set(scores))


def test_nan_comes_out(tmp_path: Path):
    """A NaN of the model for one pair is a NaN of the engine for that pair alone."""
    engine = an_engine(tmp_path / "mine", graph=a_graph(tiny_table(bad=math.nan), at=[3]))
    good, bad = score(engine, "q", "good", "bad")
    assert math.isnan(bad)
    assert good == pytest.approx(0.731, abs=1e-3)


@pytest.mark.parametrize("raw", [b"", b"{", b"{}", b'{"model": {"type": "Unheard"}}', b"\xff"])
def test_corrupt_tokenizer(raw: bytes, tmp_path: Path):
    """A tokenizer that cannot be loaded is named with the reason."""
    path = a_directory(tmp_path / "mine")
    (path / "tokenizer.json").write_bytes(raw)
    with pytest.raises(ModelError, match=f"{path / 'tokenizer.json'} cannot be loaded: "):
        Engine(ModelDirectory.read(path))


@pytest.mark.parametrize("model", [models.BPE(), models.WordLevel({"[CLS]": 0}, unk_token="[UNK]")])  # noqa: S106
def test_tokenizer_that_knows_no_word(model: models.Model, tmp_path: Path):
    """A tokenizer that makes nothing of ordinary text is refused in words, not by a crash."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ModelError, match="tokenizer"):
        an_engine(tmp_path / "mine", tokenizer=tokenizer)


def test_name_and_context(tmp_path: Path):
    """An engine is named after its directory, and reads what its directory says."""
    engine = an_engine(tmp_path / "mine", config={"max_position_embeddings": 24})
    assert (engine.name, engine.context) == ("mine", 24)


def test_other_layout(tmp_path: Path):
    """A model with two separators and no types is served as well."""
    tokenizer = roberta_tokenizer()
    table = [float(number == 2) for number in range(tokenizer.get_vocab_size())]
    graph = a_graph(table, at=[3], inputs={"input_ids": INT64, "attention_mask": INT64})
    config = {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    engine = an_engine(tmp_path / "mine", config=config, tokenizer=tokenizer, graph=graph)
    assert score(engine, "a", "b") == pytest.approx([1 / (1 + math.exp(-1))])


@pytest.mark.parametrize("context", [16, 17, 100, 512])
def test_warm_up(context: int, tmp_path: Path):
    """At start, batches within the context are timed, one alone at least."""
    engine = an_engine(tmp_path / "mine", config={"max_position_embeddings": context})
    samples = engine.warm_up()
    assert samples
    assert all(sample.length <= context and sample.pairs >= 1 and sample.seconds > 0 for sample in samples)
    assert samples[0].pairs == 1


def test_a_graph_that_cannot_be_run(tmp_path: Path):
    """A graph that fails on ordinary tokens, as one with fewer of them than the tokenizer, is refused at start."""
    with pytest.raises(ModelError, match=r"model.onnx cannot be run: "):
        an_engine(tmp_path / "mine", graph=a_graph([1.0], at=[3]))


def test_warm_up_of_the_embedded_model(embedded: Engine):
    """The embedded model is timed at several sizes, so that costs can be told apart."""
    samples = embedded.warm_up()
    assert len({sample.length for sample in samples}) >= 3
    assert len({sample.pairs for sample in samples}) >= 2


def test_abort(embedded: Engine):
    """A run that is called off raises instead of going on, and the next one is none the worse."""

    class AtOnce(Abort):
        """Fires as soon as there is something to stop."""

        def arm(self, stop: Callable[[], None]) -> None:
            stop()

    pairs = embedded.encode(embedded.query("q"), ["some text"], 4096).pairs
    with pytest.raises(Exception, match=r"(?i)terminate"):
        embedded.score(pairs, AtOnce())
    assert embedded.score(pairs) == embedded.score(pairs, Abort())
