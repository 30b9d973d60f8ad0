"""A malformed body is refused by the names of its fields, and never repeated."""

import json
from typing import Any

import pytest

from tests.unit.service.rest.rest_client import BODY, ROUTES, Api, assert_error

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
    "deep-objects": b'{"query":' * 60_000,
    "deep-and-closed": b'{"x":' + b"[" * 300 + b"]" * 300 + b"}",
}


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in NOT_JSON.items()])
@pytest.mark.parametrize("path", ROUTES)
async def test_not_json(path: str, raw: bytes, api: Api):
    """A body that is not JSON is refused as that, whatever its form, and does not come back in the message."""
    message = assert_error(await api.post(raw, path), 400, "JSON: ")
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
@pytest.mark.parametrize("path", ROUTES)
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


@pytest.mark.parametrize("path", ROUTES)
async def test_message_does_not_repeat_the_body(path: str, api: Api):
    """The message does not repeat what was sent."""
    wrong = {"query": ["the secret"], "top_n": "the secret", "documents": {"the": "secret"}}
    assert "secret" not in assert_error(await api.post(BODY | wrong, path), 400)
    assert "secret" not in assert_error(await api.post(BODY | {"documents": [["secret"]]}, path), 400)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"top_n": 0}, "top_n "),
        ({"max_tokens_per_doc": -1}, "max_tokens_per_doc "),
        ({"query": " \n"}, "query "),
        ({"documents": []}, "documents "),
        ({"priority": -1}, "priority "),
        ({"priority": 1000}, "priority "),
        ({"priority": 2**70}, "priority "),
        ({"top_n": -(10**400)}, "top_n "),
    ],
)
async def test_out_of_range(fields: dict[str, Any], text: str, api: Api):
    """A value out of range is another answer than a malformed body."""
    assert_error(await api.post(BODY | fields), 422, text)
    assert api.reranker.requests == []
