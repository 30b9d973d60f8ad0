"""What a model directory holds and says about itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

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


C = TypeVar("C", bound=BaseModel)


class ModelError(Exception):
    """A model directory that cannot be served; the message says why, in words for the operator."""


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
        if not path.is_dir():
            raise ModelError(f"model directory {path} does not exist")
        config = _read(_Config, path / "config.json")
        labels = config.num_labels or len(config.id2label or {}) or 1
        if labels != 1:
            raise ModelError(f"{path / 'config.json'}: the model has {labels} labels; a reranker has one")
        graph = graph or next((path / usual for usual in GRAPHS if (path / usual).is_file()), None)
        if graph is None:
            raise ModelError(f"{path} holds neither of {' or '.join(GRAPHS)}")
        tokenizer = path / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelError(f"{path} holds no tokenizer.json")
        settings = path / "tokenizer_config.json"
        tokenizer_config = _read(_TokenizerConfig, settings) if settings.is_file() else _TokenizerConfig()
        context = _context(path, config, tokenizer_config)
        return cls(path, graph, tokenizer, context, config.pad_id, tokenizer_config.typed, name or path.name)


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
        raise ModelError(f"{path / 'config.json'} has no max_position_embeddings, and nothing else bounds the length")
    if min(limits) < _CONTEXT_MIN:
        raise ModelError(f"{path}: a context of {min(limits)} tokens is too short for a query and a document")
    return min(limits)
