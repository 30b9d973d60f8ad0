"""An fp32 model with a choice of its products in int8. Needs onnx."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, inliner

from service.convert.graph_writer import STANDARD
from service.convert.rowwise import Product, products, rewritten
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.engine.runtime import ort

_OPSET_MIN = 11  # First opset with negative axes.
_PROBES = (8, 12)  # Lengths of two runs, in tokens: activations that grow between them are computed per token.
_FILE_MAX = 2**31 - 2**20  # Limit of a protobuf message, 2 GiB, with a margin of 1 MiB.

Group = tuple[Product, ...]
"""Products of the same activations, converted together because they share the quantised activations."""


class Conversion:
    """The products of a model that can run in int8, and the model with any selection of them converted."""

    def __init__(self, directory: ModelDirectory) -> None:
        """Read the graph. Raises ModelError if no product can be converted, or the opset is too old."""
        self._directory = directory
        self.model = _read(directory.graph)
        """The graph in fp32."""
        eligible = sorted(_per_token(self.model), key=lambda product: product.source)
        self.groups: list[Group] = [tuple(group) for _, group in groupby(eligible, lambda product: product.source)]
        if not eligible:
            raise ModelError(
                f"{directory.graph} has no products in fp32 to convert: it is too small, quantised already, or in half"
                " precision"
            )

    @property
    def size(self) -> int:
        """Size of the fp32 graph with its weights, in bytes."""
        return self.model.ByteSize()

    def engine(self, groups: Sequence[Group], *, bounded: bool = True) -> Engine:
        """Load the model with these products in int8, with `bounded` weights or not. Raises ModelError."""
        with TemporaryDirectory() as folder:
            graph = Path(folder) / "model.onnx"
            self.write(groups, graph, bounded=bounded)
            return Engine(replace(self._directory, graph=graph))

    def write(self, groups: Sequence[Group], path: Path, *, bounded: bool = True) -> None:
        """Write the graph with these products in int8, with `bounded` weights or not. Raises OSError."""
        _write(rewritten(self.model, [product for group in groups for product in group], bounded=bounded), path)


def _read(path: Path) -> ModelProto:
    """Read a graph that ONNX Runtime has loaded before, with its weights. Raises ModelError for an old opset."""
    model = onnx.load(path)
    if model.functions:
        model = inliner.inline_local_functions(model)
    opset = next(opset.version for opset in model.opset_import if opset.domain in STANDARD)
    if opset < _OPSET_MIN:
        raise ModelError(f"{path} has opset {opset}: export the model with opset {_OPSET_MIN} or newer")
    return model


def _write(model: ModelProto, path: Path) -> None:
    """Write a graph; above 2 GiB, its weights go to a file of their own beside it."""
    if model.ByteSize() < _FILE_MAX:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=f"{path.name}_data")


def _per_token(model: ModelProto) -> list[Product]:
    """Return the products that are computed for each token.

    Products computed once per pair, such as the classifier, take little time, and the score is sensitive to them.
    """
    candidates = products(model)
    if not candidates:
        return []
    sizes = {product.source: f"size of {product.source}" for product in candidates}
    probe = rewritten(model, [])
    for source, size in sizes.items():
        probe.graph.node.append(helper.make_node("Size", [source], [size]))
        probe.graph.output.append(helper.make_tensor_value_info(size, TensorProto.INT64, []))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "probe.onnx"
        _write(probe, path)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # It runs only twice.
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    short, long = (session.run(list(sizes.values()), _feeds(session, tokens)) for tokens in _PROBES)
    growing = {source for source, few, many in zip(sizes, short, long, strict=True) if few < many}
    return [product for product in candidates if product.source in growing]


def _feeds(session: ort.InferenceSession, tokens: int) -> dict[str, object]:
    """Return inputs of shape (1, tokens): ids and types of 0, a mask of 1."""
    return {
        node.name: np.full((1, tokens), "mask" in node.name, np.int32 if "int32" in node.type else np.int64)
        for node in session.get_inputs()
    }
