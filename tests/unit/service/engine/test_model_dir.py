"""A model directory is read as its library reads it, or refused with the file at fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from tests.unit.service.models import a_directory

CONFIG: dict[str, Any] = {"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}
ROBERTAS = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""They never use the positions up to their padding id."""


def read(path: Path, **config: Any) -> ModelDirectory:
    """Return a directory that is right but for these entries of its config.json."""
    return ModelDirectory.read(a_directory(path / "mine", config=CONFIG | config))


def test_finds_its_files(tmp_path: Path):
    """The files are found where they are, and the model is named after its directory."""
    directory = read(tmp_path, pad_token_id=3)
    assert directory.name == "mine"
    assert directory.graph == tmp_path / "mine" / "model.onnx"
    assert directory.tokenizer == tmp_path / "mine" / "tokenizer.json"
    assert directory.context == 512
    assert directory.pad_id == 3


def test_name_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model is named after its directory even when the path does not name it."""
    monkeypatch.chdir(a_directory(tmp_path / "mine"))
    assert ModelDirectory.read(Path()).name == "mine"


def test_graph_under_onnx(tmp_path: Path):
    """A graph in the onnx folder is taken."""
    path = a_directory(tmp_path / "mine")
    (path / "onnx").mkdir()
    (path / "model.onnx").rename(path / "onnx" / "model.onnx")
    assert ModelDirectory.read(path).graph == path / "onnx" / "model.onnx"


def test_graph_under_onnx_is_preferred(tmp_path: Path):
    """The graph in the onnx folder is preferred to one beside it."""
    path = a_directory(tmp_path / "mine")
    (path / "onnx").mkdir()
    (path / "onnx" / "model.onnx").write_bytes((path / "model.onnx").read_bytes())
    assert ModelDirectory.read(path).graph == path / "onnx" / "model.onnx"


def test_quantised_graph_is_not_taken_by_itself(tmp_path: Path):
    """A quantised graph scores differently, and is not taken because no other is there."""
    path = a_directory(tmp_path / "mine")
    (path / "onnx").mkdir()
    (path / "model.onnx").rename(path / "onnx" / "model_quantized.onnx")
    with pytest.raises(ModelError, match=rf"name one of its files, such as {path}/onnx/model_quantized\.onnx; its"):
        ModelDirectory.read(path)


def roberta(positions: int) -> dict[str, Any]:
    """Return the config of a RoBERTa, which leaves the padding id to its family's default."""
    return {"model_type": "roberta", "max_position_embeddings": positions}


@pytest.mark.parametrize(
    ("config", "tokenizer_config", "context"),
    [
        (CONFIG, None, 512),
        (CONFIG | {"pad_token_id": 1}, None, 512),
        *((roberta(514) | {"pad_token_id": 1, "model_type": kind}, None, 512) for kind in ROBERTAS),
        (roberta(8194) | {"pad_token_id": 1, "model_type": "xlm-roberta"}, None, 8192),
        (roberta(514), None, 512),
        ({"model_type": "modernbert", "max_position_embeddings": 8192, "pad_token_id": 50283}, None, 8192),
        ({"model_type": None, "max_position_embeddings": 512, "pad_token_id": None}, None, 512),
        *((CONFIG, {"model_max_length": allowed}, 128) for allowed in (128, 128.0)),
        *((CONFIG, {"model_max_length": allowed}, 512) for allowed in (512, 1024, 1e30, 10**30, None)),
        (CONFIG, {}, 512),
        ({"model_type": "t5"}, {"model_max_length": 256}, 256),
    ],
)
def test_context(config: dict[str, Any], tokenizer_config: dict[str, object] | None, context: int, tmp_path: Path):
    """A model reads as many tokens as its family uses positions, and no more than its tokenizer's config says."""
    path = a_directory(tmp_path / "mine", config=config)
    if tokenizer_config is not None:
        (path / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    assert ModelDirectory.read(path).context == context


@pytest.mark.parametrize("positions", [16, 15, 0, -1])
def test_shortest_context(positions: int, tmp_path: Path):
    """A context too short for a query and a document is refused, and said to be."""
    if positions >= 16:
        assert read(tmp_path, max_position_embeddings=positions).context == positions
    else:
        with pytest.raises(ModelError, match=f"a context of {positions} tokens is too short"):
            read(tmp_path, max_position_embeddings=positions)


@pytest.mark.parametrize("config", [{"num_labels": 1}, {"id2label": {"0": "relevance"}}, {}])
def test_one_label(config: dict[str, Any], tmp_path: Path):
    """A model with one label, however it says so, is a reranker."""
    assert read(tmp_path, **config)


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"num_labels": 2}, 2),
        ({"id2label": {"0": "no", "1": "yes"}}, 2),
        ({"id2label": {"0": "contradiction", "1": "entailment", "2": "neutral"}}, 3),
    ],
)
def test_several_labels(config: dict[str, Any], labels: int, tmp_path: Path):
    """A classifier of several labels is refused, and the message counts them."""
    with pytest.raises(ModelError, match=rf"config\.json: the model has {labels} labels; a reranker has one"):
        read(tmp_path, **config)


