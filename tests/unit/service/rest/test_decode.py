"""A body decodes to the same request whatever its size; a large one delays nobody, and limits apply before parsing."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import InvalidRequestError, OutOfRangeError
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.request import RerankRequest
from service.rest.decode import Decoder
from service.rest.routes import ROUTES as ALL
from tests.unit.service.rerankers import LIMITS
from tests.unit.service.rest.rest_client import BODY, FORMS, Api

BY_PATH = {route.path: route for route in ALL}
LARGE = "x" * 2**17
"""A text that alone makes a body large."""
VALUES_MAX = 300_000


def a_decoder(documents_max: int = 10_000) -> Decoder:
    """Return a decoder that takes so many documents."""
    return Decoder(
        PriorityExecutor(1, 1000, "parse"),
        replace(LIMITS, documents_max=documents_max),
    )


async def read(raw: bytes, path: str = "/v2/rerank", lane: int = 0) -> RerankRequest:
    """Return the request that a body stands for."""
    body, texts = await a_decoder().read(BY_PATH[path], bytearray(raw), lane)
    return body.to_request(texts, lane)


async def test_numbers_beyond_any_list(api: Api):
    """A number too large to mean anything is as good as the largest that does."""
    raw = json.dumps(BODY)[:-1] + ', "top_n": 1180591620717411303424, "max_tokens_per_doc": 1e30}'
    assert (await api.post(raw.encode())).status_code == 200
    assert api.reranker.requests[0].top_n == 2**70


async def test_the_last_of_equal_names_counts(api: Api):
    """Of two fields of the same name, the last is meant."""
    await api.post(b'{"model": 5, "query": "first", "documents": [], "query": "q", "documents": ["one"], "model": "m"}')
    assert api.reranker.requests == [RerankRequest("m", "q", ["one"])]


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_large_bodies_are_read_alike(path: str, body: dict[str, Any]):
    """A body that is read on a thread stands for the same request as one that is not."""
    small = await read(json.dumps(body).encode(), path, 7)
    assert await read(json.dumps(body | {"unknown": LARGE}).encode(), path, 7) == small
    assert small.lane == 7


@pytest.mark.parametrize("path", ["/v1/rerank", "/api/v1/rerank", "/rerank"])
async def test_many_objects_are_read_in_order(path: str):
    """However many objects there are, and however they are cut into pieces, each stays in its place."""
    given = [{"n": n, "text": "x" * (n % 50)} if n % 3 else str(n) for n in range(5000)]
    found = await read(json.dumps({"model": "m", "query": "q", "documents": given}).encode(), path)
    assert [text if i % 3 == 0 else text.partition("\n")[0] for i, text in enumerate(found.documents)] == [
        f"n: {n}" if n % 3 else str(n) for n in range(5000)
    ]


async def test_a_wrong_object_among_many_is_named():
    """The place of an object that cannot be read is right in a large body, too."""
    given = [{"n": n} for n in range(5000)] + [{}]
    with pytest.raises(OutOfRangeError, match=r"^documents\[5000\] "):
        await read(json.dumps({"query": "q", "documents": given}).encode(), "/v1/rerank")


async def test_others_run_meanwhile():
    """While objects are read, the event loop serves others."""
    raw = json.dumps({"query": "q", "documents": [{"n": n, "text": "x"} for n in range(5000)]}).encode()
    reading = asyncio.create_task(read(raw, "/v1/rerank"))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert len(reading.result().documents) == 5000


async def test_the_more_urgent_overtakes():
    """A large body of a more urgent lane is read before the less urgent ones that wait."""
    decoder, ended = a_decoder(), []
    raw = json.dumps({"query": "q", "documents": [{"n": n} for n in range(5000)]}).encode()

    async def one(lane: int) -> None:
        await decoder.read(BY_PATH["/v1/rerank"], raw, lane)
        ended.append(lane)

    await asyncio.gather(*(one(900) for _ in range(4)), one(0))
    assert 0 in ended[:2]


async def test_reading_ends_when_the_caller_leaves():
    """A caller that leaves takes with it what was not read yet."""
    decoder = a_decoder()
    raw = json.dumps({"query": "q", "documents": [{"n": n} for n in range(9000)]}).encode()
    reading = asyncio.create_task(decoder.read(BY_PATH["/v1/rerank"], raw, 0))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    body, _ = await decoder.read(BY_PATH["/v2/rerank"], json.dumps(BODY | {"unknown": LARGE}).encode(), 0)
    assert body.ranked == BODY["documents"]


@pytest.mark.parametrize("field", ["documents", "texts"])
async def test_too_many_documents_come_before_their_faults(field: str):
    """Too many documents are refused before anything is made of them, in a small body and in a large one."""
    for wrong in ([5] * 11, [LARGE] * 11):
        with pytest.raises(OutOfRangeError, match=f"^{field} .*10.*11"):
            await a_decoder(10).read(BY_PATH["/rerank"], json.dumps({"query": "q", field: wrong}).encode(), 0)


@pytest.mark.parametrize(
    "unit",
    [b"[],", b"{},", b"1,", b'"",', b'"a" , ', b'{"a":1},', b"[[[[]]]],", b'"\\"",', b'"\\\\",', b'{"[":"{"},'],
)
async def test_too_many_values(unit: bytes):
    """A body with more values than are made of any is refused before one is made."""
    marks = sum(unit.count(mark) for mark in (b"[", b"{", b",", b":")) - unit.count(b'"[":"{"') * 2
    few, many = (unit * (VALUES_MAX // marks + more) for more in (-10, 10))
    with pytest.raises(OutOfRangeError, match=r"^body .*300,000 values"):
        await read(b'{"unknown":[' + many + b"0]}")
    with pytest.raises(InvalidRequestError, match="model: "):
        await read(b'{"unknown":[' + few + b"0]}")


async def test_too_many_rank_fields():
    """More fields than anybody ranks by are refused; each would be looked up in each document."""
    body = {"query": "q", "documents": ["one"], "rank_fields": ["a"] * 1000}
    await read(json.dumps(body).encode(), "/v1/rerank")
    with pytest.raises(OutOfRangeError, match=r"^rank_fields .*1,000"):
        await read(json.dumps(body | {"rank_fields": ["a"] * 1001}).encode(), "/v1/rerank")


async def test_rendered_size():
    """Objects that are much larger as YAML than as JSON are refused once they exceed the size of a message."""
    nested: Any = "a\n" * 10_000
    for _ in range(13):
        nested = [nested]
    raw = json.dumps({"query": "q", "documents": [{"a": nested}] * 9}).encode()
    with pytest.raises(OutOfRangeError, match=r"^documents .*YAML"):
        await read(raw, "/v1/rerank")
    assert len((await read(raw.replace(b"a\\n", b"ab "), "/v1/rerank")).documents) == 9


@settings(max_examples=30)
@given(st.lists(st.text('"\\[{,:ab', max_size=9), max_size=9), st.integers(1, 2**19))
@example(['"', "\\", '\\"', "[[[", ":,:"], 2**18 - 1)
async def test_what_is_inside_of_texts_is_no_value(texts: list[str], padding: int):
    """Brackets, commas and colons in texts do not count, wherever the text is cut to look at it."""
    texts = ["," * 2**18, '\\"' * 2**17, ":" * padding, *texts, "[" * 2**17]
    found = await read(json.dumps(BODY | {"documents": texts}).encode())
    assert found.documents == texts
