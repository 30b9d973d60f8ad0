"""A model on its way to int8. Needs onnx."""

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

_OPSET_MIN = 11  # Before, axes could not be counted from the end.
_PROBES = (8, 12)  # Tokens; what grows from one to the other is computed for each token.
_FILE_MAX = 2**31 - 2**20  # What one protobuf message holds, less some.

Group = tuple[Product, ...]
"""Products of the same activations, which are quantised for all of them or for none."""


class Conversion:
    """The products of a model that can run in int8, and the model with any of them converted."""

    def __init__(self, directory: ModelDirectory) -> None:
        """Read the graph. Raises ModelError if there is nothing to convert."""
        self._directory = directory
        self.model = _read(directory.graph)
        """The graph in fp32."""
        found = sorted(_per_token(self.model), key=lambda product: product.source)
        self.groups: list[Group] = [tuple(same) for _, same in groupby(found, lambda product: product.source)]
        if not found:
            raise ModelError(
                f"{directory.graph} has no products in fp32 to convert: it is small, quantised already, or of half"
                " precision"
            )

    @property
    def size(self) -> int:
        """How many bytes the graph has before it is converted, its weights included."""
        return self.model.ByteSize()

    def engine(self, groups: Sequence[Group], *, bounded: bool = True) -> Engine:
        """Load the model with these products in int8, their weights `bounded` or not."""
        with TemporaryDirectory() as folder:
            graph = Path(folder) / "model.onnx"
            self.write(groups, graph, bounded=bounded)
            return Engine(replace(self._directory, graph=graph))

    def write(self, groups: Sequence[Group], path: Path, *, bounded: bool = True) -> None:
        """Write the graph with these products in int8, their weights `bounded` or not."""
        _write(rewritten(self.model, [product for group in groups for product in group], bounded=bounded), path)


def _read(path: Path) -> ModelProto:
    """Return the graph of a file that the runtime has loaded, its weights included."""
    model = onnx.load(path)
    if model.functions:
        model = inliner.inline_local_functions(model)
    opset = next(known.version for known in model.opset_import if known.domain in STANDARD)
    if opset < _OPSET_MIN:
        raise ModelError(f"{path} has opset {opset}; export the model with {_OPSET_MIN} or newer")
    return model


def _write(model: ModelProto, path: Path) -> None:
    """Write a graph, and its weights beside it where one file cannot hold them."""
    if model.ByteSize() < _FILE_MAX:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=f"{path.name}_data")


def _per_token(model: ModelProto) -> list[Product]:
    """Return the products that are computed for each token.

    Those computed once a pair, such as the last ones, take no time worth saving, and the score hangs on them.
    """
    found = products(model)
    if not found:
        return []
    sizes = {product.source: f"size of {product.source}" for product in found}
    probe = rewritten(model, [])
    for source, size in sizes.items():
        probe.graph.node.append(helper.make_node("Size", [source], [size]))
        probe.graph.output.append(helper.make_tensor_value_info(size, TensorProto.INT64, []))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "probe.onnx"
        _write(probe, path)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # It runs twice.
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    short, long = (session.run(list(sizes.values()), _feeds(session, tokens)) for tokens in _PROBES)
    growing = {source for source, few, many in zip(sizes, short, long, strict=True) if few < many}
    return [product for product in found if product.source in growing]


def _feeds(session: ort.InferenceSession, tokens: int) -> dict[str, object]:
    """Return a pair of so many tokens, of no meaning."""
    return {
        node.name: np.full((1, tokens), "mask" in node.name, np.int32 if "int32" in node.type else np.int64)
        for node in session.get_inputs()
    }
