"""What a model directory holds and says about itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GRAPHS = ("onnx/model.onnx", "model.onnx")
_OFFSET_POSITIONS = {"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"}
"""Model types that number positions from the padding id + 1 on, and so hold that many tokens less."""
_UNLIMITED = 1_000_000  # Tokenizer configurations say 1e30 for "no limit".
_CONTEXT_MIN = 16


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
        config = _json(path / "config.json")
        labels = config.get("num_labels") or len(config.get("id2label") or {}) or 1
        if labels != 1:
            raise ModelError(f"{path / 'config.json'}: the model has {labels} labels; a reranker has one")
        graph = next((path / name for name in _GRAPHS if (path / name).is_file()), None)
        if graph is None:
            raise ModelError(f"{path} holds neither of {' or '.join(_GRAPHS)}")
        tokenizer = path / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelError(f"{path} holds no tokenizer.json")
        return cls(path, graph, tokenizer, _context(path, config), int(config.get("pad_token_id") or 0))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} holds no {path.name}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not a JSON object")
    return found


def _context(path: Path, config: dict[str, Any]) -> int:
    """Return what the positions hold and the tokenizer's configuration allows, whichever is less."""
    limits = []
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int):
        offset = int(config.get("pad_token_id") or 0) + 1 if config.get("model_type") in _OFFSET_POSITIONS else 0
        limits.append(positions - offset)
    if (path / "tokenizer_config.json").is_file():
        allowed = _json(path / "tokenizer_config.json").get("model_max_length")
        if isinstance(allowed, int | float) and allowed < _UNLIMITED:
            limits.append(int(allowed))
    if not limits:
        raise ModelError(f"{path / 'config.json'} has no max_position_embeddings, and nothing else bounds the length")
    if min(limits) < _CONTEXT_MIN:
        raise ModelError(f"{path}: a context of {min(limits)} tokens is too short for a query and a document")
    return min(limits)
