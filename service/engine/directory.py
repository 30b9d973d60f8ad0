"""What a model directory holds and says about itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

_GRAPHS = ("onnx/model.onnx", "model.onnx")
_OFFSET_POSITIONS = {"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"}
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

    @property
    def name(self) -> str:
        """The directory's name, which the model is served under."""
        return self.path.name

    @classmethod
    def read(cls, path: Path) -> "ModelDirectory":
        """Read a directory with config.json, tokenizer.json and model.onnx, the latter at the root or under onnx/.

        Raises ModelError.
        """
        path = path.resolve()
        if not path.is_dir():
            raise ModelError(f"model directory {path} does not exist")
        config = _read(_Config, path / "config.json")
        labels = config.num_labels or len(config.id2label or {}) or 1
        if labels != 1:
            raise ModelError(f"{path / 'config.json'}: the model has {labels} labels; a reranker has one")
        graph = next((path / name for name in _GRAPHS if (path / name).is_file()), None)
        if graph is None:
            raise ModelError(f"{path} holds neither of {' or '.join(_GRAPHS)}")
        tokenizer = path / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelError(f"{path} holds no tokenizer.json")
        return cls(path, graph, tokenizer, _context(path, config), config.pad_id)


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


def _context(path: Path, config: _Config) -> int:
    """Return what the positions hold and the tokenizer's configuration allows, whichever is less."""
    limits = []
    if config.max_position_embeddings is not None:
        limits.append(config.max_position_embeddings - (config.pad_id + 1 if config.offset else 0))
    if (path / "tokenizer_config.json").is_file():
        allowed = _read(_TokenizerConfig, path / "tokenizer_config.json").model_max_length
        if allowed is not None and allowed < _UNLIMITED:
            limits.append(int(allowed))
    if not limits:
        raise ModelError(f"{path / 'config.json'} has no max_position_embeddings, and nothing else bounds the length")
    if min(limits) < _CONTEXT_MIN:
        raise ModelError(f"{path}: a context of {min(limits)} tokens is too short for a query and a document")
    return min(limits)
