"""Headers and bodies are accepted in every valid spelling, and refused beyond their limits."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.service.rerankers import LIMITS
from tests.unit.service.rest.rest_client import BODY, FORMS, PATH, Api, assert_error


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;q=1",
        " application/json ",
    ],
)
async def test_media_type(media_type: str, api: Api):
    """JSON may be announced in any of its spellings."""
    assert (await api.post(content_type=media_type)).status_code == 200


async def test_no_media_type(api: Api):
    """A body that does not say what it is may be JSON."""
    assert (await api.client.post(PATH, content=json.dumps(BODY).encode())).status_code == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonl", ""])
async def test_wrong_media_type(media_type: str, api: Api):
    """A body that says that it is something else is refused unread."""
    assert_error(await api.post(content_type=media_type), 415, "application/json")
    assert api.reranker.requests == []


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_media_type_of_every_form(path: str, body: dict[str, Any], api: Api):
    """Every form asks for JSON, and takes it for JSON when nothing is said."""
    assert (await api.client.post(path, content=json.dumps(body).encode())).status_code == 200
    assert_error(await api.post(body, path, content_type="text/plain"), 415, "application/json")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip"])
async def test_compressed(encoding: str, api: Api):
    """A body that is compressed by its own word is refused in words that say so."""
    assert_error(await api.post(gzip.compress(json.dumps(BODY).encode()), content_encoding=encoding), 415, "Encoding")
    assert api.reranker.requests == []


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
async def test_not_compressed(encoding: str, api: Api):
    """A body that is sent as it is may say so."""
    assert (await api.post(content_encoding=encoding)).status_code == 200


async def test_compressed_without_a_word(api: Api):
    """A body that is compressed and does not say so is not JSON."""
    assert_error(await api.post(gzip.compress(json.dumps(BODY).encode())), 400, "JSON")


async def test_in_pieces(api: Api):
    """A body may come in any number of pieces, cut anywhere, empty ones included."""
    raw = json.dumps(BODY | {"query": "é漢😀"}, ensure_ascii=False).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for byte in raw:
            yield bytes([byte])
            yield b""

    assert (await api.client.post(PATH, content=pieces())).status_code == 200
    assert api.reranker.requests[0].query == "é漢😀"


async def test_too_large_by_its_own_word(api: Api):
    """A body that announces too much is refused before it is read."""
    answer = await api.post(content_length=str(LIMITS.message_bytes + 1))
    assert_error(answer, 413, "1 MiB")


async def test_too_large_without_a_word(api: Api):
    """A body that never ends is refused once it is too large."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2 * LIMITS.message_bytes:
            sent += 2**18
            yield b" " * 2**18

    answer = await api.client.post(PATH, content=endless(), headers={"content-type": "application/json"})
    assert_error(answer, 413)
    assert sent <= LIMITS.message_bytes + 2**19


async def test_room_for_bodies():
    """A body is refused before it is read if there is no room for the size that it announces, or may have."""
    api = Api(bytes_max=2**20)

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        if "content-length" in headers:
            pytest.fail("read")
        yield b" " * 2**18

    for headers in ({"content-length": "300000"}, {"transfer-encoding": "chunked"}):
        answer = await api.client.post(PATH, content=body(), headers={"content-type": "application/json", **headers})
        assert_error(answer, 503)
        assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("1", "1000")
    assert (await api.post()).status_code == 200
    assert api.budget.bytes == 0


async def test_body_that_does_not_come(api: Api, monkeypatch: pytest.MonkeyPatch):
    """A caller that stops in the middle of its body is told so after a while."""
    monkeypatch.setattr("service.rerank.transfer.TRANSFER_S", 0.01)

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    assert_error(await api.client.post(PATH, content=body(), headers={"content-type": "application/json"}), 408)


async def test_longest_deadline(api: Api):
    """A deadline is at most the longest that is allowed, whatever the caller says."""
    await api.post(x_request_timeout_ms="999999999999")
    assert 3590 < api.reranker.remaining_s[0] <= 3600


async def test_default_deadline(api: Api):
    """A call that brings no deadline has the default."""
    await api.post()
    assert 50 < api.reranker.remaining_s[0] <= 60


@pytest.mark.parametrize(("given", "limit_s"), [("5000", 5), ("1", 0.001), ("3600000", 3600)])
async def test_deadline(given: str, limit_s: float, api: Api):
    """A call's deadline is its own word in milliseconds."""
    await api.post(x_request_timeout_ms=given)
    assert limit_s - 10 < api.reranker.remaining_s[0] <= limit_s


@pytest.mark.parametrize("given", ["soon", "1.5", "--1", "-", "1e3", "9" * 13, "5s", "0x10", "²"])
async def test_malformed_deadline(given: str, api: Api):
    """A deadline that is no whole number of milliseconds is malformed."""
    assert_error(await api.post(x_request_timeout_ms=given.encode("latin-1")), 400, "X-Request-Timeout-Ms")


@pytest.mark.parametrize("given", ["0", "-1"])
async def test_deadline_out_of_range(given: str, api: Api):
    """A deadline of no time at all is out of range."""
    assert_error(await api.post(x_request_timeout_ms=given), 422, "X-Request-Timeout-Ms ")
