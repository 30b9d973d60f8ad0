"""Tiny models and tokenizers: real to the engine, small enough to build for one test."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from tests.unit.service.graphs import a_graph

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LOGITS = {"worst": -2.0, "bad": -1.0, "fair": 0.0, "good": 1.0, "best": 2.0}
"""The logit of the tiny model for a pair of a one-word query and a document that begins with the word."""
WINDOW = 28
"""Document tokens a pair of the tiny model holds beside a one-word query."""
_OTHER = -4.0
_VOCABULARY = {word: number for number, word in enumerate((*SPECIALS, *LOGITS, "q"))}
_CORPUS = [
    "the capital of the United States is Washington",
    "  spaces   and\nnewlines",
    "numbers 1234 5678",
    "東京 漢字",
]


def tiny_tokenizer() -> Tokenizer:
    """Return a tokenizer of whole words that lays out pairs as BERT's do."""
    tokenizer = Tokenizer(models.WordLevel(_VOCABULARY, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", _VOCABULARY["[CLS]"]), ("[SEP]", _VOCABULARY["[SEP]"])],
    )
    return tokenizer


def roberta_tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer that lays out pairs as RoBERTa's do: two separators, no token types."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*_CORPUS, " " * 40, "\n" * 9] * 20, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def sentencepiece_tokenizer() -> Tokenizer:
    """Return a unigram tokenizer with spaces for letters, laid out as XLM-RoBERTa's do."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",  # noqa: S106
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS * 20, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def a_directory(
    path: Path,
    *,
    config: Mapping[str, Any] | None = None,
    tokenizer: Tokenizer | None = None,
    graph: bytes | None = None,
) -> Path:
    """Write a model directory, a servable one unless told otherwise, and return it."""
    path.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {"model_type": "bert", "max_position_embeddings": 32, "pad_token_id": 0, "num_labels": 1}
    (path / "config.json").write_text(json.dumps(known if config is None else config))
    (tokenizer or tiny_tokenizer()).save(str(path / "tokenizer.json"))
    (path / "model.onnx").write_bytes(graph or a_graph(tiny_table(), at=[3]))
    return path


def tiny_table(**logits: float) -> list[float]:
    """Return the logit of each token of the tiny tokenizer."""
    known = LOGITS | logits
    return [known.get(word, _OTHER) for word in _VOCABULARY]


def an_engine(path: Path, **parts: Any) -> Engine:
    """Return the engine of a tiny model directory written at `path`."""
    return Engine(ModelDirectory.read(a_directory(path, **parts)))


def score(engine: Engine, query: str, *documents: str) -> list[float]:
    """Return the scores of one-window documents."""
    return engine.score(engine.encode(engine.query(query), list(documents), 4096).pairs)
