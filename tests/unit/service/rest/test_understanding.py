"""Tests of how bodies become requests."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import InvalidRequestError, OutOfRangeError, Violation
from service.messages import RerankRequest
from service.rest.routes import ROUTES as ALL
from service.rest.understanding import Reader
from tests.unit.service.rest.api import BODY, FORMS, Api, assert_error

BY_PATH = {route.path: route for route in ALL}
LARGE = "x" * 2**17
"""A text that alone makes a body large."""
VALUES_MAX = 500_000
NOT_JSON = {
    "nothing": b"",
    "blank": b" \n",
    "open": b"{",
    "half": b'{"model": "tiny", "query"',
    "two": b"{}{}",
    "trailing-comma": b'{"model": "tiny",}',
    "comment": b"{} // none",
    "single-quotes": b"{'model': 'tiny'}",
    "not-utf-8": b'{"model": "\xff"}',
    "overlong-utf-8": b'{"model": "\xc0\xaf"}',
    "surrogate-as-utf-8": b'{"model": "\xed\xa0\x80"}',
    "lone-surrogate": b'{"model": "\\ud800"}',
    "reversed-surrogates": b'{"model": "\\udc00\\ud800"}',
    "nul": b'{"model": "\0"}',
    "line-feed": b'{"model": "\n"}',
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "utf-16": json.dumps(BODY).encode("utf-16"),
    "utf-32": json.dumps(BODY).encode("utf-32"),
    "nan": b'{"top_n": NaN}',
    "infinity": b'{"top_n": -Infinity}',
    "leading-zero": b'{"top_n": 01}',
    "plus": b'{"top_n": +1}',
    "hexadecimal": b'{"top_n": 0x1}',
    "bare-word": b'{"top_n": undefined}',
    "digits": b'{"top_n": %s}' % (b"9" * 5000),
    "deep-arrays": b"[" * 100_000,
    "deep-objects": b'{"query":' * 100_000,
    "deep-and-closed": b'{"x":' + b"[" * 300 + b"]" * 300 + b"}",
}


async def read(raw: bytes, path: str = "/v2/rerank", lane: int = 0) -> RerankRequest:
    """Return the request that a body stands for."""
    _, request = await Reader(up_to(10_000)).read(BY_PATH[path], bytearray(raw), lane)
    return request


def up_to(most: int) -> Callable[[int], None]:
    """Return what refuses more documents than that."""

    def check(documents: int) -> None:
        if documents > most:
            raise OutOfRangeError(Violation("documents", f"may be {most} at most"))

    return check


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in NOT_JSON.items()])
@pytest.mark.parametrize("path", BY_PATH)
async def test_not_json(path: str, raw: bytes, api: Api):
    """A body that is not JSON is refused as that, whatever its form, and does not come back in the message."""
    message = assert_error(await api.post(raw, path), 400, "the body is not JSON: ")
    assert "tiny" not in message
    assert len(message) < 200
    assert api.reranker.requests == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[]", "body: "),
        (b"null", "body: "),
        (b'"tiny"', "body: "),
        (b"5", "body: "),
        ({}, "query: "),
        ({"documents": ["one"]}, "query: "),
        (BODY | {"query": None}, "query: "),
        (BODY | {"query": {"text": "q"}}, "query: "),
        (BODY | {"top_n": "3"}, "top_n: "),
        (BODY | {"top_n": True}, "top_n: "),
        (b'{"query": "q", "documents": [""], "model": "tiny", "top_n": 1e400}', "top_n: "),
        (BODY | {"documents": {"0": "one"}}, "documents: "),
        (BODY | {"documents": ["one", 5]}, "documents.1"),
        (BODY | {"documents": ["one", None]}, "documents.1"),
        (BODY | {"documents": ["one", ["two"]]}, "documents.1"),
    ],
)
@pytest.mark.parametrize("path", BY_PATH)
async def test_malformed(path: str, body: Any, text: str, api: Api):
    """A body that is not what the schema says is refused, and the place named."""
    assert_error(await api.post(body, path), 400, text)
    assert api.reranker.requests == []


async def test_objects_where_texts_are_meant(api: Api):
    """Forms without objects for documents do not take them."""
    assert_error(await api.post(BODY | {"documents": [{"text": "one"}]}), 400, "documents.0: ")
    assert_error(await api.post({"query": "q", "texts": [{"text": "one"}]}, "/rerank"), 400, "texts.0: ")


async def test_malformed_in_many_places(api: Api):
    """Of many faults, a few are told, and of many wrong documents only the first."""
    body = dict.fromkeys(("model", "query", "top_n", "max_tokens_per_doc", "priority"), 0.5) | {"documents": [5] * 1000}
    message = assert_error(await api.post(body), 400)
    assert len(message.split("; ")) == 5
    assert message.count("documents.") == 1


@pytest.mark.parametrize("path", BY_PATH)
async def test_message_does_not_repeat_the_body(path: str, api: Api):
    """What was sent does not come back in the message."""
    wrong = {"query": ["the secret"], "top_n": "the secret", "documents": {"the": "secret"}}
    assert "secret" not in assert_error(await api.post(BODY | wrong, path), 400)
    assert "secret" not in assert_error(await api.post(BODY | {"documents": [["secret"]]}, path), 400)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"top_n": 0}, "top_n must be at least 1, not 0"),
        ({"max_tokens_per_doc": -1}, "max_tokens_per_doc must be at least 1, not -1"),
        ({"query": " \n"}, "query must not be blank"),
        ({"documents": []}, "documents must hold at least one document"),
        ({"priority": -1}, "priority must be 0 to 999, not -1"),
        ({"priority": 1000}, "priority must be 0 to 999, not 1000"),
        ({"priority": 2**70}, "priority must be 0 to 999"),
        ({"top_n": -(10**400)}, "top_n must be at least 1"),
    ],
)
async def test_out_of_range(fields: dict[str, Any], text: str, api: Api):
    """A value out of range is another answer than a malformed body."""
    assert_error(await api.post(BODY | fields), 422, text)
    assert api.reranker.requests == []


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
    with pytest.raises(OutOfRangeError, match=r"^documents\[5000\] has no field"):
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
    reader, ended = Reader(up_to(10_000)), []
    raw = json.dumps({"query": "q", "documents": [{"n": n} for n in range(5000)]}).encode()

    async def one(lane: int) -> None:
        await reader.read(BY_PATH["/v1/rerank"], raw, lane)
        ended.append(lane)

    await asyncio.gather(*(one(900) for _ in range(4)), one(0))
    assert 0 in ended[:2]


async def test_reading_ends_when_the_caller_leaves():
    """A caller that leaves takes with it what was not read yet."""
    reader = Reader(up_to(10_000))
    raw = json.dumps({"query": "q", "documents": [{"n": n} for n in range(9000)]}).encode()
    reading = asyncio.create_task(reader.read(BY_PATH["/v1/rerank"], raw, 0))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    body, _ = await reader.read(BY_PATH["/v2/rerank"], json.dumps(BODY | {"unknown": LARGE}).encode(), 0)
    assert body.ranked == BODY["documents"]


@pytest.mark.parametrize("field", ["documents", "texts"])
async def test_too_many_documents_come_before_their_faults(field: str):
    """Too many documents are refused before anything is made of them, in a small body and in a large one."""
    for wrong in ([5] * 11, [LARGE] * 11):
        with pytest.raises(OutOfRangeError, match="may be 10 at most"):
            await Reader(up_to(10)).read(BY_PATH["/rerank"], json.dumps({"query": "q", field: wrong}).encode(), 0)


@pytest.mark.parametrize(
    "unit",
    [b"[],", b"{},", b"1,", b'"",', b'"a" , ', b'{"a":1},', b"[[[[]]]],", b'"\\"",', b'"\\\\",', b'{"[":"{"},'],
)
async def test_too_many_values(unit: bytes):
    """A body with more values than are made of any is refused before one is made."""
    marks = sum(unit.count(mark) for mark in (b"[", b"{", b",", b":")) - unit.count(b'"[":"{"') * 2
    few, many = (unit * (VALUES_MAX // marks + more) for more in (-10, 10))
    with pytest.raises(OutOfRangeError, match=r"^body may hold 500,000 values and names at most$"):
        await read(b'{"unknown":[' + many + b"0]}")
    with pytest.raises(InvalidRequestError, match="model: "):
        await read(b'{"unknown":[' + few + b"0]}")


@settings(max_examples=30)
@given(st.lists(st.text('"\\[{,:ab', max_size=9), max_size=9), st.integers(1, 2**19))
@example(['"', "\\", '\\"', "[[[", ":,:"], 2**18 - 1)
async def test_what_is_inside_of_texts_is_no_value(texts: list[str], padding: int):
    """Brackets, commas and colons in texts do not count, wherever the text is cut to look at it."""
    texts = ["," * 2**18, '\\"' * 2**17, ":" * padding, *texts, "[" * 2**17]
    found = await read(json.dumps(BODY | {"documents": texts}).encode())
    assert found.documents == texts
