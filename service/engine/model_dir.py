"""What a model directory holds and says about itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from service.engine.errors import ModelError
from service.engine.onnx_file import OnnxFile, OnnxFileError

GRAPHS = ("onnx/model.onnx", "model.onnx")
"""The graphs that are served without being named; those beside them, quantised perhaps, are not."""
_OFFSET_POSITIONS = {
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}
"""Model types that number positions from the padding id + 1 on, and so hold that many tokens less."""
_UNLIMITED = 1_000_000  # Tokenizer configurations say 1e30 for "no limit".
_CONTEXT_MIN = 16
_WEIGHTS = (".bin", ".gguf", ".h5", ".onnx", ".pt", ".safetensors")
_VOCABULARIES = ("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model", "vocab.json", "vocab.txt")
_NAMED_MAX = 12  # Files in a message.

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """The files of a cross-encoder, found and understood but not loaded."""

    path: Path
    graph: Path
    tokenizer: Path
    context: int
    """Tokens the model reads in one pass: query, document and special tokens."""
    pad_id: int
    typed: bool
    """Whether the model is told which text a token belongs to; if not, all are of type 0."""
    name: str
    """What the model is served under."""

    @classmethod
    def read(cls, path: Path, *, graph: Path | None = None, name: str | None = None) -> "ModelDirectory":
        """Read a directory with config.json, tokenizer.json and a graph: model.onnx, at the root or under onnx/.

        Another `graph` is taken only when it is given. The model is named for its directory, or else `name`.
        Raises ModelError.
        """
        path = path.resolve()
        if path.is_file():
            raise ModelError(f"{path} is a file: name its folder, or an ONNX file in it")
        if not path.is_dir():
            raise ModelError(f"model directory {path} does not exist")
        if not (path / "config.json").is_file():
            raise ModelError(_no_config(path))
        config = _read(_Config, path / "config.json")
        labels = config.num_labels or len(config.id2label or {}) or 1
        if labels != 1:
            raise ModelError(
                f"{path / 'config.json'}: the model has {labels} labels; a reranker has one, so name another model"
            )
        if graph is None:
            names = sorted(file.relative_to(path).as_posix() for file in _files(path))
            graph = path / usual_graph(names, subject=str(path), location=str(path), source=str(path))
        tokenizer = path / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelError(_no_tokenizer(path))
        settings = path / "tokenizer_config.json"
        tokenizer_config = _read(_TokenizerConfig, settings) if settings.is_file() else _TokenizerConfig()
        context = _context(path, config, tokenizer_config)
        return cls(path, graph, tokenizer, context, config.pad_id, tokenizer_config.typed, name or path.name)


def usual_graph(names: Sequence[str], *, subject: str, location: str, source: str) -> str:
    """Return which of a model's files is served if none is named: one that is quantised is only ever taken by name.

    `subject` is what a message calls the model, `location` what a setting does, `source` what an exporter would.
    Raises ModelError, which says what is there and what to do.
    """
    if usual := next((name for name in GRAPHS if name in names), None):
        return usual
    neither = f"{subject} has neither {' nor '.join(GRAPHS)}"
    if graphs := [name for name in names if name.endswith(".onnx")]:
        raise ModelError(
            f"{neither}: name one of its files, as in {location}/{graphs[0]}; {listed('ONNX files', graphs)}"
        )
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    raise ModelError(
        f"{neither}; {listed('weights', weights)}. "
        f"Export it (optimum-cli export onnx --model {source} DIRECTORY), and name the directory instead"
    )


def read_graph(path: Path) -> OnnxFile:
    """Read the graph of a model. Raises ModelError."""
    try:
        return OnnxFile.read(path)
    except OnnxFileError as error:
        raise ModelError(f"{path} {error}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None


def check_graph(graph: Path) -> None:
    """Raise ModelError unless `graph` is an ONNX file with all its external data where the runtime reads it.

    The runtime follows a link to data within the folder that the graph is really in.
    """
    folder = graph.resolve().parent
    for data in read_graph(graph).data:
        if not (graph.parent / data).is_file():
            raise ModelError(f"{graph} keeps weights in {data}, which is not beside it: copy it there, too")
        if not (graph.parent / data).resolve().is_relative_to(folder):
            raise ModelError(
                f"{graph} keeps weights in {data}, a link out of {folder}, which ONNX Runtime does not follow: "
                "put the file itself there"
            )


def listed(what: str, names: Sequence[str]) -> str:
    """Return the first of a model's files, for a message: `its weights: a, b`."""
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"its {what}: {', '.join(names[:_NAMED_MAX]) or 'none'}{more}"


def _files(path: Path) -> Iterable[Path]:
    """Return the files of a directory and of the folders in it."""
    return (file for pattern in ("*", "*/*") for file in path.glob(pattern) if file.is_file())


def _no_config(path: Path) -> str:
    deeper = next((found.parent for pattern in ("*", "*/*") for found in path.glob(f"{pattern}/config.json")), None)
    advice = f"{deeper} has one" if deeper else f"name the directory of a model; {listed('files', _content(path))}"
    return f"{path} holds no config.json: {advice}"


def _no_tokenizer(path: Path) -> str:
    if any((path / name).is_file() for name in _VOCABULARIES):
        write = f"AutoTokenizer.from_pretrained('{path}').save_pretrained('{path}')"
        return f'{path} holds no tokenizer.json: write it, python -c "from transformers import AutoTokenizer; {write}"'
    return f"{path} holds no tokenizer.json: copy it from where the model is from; {listed('files', _content(path))}"


def _content(path: Path) -> list[str]:
    return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in path.iterdir())


class _Config(BaseModel):
    """What is needed of config.json."""

    model_config = ConfigDict(strict=True)

    model_type: str | None = None
    num_labels: int | None = None
    id2label: dict[str, Any] | None = None
    max_position_embeddings: int | None = None
    pad_token_id: int | None = None

    @property
    def offset(self) -> bool:
        """Whether positions are numbered from the padding id + 1 on."""
        return self.model_type in _OFFSET_POSITIONS

    @property
    def pad_id(self) -> int:
        """The padding id, or what models of this type take for it."""
        return self.pad_token_id if self.pad_token_id is not None else int(self.offset)


class _TokenizerConfig(BaseModel):
    """What is needed of tokenizer_config.json."""

    model_max_length: float | None = None
    model_input_names: list[str] | None = None

    @property
    def typed(self) -> bool:
        """Whether token types are among what the model was trained on, as far as this says."""
        return self.model_input_names is None or "token_type_ids" in self.model_input_names


def _read(kind: type[C], path: Path) -> C:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
        raise ModelError(f"{path} cannot be read: {'; '.join(faults)}") from None


def _context(path: Path, config: _Config, tokenizer_config: _TokenizerConfig) -> int:
    """Return what the positions hold and the tokenizer's configuration allows, whichever is less."""
    limits = []
    if config.max_position_embeddings is not None:
        limits.append(config.max_position_embeddings - (config.pad_id + 1 if config.offset else 0))
    allowed = tokenizer_config.model_max_length
    if allowed is not None and allowed < _UNLIMITED:
        limits.append(int(allowed))
    if not limits:
        raise ModelError(
            f"{path / 'config.json'} has no max_position_embeddings, and nothing else bounds the length: "
            "say in tokenizer_config.json how many tokens it reads, model_max_length"
        )
    if min(limits) < _CONTEXT_MIN:
        raise ModelError(f"{path}: a context of {min(limits)} tokens is too short for a query and a document")
    return min(limits)
