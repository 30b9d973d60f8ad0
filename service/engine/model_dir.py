"""A model directory: its files and its configuration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from service.engine.errors import ModelError
from service.engine.onnx_file import OnnxFile, OnnxFileError

GRAPHS = ("onnx/model.onnx", "model.onnx")
"""The default graphs, in order of preference; any other graph is served only by name, as it may be quantised."""
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
"""Model types that number positions from the padding id + 1, which shortens their context by as much."""
_UNLIMITED = 1_000_000  # transformers writes model_max_length = 1e30 for "no limit".
_CONTEXT_MIN = 16
_WEIGHTS = (".bin", ".gguf", ".h5", ".onnx", ".pt", ".safetensors")
_VOCABULARIES = ("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model", "vocab.json", "vocab.txt")
_NAMED_MAX = 12  # Most files listed in a message.

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """The files and the configuration of a cross-encoder, not loaded."""

    path: Path
    graph: Path
    tokenizer: Path
    context: int
    """Most tokens of a pair: query, document and special tokens."""
    pad_id: int
    typed: bool
    """True if the model takes token types; otherwise all tokens are of type 0."""
    name: str
    """Name of the model in the APIs."""

    @classmethod
    def read(cls, path: Path, *, graph: Path | None = None, name: str | None = None) -> "ModelDirectory":
        """Read a directory with config.json, tokenizer.json and a graph.

        The default graph is onnx/model.onnx or model.onnx, the default name that of the directory. Raises ModelError.
        """
        path = path.resolve()
        if path.is_file():
            raise ModelError(f"{path} is a file: name its directory, or an ONNX file")
        if not path.is_dir():
            raise ModelError(f"model directory {path} does not exist")
        if not (path / "config.json").is_file():
            raise ModelError(_no_config(path))
        config = _read(_Config, path / "config.json")
        labels = config.num_labels or len(config.id2label or {}) or 1
        if labels != 1:
            raise ModelError(
                f"{path / 'config.json'}: the model has {labels} labels; a reranker has one: choose another model"
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
    """Return the default graph among the file `names` of a model.

    Messages use `subject` as the name of the model, `location` as its value in a setting, and `source` as the argument
    of an exporter. Raises ModelError, which lists the other graphs or the weights.
    """
    if usual := next((name for name in GRAPHS if name in names), None):
        return usual
    neither = f"{subject} has neither {' nor '.join(GRAPHS)}"
    if graphs := [name for name in names if name.endswith(".onnx")]:
        raise ModelError(
            f"{neither}: name one of its files, such as {location}/{graphs[0]}; {listed('ONNX files', graphs)}"
        )
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    raise ModelError(
        f"{neither}; {listed('weights', weights)}. "
        f"Export it with `optimum-cli export onnx --model {source} DIRECTORY`, then name DIRECTORY"
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
    """Raise ModelError unless `graph` is an ONNX file, and ONNX Runtime can read all its external data.

    ONNX Runtime follows a symbolic link to data only within the real folder of the graph.
    """
    folder = graph.resolve().parent
    for data in read_graph(graph).data:
        if not (graph.parent / data).is_file():
            raise ModelError(f"{graph} keeps weights in {data}, which is missing: copy it to the folder of the graph")
        if not (graph.parent / data).resolve().is_relative_to(folder):
            raise ModelError(
                f"{graph} keeps weights in {data}, a link out of {folder}, which ONNX Runtime does not follow: "
                "replace the link with the file"
            )


def listed(kind: str, names: Sequence[str]) -> str:
    """Return a list of files for a message, such as `its weights: a, b`; it is cut after 12 names."""
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"its {kind}: {', '.join(names[:_NAMED_MAX]) or 'none'}{more}"


def _files(path: Path) -> Iterable[Path]:
    """Return the files of a directory and of its subdirectories, one level deep."""
    return (file for pattern in ("*", "*/*") for file in path.glob(pattern) if file.is_file())


def _no_config(path: Path) -> str:
    deeper = next((file.parent for pattern in ("*", "*/*") for file in path.glob(f"{pattern}/config.json")), None)
    advice = f"name {deeper}, which has one" if deeper else f"name a model directory; {listed('files', _content(path))}"
    return f"{path} has no config.json: {advice}"


def _no_tokenizer(path: Path) -> str:
    if any((path / name).is_file() for name in _VOCABULARIES):
        write = f"AutoTokenizer.from_pretrained('{path}').save_pretrained('{path}')"
        return f'{path} has no tokenizer.json: write it, python -c "from transformers import AutoTokenizer; {write}"'
    return f"{path} has no tokenizer.json: copy it from the source of the model; {listed('files', _content(path))}"


def _content(path: Path) -> list[str]:
    return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in path.iterdir())


class _Config(BaseModel):
    """The fields of config.json that the service reads."""

    model_config = ConfigDict(strict=True)

    model_type: str | None = None
    num_labels: int | None = None
    id2label: dict[str, Any] | None = None
    max_position_embeddings: int | None = None
    pad_token_id: int | None = None

    @property
    def offset(self) -> bool:
        """True if positions are numbered from the padding id + 1."""
        return self.model_type in _OFFSET_POSITIONS

    @property
    def pad_id(self) -> int:
        """The padding id, or the default of this model type."""
        return self.pad_token_id if self.pad_token_id is not None else int(self.offset)


class _TokenizerConfig(BaseModel):
    """The fields of tokenizer_config.json that the service reads."""

    model_max_length: float | None = None
    model_input_names: list[str] | None = None

    @property
    def typed(self) -> bool:
        """True if the model was trained with token types, or if the file does not list its inputs."""
        return self.model_input_names is None or "token_type_ids" in self.model_input_names


def _read(kind: type[C], path: Path) -> C:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in error.errors())
        raise ModelError(f"{path} cannot be read: {'; '.join(faults)}") from None


def _context(path: Path, config: _Config, tokenizer_config: _TokenizerConfig) -> int:
    """Return the context in tokens: the lower limit of the position embeddings and of model_max_length."""
    limits = []
    if config.max_position_embeddings is not None:
        limits.append(config.max_position_embeddings - (config.pad_id + 1 if config.offset else 0))
    allowed = tokenizer_config.model_max_length
    if allowed is not None and allowed < _UNLIMITED:
        limits.append(int(allowed))
    if not limits:
        raise ModelError(
            f"{path / 'config.json'} has no max_position_embeddings, and nothing else bounds the length: "
            "set model_max_length, in tokens, in tokenizer_config.json"
        )
    if min(limits) < _CONTEXT_MIN:
        raise ModelError(f"{path}: a context of {min(limits)} tokens is too short for a query and a document")
    return min(limits)
