"""The client, blocking and for asyncio."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self, TypedDict, Unpack

import grpc

from rerankd_client import messages as pb
from rerankd_client.results import Ranking, RerankError

_MESSAGE_BYTES = 16 * 2**20
"""Size of a request from which on its documents are streamed; the server takes up to twice that in one message."""
_PART_BYTES = 4 * 2**20
_CONFIG = {
    # By the load that servers report in the trailers of their answers, and in turn as long as they report none. An
    # older grpc, which has not heard of weights, takes turns always. Who says that it is not serving is left out.
    "loadBalancingConfig": [{"weighted_round_robin": {}}, {"round_robin": {}}],
    "healthCheckConfig": {"serviceName": pb.SERVICE},
    "methodConfig": [
        {
            "name": [{"service": pb.SERVICE}],
            "retryPolicy": {  # A server that sheds says when to come back, which then stands over these pauses.
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                # A server that stops cancels the calls that it has not looked at yet.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
    # When more than one call in six fails for long, retries stop: they would only add to the load. For long, because
    # a server that dies takes with it all that it had under way, which may be hundreds of calls in a moment.
    "retryThrottling": {"maxTokens": 1000, "tokenRatio": 0.2},
}
_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.service_config", json.dumps(_CONFIG)),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.per_rpc_retry_buffer_size", 2 * _MESSAGE_BYTES),  # A larger request would not be retried.
    # A server that is cut off, or stands still, is left within seven seconds, inside the usual deadline of a call,
    # which is then made again elsewhere. Both timeouts are needed: grpc sends no ping to keep alive while it waits for
    # one of those by which it measures the connection. Nor more than two without data, which no server finds too many.
    ("grpc.keepalive_time_ms", 4_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
)


class Options(TypedDict, total=False):
    """The options of a call; None is the same as absent."""

    model: str | None
    """Name or alias of the model; absent: the model of the client."""
    top_n: int | None
    """Results to return, from 1; absent: all."""
    max_tokens_per_doc: int | None
    """Tokens read of each document, from 1; absent: 4096."""
    priority: int | None
    """0, the most urgent and the default, to 999."""
    timeout_s: float | None
    """Seconds for the call and its retries; absent: the timeout of the client."""


class _Call(NamedTuple):
    """One request, ready to be sent."""

    request: Any
    options: dict[str, Any]

    @property
    def parts(self) -> Iterator[Any] | None:
        """The request in parts, if it is too large for one message."""
        return _parts(self.request) if self.request.ByteSize() > _MESSAGE_BYTES else None


class _Client:
    """The part that the blocking and the asyncio client share: their options, and the requests made of them."""

    def __init__(
        self,
        target: str,
        *,
        key: str | None = None,
        name: str | None = None,
        model: str = "rerank-v3.5",
        timeout_s: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Connect to `target`, such as `dns:///rerankd.search.svc:50051`, when first called.

        Of all servers behind it, those that say that they are serving get the calls: in turn, or the more the less
        busy they are, as soon as they report that with their answers.
        `key` is shown to the server; `name` says who asks where the server wants no keys; `timeout_s` is how long each
        call may take, retries included. Without `credentials` the connection is not encrypted.
        """
        self._channel = self._open(target, credentials)
        self._rerank = self._channel.unary_unary(
            f"/{pb.SERVICE}/Rerank",
            request_serializer=pb.RerankRequest.SerializeToString,
            response_deserializer=pb.RerankResponse.FromString,
        )
        self._rerank_stream = self._channel.stream_unary(
            f"/{pb.SERVICE}/RerankStream",
            request_serializer=pb.RerankStreamRequest.SerializeToString,
            response_deserializer=pb.RerankStreamResponse.FromString,
        )
        self._model = model
        self._timeout_s = timeout_s
        self._metadata = [("authorization", f"Bearer {key}")] * (key is not None)
        self._metadata += [("x-client-name", name or "")] * (name is not None)

    def _open(self, target: str, credentials: grpc.ChannelCredentials | None) -> Any:
        raise NotImplementedError

    def _call(
        self,
        query: str,
        documents: Sequence[str],
        *,
        model: str | None = None,
        top_n: int | None = None,
        max_tokens_per_doc: int | None = None,
        priority: int | None = None,
        timeout_s: float | None = None,
    ) -> _Call:
        request = pb.RerankRequest(
            model=model or self._model,
            query=query,
            documents=documents,
            top_n=top_n,
            max_tokens_per_doc=max_tokens_per_doc,
            priority=priority,
        )
        return _Call(request, {"timeout": timeout_s or self._timeout_s, "metadata": self._metadata})


class RerankClient(_Client):
    """Reranks from any thread. Keep one for the life of the process, and close it, or use it in a `with`."""

    def rerank(self, query: str, documents: Sequence[str], **options: Unpack[Options]) -> Ranking:
        """Return `documents` in order of their relevance to `query`.

        Raises RerankError.
        """
        call = self._call(query, documents, **options)
        parts = call.parts
        try:
            if parts is None:
                return Ranking.of(self._rerank(call.request, **call.options))
            return Ranking.of(self._rerank_stream(parts, **call.options).response)
        except grpc.RpcError as error:
            raise RerankError.of(error) from None

    def close(self) -> None:
        """Hang up; calls under way fail."""
        self._channel.close()

    def _open(self, target: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
        if credentials:
            return grpc.secure_channel(target, credentials, _OPTIONS)
        return grpc.insecure_channel(target, _OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRerankClient(_Client):
    """Reranks from the event loop that was running when it was made. Close it, or use it in an `async with`."""

    async def rerank(self, query: str, documents: Sequence[str], **options: Unpack[Options]) -> Ranking:
        """Return `documents` in order of their relevance to `query`.

        Cancelling the call takes the work back from the server. Raises RerankError.
        """
        call = self._call(query, documents, **options)
        parts = call.parts
        try:
            if parts is None:
                return Ranking.of(await self._rerank(call.request, **call.options))
            return Ranking.of((await self._rerank_stream(parts, **call.options)).response)
        except grpc.RpcError as error:
            raise RerankError.of(error) from None

    async def close(self) -> None:
        """Hang up; calls under way fail."""
        await self._channel.close()

    def _open(self, target: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
        if credentials:
            return grpc.aio.secure_channel(target, credentials, _OPTIONS)
        return grpc.aio.insecure_channel(target, _OPTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _parts(request: Any) -> Iterator[Any]:
    """Cut a request into messages: first all but the documents, then those."""
    head = pb.RerankRequest()
    head.CopyFrom(request)
    del head.documents[:]
    yield pb.RerankStreamRequest(request=head)
    texts: list[str] = []
    size = 0
    for text in request.documents:
        if texts and size + len(text) > _PART_BYTES:
            yield pb.RerankStreamRequest(documents=pb.Documents(texts=texts))
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    yield pb.RerankStreamRequest(documents=pb.Documents(texts=texts))
