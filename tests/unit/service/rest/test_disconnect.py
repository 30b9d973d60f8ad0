"""A caller that closes its connection ends the work for it, and is counted as cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.unit.service.rest.rest_client import FORMS, PATH, Api


async def call_and_leave(api: Api, body: bytes, *, complete: bool, path: str = PATH) -> list[Any]:
    """Make a call of which the caller closes the connection; return what was sent to it all the same."""
    sent: list[Any] = []

    async def messages() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": body, "more_body": not complete}
        if complete:
            await api.reranker.asked.wait()
        while True:
            yield {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b"", "asgi": {}}
    async with asyncio.timeout(60):
        await api.app(scope, messages().__anext__, send)
    return sent


def outcomes(api: Api) -> Iterator[str]:
    """Return the outcomes that were counted."""
    for line in api.metrics.exposition().decode().splitlines():
        if line.startswith("rerank_requests_total{"):
            yield line.partition('outcome="')[2].partition('"')[0]


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_caller_leaves_while_waiting(path: str, body: dict[str, Any], api: Api):
    """When a caller closes the connection, the work for it ends, and is counted as cancelled."""
    api.reranker.answer = None
    sent = await call_and_leave(api, json.dumps(body).encode(), complete=True, path=path)
    assert api.reranker.cancelled == 1
    assert {message["status"] for message in sent if "status" in message} <= {499}
    assert list(outcomes(api)) == ["CANCELLED"]


async def test_caller_leaves_while_sending(api: Api):
    """When a caller closes the connection before its body is complete, nothing is asked for."""
    await call_and_leave(api, b'{"model"', complete=False)
    assert api.reranker.requests == []
    assert list(outcomes(api)) == ["CANCELLED"]
