"""The model with nothing around it: ready-made ids through ONNX Runtime, on as many threads as there are workers."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from service.engine.model_dir import ModelDirectory, read_graph
from service.engine.pair_layout import EncodedPair
from service.engine.session import open_session

_KINDS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}

Feeds = dict[str, Any]
"""What a session takes for one batch."""


class Ran(NamedTuple):
    """How one batch went."""

    took_s: float
    logits: list[float]


class Raw:
    """A session like the engine's, and threads that call it."""

    def __init__(self, directory: ModelDirectory, workers: int) -> None:
        """Load the graph."""
        self._session = open_session(read_graph(directory.graph))
        self._kinds = {node.name: _KINDS[node.type] for node in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0].name
        self._pad_id, self._tail_type = directory.pad_id, int(directory.typed)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="raw")

    def run(self, batches: Iterable[Sequence[EncodedPair]]) -> list[Ran]:
        """Lay out all batches, then run them in this order, each thread the next one, and wait for all."""
        return list(self._threads.map(self._run, [self._feeds(pairs) for pairs in batches]))

    def _run(self, feeds: Feeds) -> Ran:
        start = perf_counter()
        logits = self._session.run([self._output], feeds)[0]
        return Ran(perf_counter() - start, logits.ravel().tolist())

    def _feeds(self, pairs: Sequence[EncodedPair]) -> Feeds:
        shape = len(pairs), max(pair.tokens for pair in pairs)
        ids, mask, types = np.full(shape, self._pad_id), np.zeros(shape), np.zeros(shape)
        for row, pair in enumerate(pairs):
            ids[row, : pair.tokens] = [*pair.head, *pair.tail]
            mask[row, : pair.tokens] = 1
            types[row, len(pair.head) : pair.tokens] = self._tail_type
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: arrays[name].astype(kind) for name, kind in self._kinds.items()}
