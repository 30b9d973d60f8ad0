"""Bare ONNX Runtime: prepared inputs through one session, on as many threads as there are workers."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from service.engine.model_dir import ModelDirectory, read_graph
from service.engine.pair_layout import EncodedPair
from service.engine.session_factory import open_session

_KINDS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}

Feeds = dict[str, Any]
"""Inputs of a session by name, (pairs, length) int64 or int32."""


class RawBatch(NamedTuple):
    """The time and the logits of one batch."""

    took_s: float
    logits: list[float]


class Raw:
    """A session with the options of the engine, and the threads that run it."""

    def __init__(self, directory: ModelDirectory, workers: int) -> None:
        """Load the graph. Raises ModelError."""
        self._session = open_session(read_graph(directory.graph))
        self._kinds = {node.name: _KINDS[node.type] for node in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0].name
        self._pad_id, self._tail_type = directory.pad_id, int(directory.typed)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="raw")

    def run(self, batches: Iterable[Sequence[EncodedPair]]) -> list[RawBatch]:
        """Prepare the inputs of all batches, then run them in order on the threads, and wait for all."""
        return list(self._threads.map(self._run, [self._feeds(pairs) for pairs in batches]))

    def _run(self, feeds: Feeds) -> RawBatch:
        start = perf_counter()
        logits = self._session.run([self._output], feeds)[0]
        return RawBatch(perf_counter() - start, logits.ravel().tolist())

    def _feeds(self, pairs: Sequence[EncodedPair]) -> Feeds:
        shape = len(pairs), max(pair.tokens for pair in pairs)
        ids, mask, types = np.full(shape, self._pad_id), np.zeros(shape), np.zeros(shape)
        for row, pair in enumerate(pairs):
            ids[row, : pair.tokens] = [*pair.head, *pair.tail]
            mask[row, : pair.tokens] = 1
            types[row, len(pair.head) : pair.tokens] = self._tail_type
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: arrays[name].astype(kind) for name, kind in self._kinds.items()}
