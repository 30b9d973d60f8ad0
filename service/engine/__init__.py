"""The only importer of onnxruntime, tokenizers and numpy: load a model directory, encode text, score pairs."""

from service.engine.directory import ModelError
from service.engine.encoding import Encoded, Query
from service.engine.engine import Engine
from service.engine.session import Provider
from service.engine.template import EncodedPair

__all__ = ["Encoded", "EncodedPair", "Engine", "ModelError", "Provider", "Query"]
