"""A loaded cross-encoder: encode texts, score pairs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil, exp
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from scheduler import Abort, Sample
from service.engine.cpu import rounds_by_shape
from service.engine.encoding import Encoded, PairEncoder, Query
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory, read_graph
from service.engine.onnx_graph import is_batch_invariant
from service.engine.pair_layout import EncodedPair
from service.engine.provider import Provider
from service.engine.runtime import ort
from service.engine.session_factory import open_session

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_KINDS: dict[str, npt.DTypeLike] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_WARM_UP = {
    Provider.CPU: (
        *((1, 16), (8, 64), (1, 32), (4, 128), (1, 64), (32, 16)),
        *((1, 128), (1, 512), (8, 16), (1, 256), (8, 32)),
    ),
    Provider.CUDA: (
        *((1, 16), (64, 128), (4, 32), (32, 512), (1, 128), (256, 32)),
        *((16, 64), (8, 512), (128, 16), (32, 256), (1, 512)),
    ),
}
"""Batches of the warm-up as (pairs, tokens): enough to separate the costs per launch, per token and of attention.

Small batches follow large ones, which leave the CPU caches as they are on a busy worker.
"""
_PROBED = (9, 12, 15, 16, 21, 31, 48, 64)
"""Lengths, in tokens, of the pairs that `_differs_alone` compares."""
_GRAIN = 16  # Multiple, in tokens, to which lengths are padded if the shape of a run changes scores.
_WARM_UP_TURNS = 3
_WARM_UP_S = 5.0  # Starts no further turn after this: runs of a large model are long enough to measure once.


class Engine:
    """Encodes and scores for one model. Calls block, release the GIL and are thread-safe.

    All workers share one session, and so one copy of the weights. The session has no thread pool: each run uses the
    thread of its caller.
    """

    def __init__(self, directory: ModelDirectory, cache_bytes: int = 0, provider: Provider = Provider.CPU) -> None:
        """Load the model; a cache of up to `cache_bytes` holds the tokens of documents.

        Raises ModelError if the service cannot run the model.
        """
        self.name = directory.name
        self.context = directory.context
        """Most tokens of a pair: query, document and special tokens."""
        self._pad_id = directory.pad_id
        try:
            self._encoder = PairEncoder(Tokenizer.from_file(str(directory.tokenizer)), directory.context, cache_bytes)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001  # tokenizers raises plain Exception.
            raise ModelError(f"{directory.tokenizer} cannot be loaded: {error}") from None
        template = self._encoder.template
        self._types = (template.head_type, template.tail_type) if directory.typed else (0, 0)
        graph = read_graph(directory.graph)
        self._session = open_session(graph, provider)
        self._provider, self._graph = provider, directory.graph
        self.batch_invariant = is_batch_invariant(graph)
        """True if a pair has the same score in every batch; False if activations are quantised per batch."""
        self._inputs = _inputs(directory, self._session)
        output = self._session.get_outputs()[0]
        if output.shape[1:] not in ([], [1]):
            raise ModelError(
                f"{directory.graph}: output {output.name!r} has shape {output.shape}; expected one logit per pair"
            )
        self._output = output.name
        with self._runnable():
            differs = self._differs_alone() or rounds_by_shape()
        # Padding cannot compensate for this on a GPU.
        self._shape_counts = differs and self.batch_invariant and provider is Provider.CPU
        """True if the shape of a run changes logits; `score` then pads to fixed lengths and never runs one pair."""

    def query(self, text: str, owner: str = "", **options: int) -> Query:
        """Encode a query, truncated to half of the context; `options` are those of PairEncoder."""
        return self._encoder.query(text, owner, **options)

    def encode(self, query: Query, documents: list[str], max_tokens_per_doc: int, **options: int) -> Encoded:
        """Return the pairs of `query` with `documents`, each truncated to `max_tokens_per_doc` tokens (at least 1).

        `options` are those of PairEncoder.
        """
        return self._encoder.encode(query, documents, max_tokens_per_doc, **options)

    def score(self, pairs: Sequence[EncodedPair], abort: Abort | None = None) -> list[float]:
        """Return the score of each pair: the sigmoid of its logit, in [0, 1], or NaN if the logit is NaN.

        If `batch_invariant`, on a CPU, a score does not depend on the other pairs. Raises the exception of ONNX Runtime
        if the run fails or `abort` fires.
        """
        if not self._shape_counts:
            return list(map(_sigmoid, self._logits(pairs, max(pair.tokens for pair in pairs), abort)))
        scores = [0.0] * len(pairs)
        alike: defaultdict[int, list[int]] = defaultdict(list)
        for number, pair in enumerate(pairs):
            alike[min(ceil(pair.tokens / _GRAIN) * _GRAIN, self.context)].append(number)
        for length, numbers in alike.items():
            rows = [pairs[number] for number in numbers]
            logits = self._logits(rows if len(rows) > 1 else rows * 2, length, abort)
            for number, logit in zip(numbers, logits, strict=False):
                scores[number] = _sigmoid(logit)
        return scores

    def _logits(self, pairs: Sequence[EncodedPair], length: int, abort: Abort | None = None) -> list[float]:
        """Run (pairs, length) token ids, each row padded to `length`, and return the logit of each pair."""
        shape = len(pairs), length
        ids = np.full(shape, self._pad_id, np.int64)
        mask = np.zeros(shape, np.int64)
        types = np.zeros(shape, np.int64)
        for row, (head, tail, _) in enumerate(pairs):
            middle, end = len(head), len(head) + len(tail)
            ids[row, :middle] = head
            ids[row, middle:end] = tail
            mask[row, :end] = 1
            types[row, :middle], types[row, middle:end] = self._types
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        feeds = {name: arrays[name].astype(kind, copy=False) for name, kind in self._inputs.items()}
        options = ort.RunOptions()
        if abort:
            abort.arm(partial(_terminate, options))
        logits: list[float] = self._session.run([self._output], feeds, options)[0].reshape(len(pairs)).tolist()
        return logits

    def _differs_alone(self) -> bool:
        """Tell whether a pair's logit differs, by even one bit, between a run of its own and a batch.

        ONNX Runtime sums in another order for a single row and for matrices of some sizes.
        """
        pairs = [self.sample(size) for size in _PROBED if size <= self.context]
        alone = [self._logits([pair], pair.tokens)[0] for pair in pairs]
        return self._logits(pairs, pairs[-1].tokens) != alone

    @contextmanager
    def _runnable(self) -> Iterator[None]:
        """Turn any exception of a run at start into ModelError."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # onnxruntime raises a dozen kinds.
            raise ModelError(f"{self._graph} cannot be run: {error}") from None

    def sample(self, length: int) -> EncodedPair:
        """Return a meaningless pair of `length` tokens, up to `context`."""
        text = " ".join(map(chr, range(ord("a"), ord("z") + 1))) + " "
        pair = self.encode(self.query("a"), [text * (length // 26 + 1)], length).pairs[0]
        return EncodedPair(pair.head, pair.tail[: length - len(pair.head)])

    def warm_up(self) -> list[Sample]:
        """Run each warm-up batch up to three times, and return its size and median time.

        The minimum of so few runs varies more with the load of the machine. Raises ModelError if the graph cannot run.
        """
        shapes = [(pairs, length) for pairs, length in _WARM_UP[self._provider] if length <= self.context]
        batches = [[self.sample(length)] * pairs for pairs, length in shapes]
        took_s: list[list[float]] = [[] for _ in batches]
        since = perf_counter()
        while len(took_s[0]) < _WARM_UP_TURNS and (not took_s[0] or perf_counter() - since < _WARM_UP_S):
            for batch, seconds in zip(batches, took_s, strict=True):
                start = perf_counter()
                with self._runnable():
                    self.score(batch)
                seconds.append(perf_counter() - start)
        return [Sample(len(b), b[0].tokens, median(s)) for b, s in zip(batches, took_s, strict=True)]


def _inputs(directory: ModelDirectory, session: ort.InferenceSession) -> dict[str, npt.DTypeLike]:
    """Return the element type of each input of the graph. Raises ModelError for an unsupported input."""
    declared = session.get_inputs()
    for node in declared:
        if node.name not in _INPUTS or node.type not in _KINDS:
            raise ModelError(f"{directory.graph}: input {node.name!r} of type {node.type} is not supported")
        if any(isinstance(size, int) for size in node.shape):
            raise ModelError(
                f"{directory.graph}: input {node.name!r} has the fixed shape {node.shape}: export the model with"
                " dynamic axes"
            )
    return {node.name: _KINDS[node.type] for node in declared}


def _terminate(options: ort.RunOptions) -> None:
    """Stop the run that uses these options: it raises before its next node."""
    options.terminate = True


def _sigmoid(logit: float) -> float:
    """Return 1 / (1 + e**-x) without overflow, however large the logit."""
    return 1 / (1 + exp(-logit)) if logit >= 0 else exp(logit) / (1 + exp(logit))
