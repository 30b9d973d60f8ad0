"""The reranker: from a request to ranked documents."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from typing import NamedTuple, TypeVar

from scheduler import Amount, Dispatcher, Load, Oversized, ScoringFailed
from service.access.caller import Caller
from service.access.denylist import DenyList
from service.engine.encoding import CHARACTERS_MAX, PROMPT_CHARACTERS, Encoded, MoreToReadError, Query
from service.engine.pair_layout import EncodedPair
from service.errors import DOCUMENTS, ForbiddenError, OutOfRangeError, UnknownModelError, Violation
from service.rerank.call import Call
from service.rerank.limits import Limits
from service.rerank.notices import warnings_of
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.ranking import best_of, ranked
from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult
from service.rerank.served_model import ServedModel

_CHUNK_DOCUMENTS = 32
_CHUNK_CHARACTERS = 16 * 1024
"""Largest chunk tokenised in one call: at most 12 ms, so that a more urgent request waits no longer."""
T = TypeVar("T")
_TOKENS_PER_CHARACTER = 0.2  # English text.
_PER_UNIT = 100  # Documents, or windows, in a search unit.


class _Scored(NamedTuple):
    """The scores of the pairs of a request."""

    scores: list[float | None]
    """One a pair, in [0, 1]; None where the model failed."""
    cached_tokens: int | None
    """Tokens of the pairs whose scores were in the cache; None without a cache."""
    wait_s: float


class Reranker:
    """Answers rerank requests with the models served."""

    def __init__(
        self,
        models: Sequence[ServedModel],
        dispatcher: Dispatcher[EncodedPair],
        tokenising: PriorityExecutor,
        denylist: DenyList,
        limits: Limits,
        *,
        long_texts: PriorityExecutor,
        bill_windows: bool = False,
        share_cache: bool = True,
    ) -> None:
        """Serve `models`, ordered by number with the default first, on the workers of `dispatcher`.

        Texts of which the first part holds too few tokens are read on `long_texts`, all others on `tokenising`: to read
        all that may be read of one takes up to a second, without a pause.

        A search unit is a hundred documents, or a hundred windows if `bill_windows`. With `share_cache`, clients find
        what others had cached.
        """
        self.models = tuple(models)
        """The models served, the default first."""
        self._dispatcher = dispatcher
        self.tokenisers = tokenising.threads + long_texts.threads
        """The number of tokeniser threads."""
        self._tokenising = tokenising
        self._long_texts = long_texts
        self._denylist = denylist
        self._limits = limits
        self._bill_windows = bill_windows
        self._share_cache = share_cache

    def load(self) -> Load:
        """Return the load of the scheduler."""
        return self._dispatcher.load()

    async def rerank(self, request: RerankRequest, call: Call) -> RerankResult:
        """Rank the documents of `request`.

        Raises ServiceError, or SchedulerError if the work was refused, dropped or failed.
        """
        model = self._named(request.model)
        _check_allowed(request, model, call.caller)
        self._limits.check_documents(len(request.documents))
        try:
            encoded, query = await self._encode(request, call, model)
            scored = await self._scored(encoded.pairs, model, request.lane, call)
        except Oversized:
            raise OutOfRangeError(
                Violation(
                    DOCUMENTS, f"split into more than {self._limits.pairs_max:,} pairs; send fewer or shorter ones"
                )
            ) from None
        best = best_of(encoded.owners, scored.scores)
        return RerankResult(
            id=call.id,
            model=model.name,
            results=ranked(best, request.top_n),
            search_units=ceil(len(encoded.pairs if self._bill_windows else request.documents) / _PER_UNIT),
            input_tokens=sum(encoded.pair_tokens),
            cached_tokens=scored.cached_tokens,
            warnings=warnings_of(encoded, query, [document for document, score in best.items() if score is None]),
            wait_s=scored.wait_s,
            tokenise_s=encoded.took_s,
        )

    def _named(self, name: str | None) -> ServedModel:
        if name is None:
            return self.models[0]
        for model in self.models:
            if name in model.names:
                return model
        names = ", ".join(name for model in self.models for name in model.names)
        raise UnknownModelError(f"the model is unknown; this server has {names}")

    async def _encode(self, request: RerankRequest, call: Call, model: ServedModel) -> tuple[Encoded, Query]:
        """Return the tokenised pairs and query of a request.

        Before each chunk, check that the scheduler would still admit the request. Under overload other requests fill
        the queue meanwhile, and tokenising a request that will be refused wastes time.
        """
        serial = self._tokenising.serial()
        run, read = partial(self._tokenising.run, request.lane, serial), partial(self._read, request.lane, serial)
        estimate = _estimate(request, model)
        self._dispatcher.check(request.lane, call.account, estimate, call.deadline, name=call.client)
        await self._denylist.check([request.query[:CHARACTERS_MAX]], run)
        query = await read(partial(model.engine.query, request.query, "" if self._share_cache else call.account))
        limit = request.max_tokens_per_doc
        if request.max_windows_per_doc is not None:
            limit = min(limit, request.max_windows_per_doc * query.window)
        encoded = Encoded()
        for documents in _chunks(request.documents):
            self._dispatcher.check(request.lane, call.account, estimate, call.deadline, name=call.client)
            # The rest of a longer text is not read, so it need not be searched.
            await self._denylist.check([document[:CHARACTERS_MAX] for document in documents], run)
            encoded.append(await read(partial(model.engine.encode, query, documents, limit)))
            # The limit counts duplicates, which the scheduler never sees.
            if len(encoded.pairs) > self._limits.pairs_max:
                raise Oversized
        return encoded, query

    async def _scored(self, pairs: Sequence[EncodedPair], model: ServedModel, lane: int, call: Call) -> _Scored:
        """Return the scores of pairs, from the cache where possible; score each other distinct pair once."""
        keys = [pair.key for pair in pairs]
        known: dict[bytes, float | None] = {
            key: score for key, score in zip(keys, model.cache.find(keys), strict=True) if score is not None
        }
        cached_tokens = sum(pair.tokens for pair in pairs if pair.key in known) if model.cache.bytes_max else None
        wait_s = 0.0
        if fresh := list({pair.key: pair for pair in pairs if pair.key not in known}.values()):
            scored = await self._dispatcher.submit(
                fresh,
                [pair.tokens for pair in fresh],
                lane=lane,
                client=call.account,
                deadline=call.deadline,
                model=model.number,
                name=call.client,
            )
            known |= zip((pair.key for pair in fresh), scored.scores, strict=True)
            wait_s = scored.wait_s
            if all(score is None for score in known.values()):
                raise ScoringFailed from scored.failure
        return _Scored([known[key] for key in keys], cached_tokens, wait_s)

    async def _read(self, lane: int, serial: int, read: Callable[..., T]) -> T:
        """Return the result of `read`, run on the threads for long texts if the first part of a text is not enough."""
        try:
            return await self._tokenising.run(lane, serial, partial(read, characters=PROMPT_CHARACTERS))
        except MoreToReadError:
            return await self._long_texts.run(lane, serial, read)


def _check_allowed(request: RerankRequest, model: ServedModel, caller: Caller) -> None:
    """Raise ForbiddenError if the caller's key does not permit the request."""
    if request.lane < caller.lane:
        raise ForbiddenError(f"this API key is limited to priority {caller.lane} and larger, less urgent values")
    if caller.models is not None and caller.models.isdisjoint(model.names):
        raise ForbiddenError(f"this API key is limited to the models {', '.join(sorted(caller.models))}")


def _estimate(request: RerankRequest, model: ServedModel) -> Amount:
    """Estimate the work of a request from its size in characters, without tokenising.

    The estimate fits English. It is too low for text with more tokens per character; the scheduler then decides on the
    true number of tokens. It does not adapt to past requests, so one client cannot change it for another.
    """
    context = model.engine.context
    query = int(min(len(request.query) * _TOKENS_PER_CHARACTER, context // 2))
    window = context - query
    pairs: list[int] = []
    for text in request.documents:
        full, rest = divmod(int(min(len(text) * _TOKENS_PER_CHARACTER, request.max_tokens_per_doc)), window)
        pairs += [context] * full + [query + rest + 1] * (rest > 0 or not full)
    return Amount.of(pairs, model.number)


def _chunks(documents: Sequence[str]) -> Iterator[list[str]]:
    """Split documents into chunks to tokenise in one call."""
    chunk: list[str] = []
    characters = 0
    for document in documents:
        if chunk and (len(chunk) == _CHUNK_DOCUMENTS or characters + len(document) > _CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(document)
        characters += len(document)
    yield chunk
