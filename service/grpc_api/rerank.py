"""The methods of `rerank.v2`."""

from collections.abc import AsyncIterator

from rerank.v2 import rerank_pb2 as pb

from service.errors import InvalidRequestError
from service.grpc_api.codec import Codec, Parsed
from service.grpc_api.handler import Handler, Method
from service.grpc_api.message_stream import MessageStream
from service.grpc_api.metadata import Context
from service.rerank.backend import Backend
from service.rerank.call import Call
from service.rerank.call_record import CallRecord
from service.rerank.request import MAX_TOKENS_PER_DOC, RerankRequest
from service.rerank.result import RerankResult

SERVICE: str = pb.DESCRIPTOR.services_by_name["RerankService"].full_name


class RerankV2:
    """`rerank.v2.RerankService`."""

    def __init__(self, backend: Backend, handler: Handler) -> None:
        """Answer requests through `backend`."""
        self._backend = backend
        self._handler = handler

    def services(self) -> dict[str, dict[str, Method]]:
        """Return the method handlers by full service name, then by method name."""
        return {
            SERVICE: {
                "Rerank": self._handler.unary(pb.RerankRequest, self._rerank),
                "RerankStream": self._handler.stream(self._rerank_stream),
                "ListModels": self._handler.unary(pb.ListModelsRequest, self._list_models),
            }
        }

    async def _rerank(
        self, request: Parsed[pb.RerankRequest], _: Context, record: CallRecord, call: Call
    ) -> pb.RerankResponse:
        return await self._answer(request, record, call)

    async def _rerank_stream(
        self, messages: MessageStream, _: Context, record: CallRecord, call: Call
    ) -> pb.RerankStreamResponse:
        request = await collect(messages, self._handler.codec, call.caller.lane)
        return pb.RerankStreamResponse(response=await self._answer(request, record, call))

    async def _list_models(self, *_: object) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(
            models=[
                pb.Model(
                    name=model.name,
                    aliases=model.aliases,
                    max_input_tokens=model.engine.context,
                    is_default=model.number == 0,
                )
                for model in self._backend.reranker.models
            ]
        )

    async def _answer(self, parsed: Parsed[pb.RerankRequest], record: CallRecord, call: Call) -> pb.RerankResponse:
        request, documents = parsed
        rerank_request = RerankRequest(
            model=request.model,
            query=request.query,
            documents=documents,
            top_n=request.top_n if request.HasField("top_n") else None,
            max_tokens_per_doc=(
                request.max_tokens_per_doc if request.HasField("max_tokens_per_doc") else MAX_TOKENS_PER_DOC
            ),
            lane=request.priority if request.HasField("priority") else call.caller.lane,
        )
        return _response(await self._backend.answer(rerank_request, call, record))


async def collect(messages: AsyncIterator[bytes], codec: Codec, lane: int) -> Parsed[pb.RerankRequest]:
    """Return the request of a stream with the documents of all messages; stop at the first limit exceeded.

    Raises InvalidRequestError or OutOfRangeError.
    """
    request: pb.RerankRequest | None = None
    documents: list[str] = []
    async for raw in messages:
        part, more = await codec.parse(pb.RerankStreamRequest, raw, lane)
        if part.WhichOneof("part") != ("request" if request is None else "documents"):
            raise InvalidRequestError(
                "send the request in the first message of the stream, documents in all later ones"
            )
        if request is None:
            request = part.request
        documents += more
        codec.limits.check_documents(len(documents))
    if request is None:
        raise InvalidRequestError("the stream ended without a message")
    return Parsed(request, documents)


def _response(result: RerankResult) -> pb.RerankResponse:
    return pb.RerankResponse(
        id=result.id,
        results=[pb.RerankResult(index=r.index, relevance_score=r.relevance_score) for r in result.results],
        meta=pb.Meta(
            api_version=pb.ApiVersion(version="2"),
            billed_units=pb.BilledUnits(search_units=result.search_units),
            tokens=pb.Tokens(input_tokens=result.input_tokens),
            cached_tokens=result.cached_tokens,
            warnings=result.warnings,
        ),
    )
