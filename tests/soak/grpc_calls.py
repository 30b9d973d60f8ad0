"""gRPC calls made with the library: valid, invalid and cancelled ones."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.client import channel
from tests.contract.clients import SERVICE
from tests.soak.outcome import CUT_OFF, LEFT, Outcome, answered, refused_by_grpc
from tests.soak.question import SoakRequest
from tests.soak.target import Target

_PART = 25  # Documents per message of a stream.
_OVERSIZE = 32 * 2**20 + 1


async def unary(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a request and wait for its end."""
    return await _ended(_call(target, name, question), question)


async def stream(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Stream documents in parts."""
    return await _ended(_stream(target, name, question, pause_s=0), question)


async def slow_stream(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Stream documents in parts, with pauses."""
    return await _ended(_stream(target, name, question, pause_s=target.rng.uniform(0, 0.3)), question)


async def hasty(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a request with a deadline of a few milliseconds."""
    return await unary(target, name, question._replace(deadline_s=target.rng.uniform(0.001, 0.05)))


async def left(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Cancel the call after a short time, unless it has ended."""
    return await _left(target, _call(target, name, question), question, target.rng.uniform(0, 1.5))


async def upload_left(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Cancel a stream while it is being sent."""
    call = _stream(target, name, question, pause_s=0.2)
    return await _left(target, call, question, target.rng.uniform(0, 0.5))


async def not_protobuf(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send bytes that are not a protobuf message."""
    return await _raw(target.channels[0], name, question, target.rng.randbytes(2000))


async def too_many(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send more documents than allowed."""
    return await _raw(target.channels[0], name, question, message_of(question._replace(documents=["a"] * 10_001)))


async def unknown_model(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Request an unknown model."""
    raw = pb.RerankRequest(model="nobody", query=question.query, documents=["a"]).SerializeToString()
    return await _raw(target.channels[0], name, question, raw)


async def oversize(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send too large a message, over its own connection."""
    async with channel(target.grpc) as own:
        return await _raw(own, name, question, bytes(_OVERSIZE))


async def large_metadata(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send more metadata than the library accepts."""
    async with channel(target.grpc) as own:
        return await _raw(own, name, question, message_of(question.of(1)), ("x-large", "m" * 2**17))


async def unknown_method(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Call an unknown method."""
    return await _raw(target.channels[0], name, question, b"", method="Nothing")


def message_of(question: SoakRequest) -> bytes:
    """Return the protobuf message of a request."""
    return _request(question).SerializeToString()


def _request(question: SoakRequest) -> pb.RerankRequest:
    return pb.RerankRequest(
        model="rerank-v3.5",
        query=question.query,
        documents=question.documents,
        top_n=question.top_n,
        priority=question.lane,
    )


def _call(target: Target, name: str, question: SoakRequest) -> Any:
    method: Any = target.rng.choice(target.channels).unary_unary(
        f"/{SERVICE}/Rerank", response_deserializer=pb.RerankResponse.FromString
    )
    return method(message_of(question), timeout=question.deadline_s, metadata=(("x-client-name", name),))


def _stream(target: Target, name: str, question: SoakRequest, pause_s: float) -> Any:
    async def parts() -> AsyncIterator[bytes]:
        first, rest = question.of(_PART), question.documents[_PART:]
        yield pb.RerankStreamRequest(request=_request(first)).SerializeToString()
        for start in range(0, len(rest), _PART):
            await asyncio.sleep(pause_s)
            documents = pb.Documents(texts=rest[start : start + _PART])
            yield pb.RerankStreamRequest(documents=documents).SerializeToString()

    method: Any = target.rng.choice(target.channels).stream_unary(
        f"/{SERVICE}/RerankStream",
        response_deserializer=lambda raw: pb.RerankStreamResponse.FromString(raw).response,
    )
    return method(parts(), timeout=question.deadline_s, metadata=(("x-client-name", name),))


async def _ended(call: Any, question: SoakRequest) -> Outcome:
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refused_by_grpc(error)
    return answered(question, answer.id, [(result.index, result.relevance_score) for result in answer.results])


async def _left(target: Target, call: Any, question: SoakRequest, after_s: float) -> Outcome:
    ending = asyncio.ensure_future(_ended(call, question))
    done, _ = await asyncio.wait((ending,), timeout=after_s)
    if done:
        return ending.result()
    call.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    return Outcome(LEFT)


async def _raw(
    over: grpc.aio.Channel, name: str, question: SoakRequest, raw: bytes, *more: Sequence[str], method: str = "Rerank"
) -> Outcome:
    """Send bytes to a method; a refusal by the gRPC library counts as CUT_OFF."""
    call: Any = over.unary_unary(f"/{SERVICE}/{method}")
    try:
        await call(raw, timeout=question.deadline_s, metadata=(("x-client-name", name), *more))
    except grpc.aio.AioRpcError as error:
        if any(key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ()):
            return refused_by_grpc(error)
        return Outcome(CUT_OFF if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED else "DEADLINE_EXCEEDED")
    return Outcome("OK", fault="answered what is no request")
