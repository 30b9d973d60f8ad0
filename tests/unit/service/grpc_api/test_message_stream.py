"""Messages are received, and answers sent, within bounds of time and memory."""

import asyncio
from collections.abc import AsyncIterator
from time import sleep
from typing import Any
from unittest.mock import Mock

import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb

from service.access.byte_budget import ByteBudget
from service.errors import TooManyBytesError, TooSlowError
from service.grpc_api import message_stream
from service.grpc_api.message_stream import MessageStream
from tests.unit.service.grpc_api.grpc_client import MESSAGE_BYTES, REQUEST, Api, details, failed, pushback
from tests.unit.service.rerankers import LIMITS, until

STREAM_MESSAGES = 4


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Serve with room for four of the largest messages of an account, or three that follow a small one."""
    async with Api(bytes_max=4 * STREAM_MESSAGES * MESSAGE_BYTES) as api:
        yield api


async def first_part_only() -> AsyncIterator[pb.RerankStreamRequest]:
    """Send a first part, and no end."""
    yield pb.RerankStreamRequest(request=REQUEST)
    await asyncio.Event().wait()


async def test_message_that_does_not_come(api: Api, monkeypatch: pytest.MonkeyPatch):
    """A caller that stops in the middle of its messages is told so after a while."""
    monkeypatch.setattr("service.rerank.transfer.TRANSFER_S", 0.01)
    error = await failed(api.stub.RerankStream(first_part_only()))
    assert error.code() is StatusCode.DEADLINE_EXCEEDED
    assert details(error)[ErrorInfo].reason == "TOO_SLOW"


async def test_slow_messages_of_an_account(api: Api, monkeypatch: pytest.MonkeyPatch):
    """A slow message counts as one of the largest size: the share of an account is full, and its small calls go on."""
    monkeypatch.setattr(message_stream, "_PROMPT_S", 0.01)
    calls: list[Any] = [api.stub.RerankStream(first_part_only()) for _ in range(STREAM_MESSAGES - 1)]
    await until(lambda: api.budget.bytes >= (STREAM_MESSAGES - 1) * MESSAGE_BYTES)
    error = await failed(api.stub.RerankStream(first_part_only()))
    assert error.code() is StatusCode.UNAVAILABLE
    assert details(error)[ErrorInfo].reason == "TOO_MANY_BYTES"
    assert pushback(error) == "1000"
    assert (await api.stub.Rerank(REQUEST)).results
    for call in calls:
        call.cancel()
    await until(lambda: api.budget.bytes == 0)


async def test_late_loop(monkeypatch: pytest.MonkeyPatch):
    """A message is not taken for slow because the event loop was late itself."""
    monkeypatch.setattr(message_stream, "_PROMPT_S", 0.01)
    budget, arrived = ByteBudget(LIMITS.message_bytes, LIMITS.message_bytes), asyncio.get_running_loop().create_future()
    async with budget.hold("ann") as held:
        receiving = asyncio.ensure_future(anext(MessageStream(Mock(read=lambda: arrived), held, LIMITS)))
        await asyncio.sleep(0)
        sleep(0.1)  # noqa: ASYNC251  # It stalls the loop on purpose.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert budget.bytes == 0
        arrived.set_result(b"four")
        assert await receiving == b"four"
        assert budget.bytes == len(b"four")


async def test_answer_that_is_not_read(monkeypatch: pytest.MonkeyPatch):
    """An answer that its caller does not read is given up after a while, and counted meanwhile."""
    monkeypatch.setattr("service.rerank.transfer.TRANSFER_S", 0.01)
    budget, never = ByteBudget(100, 100), asyncio.get_running_loop().create_future()
    async with budget.hold("ann") as held:
        messages = MessageStream(Mock(write=lambda _: never), held, LIMITS)
        with pytest.raises(TooSlowError):
            await messages.send(bytes(100))
        assert budget.bytes == 100
        with pytest.raises(TooManyBytesError):
            await messages.send(bytes(101))
