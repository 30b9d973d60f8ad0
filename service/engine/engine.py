"""A loaded cross-encoder."""

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
from service.engine.session import open_session

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
"""Batches run at start, as (pairs, length): enough to tell launch, token and attention costs apart.

Small ones come after large ones, which leave the caches as a busy worker finds them.
"""
_PROBED = (9, 12, 15, 16, 21, 31, 48, 64)
"""Lengths of pairs run alone and together at load."""
_GRAIN = 16  # Tokens that lengths are rounded up to where the shape of a run counts.
_WARM_UP_TURNS = 3
_WARM_UP_S = 5.0  # No further turn after that: a large model takes long enough for each to be measured well at once.


class Engine:
    """Encodes and scores for one model. Both calls block, release the interpreter lock, and are safe from any thread.

    One session without threads of its own serves all workers: `run` works on the caller's thread, so that as
    many batches run as there are callers, over one copy of the weights.
    """

    def __init__(self, directory: ModelDirectory, cache_bytes: int = 0, provider: Provider = Provider.CPU) -> None:
        """Load the model. Raises ModelError if it is not one this service can run.

        The tokens of documents are kept in up to `cache_bytes`.
        """
        self.name = directory.name
        self.context = directory.context
        """Tokens read in one pass: query, document and special tokens."""
        self._pad_id = directory.pad_id
        try:
            self._encoder = PairEncoder(Tokenizer.from_file(str(directory.tokenizer)), directory.context, cache_bytes)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001  # What tokenizers raises.
            raise ModelError(f"{directory.tokenizer} cannot be loaded: {error}") from None
        template = self._encoder.template
        self._types = (template.head_type, template.tail_type) if directory.typed else (0, 0)
        graph = read_graph(directory.graph)
        self._session = open_session(graph, provider)
        self._provider, self._graph = provider, directory.graph
        self.batch_invariant = is_batch_invariant(graph)
        """Whether a pair scores the same in every batch; not where the graph takes one scale from all of a batch."""
        self._inputs = _inputs(directory, self._session)
        output = self._session.get_outputs()[0]
        if output.shape[1:] not in ([], [1]):
            raise ModelError(
                f"{directory.graph}: output {output.name!r} has shape {output.shape}, not one logit a pair"
            )
        self._output = output.name
        with self._runnable():
            differs = self._differs_alone() or rounds_by_shape()
        # On a GPU it counts in more ways than can be kept out.
        self._shape_counts = differs and self.batch_invariant and provider is Provider.CPU
        """Whether the shape of a run moves a logit: then a pair is always filled up alike, and never runs alone."""

    def query(self, text: str) -> Query:
        """Return a query to encode documents with, cut to half of the context."""
        return self._encoder.query(text)

    def encode(self, query: Query, documents: list[str], max_tokens_per_doc: int) -> Encoded:
        """Return the pairs of `query` with `documents`, each cut to `max_tokens_per_doc` tokens (at least 1)."""
        return self._encoder.encode(query, documents, max_tokens_per_doc)

    def score(self, pairs: Sequence[EncodedPair], abort: Abort | None = None) -> list[float]:
        """Return the relevance of each pair, the sigmoid of its logit, in [0, 1].

        Firing `abort` stops the run, which then raises.

        NaN where the model gives one; it is for the caller not to let it out. A pair's score does not depend on
        the pairs beside it, as far as the graph itself does not.
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
        """Return the logit of each pair of one run, all filled up to `length` tokens."""
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
        """Tell whether a pair alone comes out otherwise than among others, by however little.

        As where ONNX Runtime multiplies a single row, or matrices of some sizes, in another order.
        """
        pairs = [self.sample(size) for size in _PROBED if size <= self.context]
        alone = [self._logits([pair], pair.tokens)[0] for pair in pairs]
        return self._logits(pairs, pairs[-1].tokens) != alone

    @contextmanager
    def _runnable(self) -> Iterator[None]:
        """Raise ModelError where a run at start raises whatever else."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # onnxruntime raises a dozen kinds.
            raise ModelError(f"{self._graph} cannot be run: {error}") from None

    def sample(self, length: int) -> EncodedPair:
        """Return a pair of so many tokens, at most `context`, of no meaning."""
        text = " ".join(map(chr, range(ord("a"), ord("z") + 1))) + " "
        pair = self.encode(self.query("a"), [text * (length // 26 + 1)], length).pairs[0]
        return EncodedPair(pair.head, pair.tail[: length - len(pair.head)])

    def warm_up(self) -> list[Sample]:
        """Run a few batches of known size, in turns, and return what they usually took.

        The median, not the least: what the least of a few is depends more on the machine's neighbours. Raises
        ModelError if the graph cannot be run.
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
    """Return the inputs that the graph declares, and the kind of number each takes."""
    declared = session.get_inputs()
    for node in declared:
        if node.name not in _INPUTS or node.type not in _KINDS:
            raise ModelError(f"{directory.graph} asks for inputs this service does not know: {node.name}, {node.type}")
        if any(isinstance(size, int) for size in node.shape):
            raise ModelError(
                f"{directory.graph}: input {node.name!r} is of one shape, {node.shape}, not of any: export it again"
            )
    return {node.name: _KINDS[node.type] for node in declared}


def _terminate(options: ort.RunOptions) -> None:
    """Make the run with these options raise at its next node."""
    options.terminate = True


def _sigmoid(logit: float) -> float:
    """Return 1 / (1 + e**-x) without overflow, however large the logit."""
    return 1 / (1 + exp(-logit)) if logit >= 0 else exp(logit) / (1 + exp(logit))
