"""The methods of `tei.v1`, the API of text-embeddings-inference."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from time import perf_counter_ns

from tei.v1 import tei_pb2 as pb

from service.engine.logit import logit
from service.errors import DOCUMENTS, InvalidRequestError
from service.grpc_api.codec import Codec, Parsed
from service.grpc_api.handler import Handler, Method
from service.grpc_api.message_stream import MessageStream
from service.grpc_api.metadata import Context, lane
from service.rerank.backend import Backend
from service.rerank.call import Call
from service.rerank.call_record import CallRecord
from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult

INFO: str = pb.DESCRIPTOR.services_by_name["Info"].full_name
RERANK: str = pb.DESCRIPTOR.services_by_name["Rerank"].full_name

_DTYPE = "float32"
_FIELD_NAMES = {DOCUMENTS: "texts"}
_UINT32_MAX = 2**32 - 1


class TeiV1:
    """`tei.v1.Info` and `tei.v1.Rerank`."""

    def __init__(self, backend: Backend, handler: Handler) -> None:
        """Answer requests through `backend`."""
        self._backend = backend
        self._handler = handler

    def services(self) -> dict[str, dict[str, Method]]:
        """Return the method handlers by full service name, then by method name."""
        return {
            INFO: {
                "Info": self._handler.unary(pb.InfoRequest, self._info),
            },
            RERANK: {
                "Rerank": self._handler.unary(pb.RerankRequest, self._rerank, _FIELD_NAMES, large=True),
                "RerankStream": self._handler.stream(self._rerank_stream, _FIELD_NAMES, large=True),
            },
        }

    async def _info(self, *_: object) -> pb.InfoResponse:
        reranker = self._backend.reranker
        model = reranker.models[0]
        return pb.InfoResponse(
            version=version("rerankd"),
            model_id=model.name,
            model_dtype=_DTYPE,
            model_type=pb.MODEL_TYPE_RERANKER,
            max_input_length=model.engine.context,
            max_client_batch_size=_uint32(self._handler.codec.limits.documents_max),
            tokenization_workers=reranker.tokenisers,
        )

    async def _rerank(
        self, request: Parsed[pb.RerankRequest], context: Context, record: CallRecord, call: Call
    ) -> pb.RerankResponse:
        start_ns = perf_counter_ns()
        return await self._answer(request, context, start_ns, record, call)

    async def _rerank_stream(
        self, messages: MessageStream, context: Context, record: CallRecord, call: Call
    ) -> pb.RerankResponse:
        start_ns = perf_counter_ns()
        request = await collect(messages, self._handler.codec, lane(context, call.caller.lane))
        return await self._answer(request, context, start_ns, record, call)

    async def _answer(
        self, parsed: Parsed[pb.RerankRequest], context: Context, start_ns: int, record: CallRecord, call: Call
    ) -> pb.RerankResponse:
        request, texts = parsed
        rerank_request = RerankRequest(
            model=None,
            query=request.query,
            documents=texts,
            lane=lane(context, call.caller.lane),
        )
        result = await self._backend.answer(rerank_request, call, record)
        return pb.RerankResponse(
            ranks=_ranks(parsed, result),
            metadata=_metadata(rerank_request, result, perf_counter_ns() - start_ns),
        )


async def collect(messages: AsyncIterator[bytes], codec: Codec, lane: int) -> Parsed[pb.RerankRequest]:
    """Combine the messages of a stream into one request; stop at the first limit exceeded.

    Raises InvalidRequestError, OutOfRangeError or TooLargeError.
    """
    request: pb.RerankRequest | None = None
    texts: list[str] = []
    size = 0
    async for raw in messages:
        part, _ = await codec.parse(pb.RerankStreamRequest, raw, lane)
        size += len(raw)
        if request is None:
            request = pb.RerankRequest(query=part.query, raw_scores=part.raw_scores, return_text=part.return_text)
        if part.query != request.query:
            raise InvalidRequestError("send the same query in every message of the stream")
        if request.return_text:  # The answer repeats all texts in one message.
            codec.limits.check_message(size)
        texts.append(part.text)
        codec.limits.check_documents(len(texts))
    if request is None:
        raise InvalidRequestError("the stream ended without a message")
    return Parsed(request, texts)


def _ranks(parsed: Parsed[pb.RerankRequest], result: RerankResult) -> list[pb.Rank]:
    request, texts = parsed
    return [
        pb.Rank(
            index=r.index,
            text=texts[r.index] if request.return_text else None,
            score=logit(r.relevance_score) if request.raw_scores else r.relevance_score,
        )
        for r in result.results
    ]


def _metadata(request: RerankRequest, result: RerankResult, total_ns: int) -> pb.Metadata:
    return pb.Metadata(
        compute_chars=_uint32(sum(map(len, request.documents)) + len(request.query) * len(request.documents)),
        compute_tokens=_uint32(result.input_tokens),
        total_time_ns=total_ns,
        tokenization_time_ns=round(result.tokenise_s * 1e9),
        queue_time_ns=round(result.wait_s * 1e9),
    )


def _uint32(number: int) -> int:
    """Clamp a number to the range of a uint32 field."""
    return min(number, _UINT32_MAX)