def test_missing_directory(tmp_path: Path):
    """A directory that is not there is named."""
    with pytest.raises(ModelError, match=f"model directory {tmp_path / 'none'} does not exist"):
        ModelDirectory.read(tmp_path / "none")


def test_file_for_a_directory(tmp_path: Path):
    """A file is not a model directory, and what to name in its place is said."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.safetensors is a file: name its directory, or an ONNX file"):
        ModelDirectory.read(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_missing_file(name: str, tmp_path: Path):
    """A file that is missing is named with its directory, and what is there is said."""
    path = a_directory(tmp_path / "mine")
    (path / name).unlink()
    with pytest.raises(ModelError, match=rf"{path} has no {name}: .*; its files: .*model\.onnx"):
        ModelDirectory.read(path)


def test_empty_directory(tmp_path: Path):
    """A directory with nothing in it is said to be one."""
    with pytest.raises(ModelError, match=r"has no config\.json: name a model directory; its files: none$"):
        ModelDirectory.read(tmp_path)


@pytest.mark.parametrize("deeper", ["mine", "snapshots/0123456789"])
def test_folder_of_a_model_directory(deeper: str, tmp_path: Path):
    """The error for a folder that contains a model directory names that directory."""
    path = a_directory(tmp_path / deeper)
    with pytest.raises(ModelError, match=rf"{tmp_path} has no config\.json: name {path}, which has one"):
        ModelDirectory.read(tmp_path)


@pytest.mark.parametrize("name", ["vocab.txt", "vocab.json", "spm.model", "sentencepiece.bpe.model"])
def test_only_a_slow_tokenizer(name: str, tmp_path: Path):
    """A model with the vocabulary of a tokenizer of the older kind is told how to write the newer one."""
    path = a_directory(tmp_path / "mine")
    (path / "tokenizer.json").rename(path / name)
    with pytest.raises(ModelError, match=r"has no tokenizer\.json: write it, python -c .*AutoTokenizer.*mine"):
        ModelDirectory.read(path)


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin", "deep/model.gguf"])
def test_not_exported(weights: str, tmp_path: Path):
    """A model in another format is told which it has, and how to export it."""
    path = a_directory(tmp_path / "mine")
    (path / "deep").mkdir()
    (path / "model.onnx").rename(path / weights)
    with pytest.raises(ModelError, match=rf"its weights: {weights}\. Export it with `optimum-cli .* {path} DIRECTORY`"):
        ModelDirectory.read(path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"{", "EOF"), (b"", "EOF"), (b"\xff\xfe", "expected value"), (b"[]", "should be an object")],
)
def test_broken_json(name: str, raw: bytes, reason: str, tmp_path: Path):
    """A file that does not hold what it should is named with the reason."""
    path = a_directory(tmp_path / "mine")
    (path / name).write_bytes(raw)
    with pytest.raises(ModelError, match=f"{path / name} cannot be read: .*{reason}"):
        ModelDirectory.read(path)


def test_nothing_bounds_the_length(tmp_path: Path):
    """A model that does not say how much it reads is refused: a guess would cut texts or crash the graph."""
    with pytest.raises(ModelError, match="has no max_position_embeddings, and nothing else bounds the length"):
        read(tmp_path, max_position_embeddings=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pad_token_id", "none"),
        ("pad_token_id", [0]),
        ("id2label", 2),
        ("model_type", ["bert"]),
        ("num_labels", "one"),
        ("max_position_embeddings", "512"),
        ("max_position_embeddings", [512]),
    ],
)
def test_value_of_a_wrong_type(name: str, value: object, tmp_path: Path):
    """An entry that is not what it should be is named, not a crash."""
    with pytest.raises(ModelError, match=rf"config\.json cannot be read: {name}"):
        read(tmp_path, **{name: value})


def test_wrong_type_in_the_tokenizers_configuration(tmp_path: Path):
    """The tokenizer's configuration is looked at as closely."""
    path = a_directory(tmp_path / "mine")
    (path / "tokenizer_config.json").write_text('{"model_max_length": [512]}')
    with pytest.raises(ModelError, match=r"tokenizer_config\.json cannot be read: model_max_length"):
        ModelDirectory.read(path)
