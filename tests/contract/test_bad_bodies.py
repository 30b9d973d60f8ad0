"""A body that is not JSON, or holds too much, is refused at every path and in every form of the REST API."""

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.clients import GOOD, MESSAGE_BYTES, SECRET, encoded, refused, with_member
from tests.contract.forms import PATHS, Form, ranks

pytestmark = pytest.mark.usefixtures("unharmed")

DEEP = 60_000
BODIES = {
    "empty": b"",
    "blank": b" \n ",
    "form": f"query={SECRET}&documents={SECRET}".encode(),
    "truncated": encoded(GOOD)[:-9],
    "twice": encoded(GOOD) * 2,
    "null": b"null",
    "true": b"true",
    "array": b"[" + encoded(GOOD) + b"]",
    "text": f'"{SECRET}"'.encode(),
    "number": b"5",
    "single-quotes": repr(dict(GOOD)).encode(),
    "trailing-comma": encoded(GOOD)[:-1] + b",}",
    "comment": encoded(GOOD) + b" // " + SECRET.encode(),
    "byte-order-mark": b"\xef\xbb\xbf" + encoded(GOOD),
    "utf-16": json.dumps(dict(GOOD)).encode("utf-16"),
    "utf-32": json.dumps(dict(GOOD)).encode("utf-32-le"),
    "deep-arrays": b"[" * DEEP + b"]" * DEEP,
    "deep-objects": b'{"query":' * DEEP,
    "gzip": gzip.compress(encoded(GOOD)),
    "nul": b"\0" * 1000,
    "noise": bytes(range(256)) * 64,
    "quotes": b'"' * 1_000_001,
    "backslashes": b'"' + b"\\" * 1_000_001,
}
VALUES = {
    "lone-surrogate": b'"\\ud800"',
    "lone-low-surrogate": b'"\\udc00"',
    "reversed-surrogates": b'"\\udc00\\ud800"',
    "surrogate-as-utf-8": b'"\xed\xa0\x80"',
    "not-utf-8": b'"\xc3"',
    "overlong-utf-8": b'"\xc0\xaf"',
    "control-character": b'"\n"',
    "deep": b"[" * DEEP + b"]" * DEEP,
    "three-hundred-deep": b'{"a":' * 300 + b"1" + b"}" * 300,
    "no-literal": b"None",
    "escape": b'"\\x41"',
}


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", PATHS)
def test_no_object(path: str, raw: bytes, rest: httpx.Client) -> None:
    """A body that is no object of JSON is malformed."""
    refused(rest.post(path, content=raw), 400)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_value(value: bytes, form: Form, rest: httpx.Client) -> None:
    """Bytes that are not JSON are malformed anywhere: in a known field, in a document, in an unknown field."""
    for member in (b'"query":%s', b'"%s":[%%s]' % form.documents.encode(), b'"x":%s'):
        refused(form.post(rest, with_member(encoded(form.body()), member % value)), 400, "JSON")


def test_no_member(form: Form, rest: httpx.Client) -> None:
    """Between braces stand names and values, and nothing else."""
    for member in (b'"x":', b'"x" 5', b"5", b'"x":1 "y":2', b"x:1", b'"\\ud800":1', b'"\xff":1', b""):
        refused(form.post(rest, with_member(encoded(form.body()), member)), 400, "JSON")


@pytest.mark.parametrize("unit", [b'"",', b"[],", b"{},", b"[[[[[[]]]]]],", b'{"text":"a"},', b"1e5,"])
def test_millions_of_values(unit: bytes, form: Form, rest: httpx.Client) -> None:
    """A body of many megabytes that is nothing but values is refused for their number, wherever they stand."""
    many = unit * (20 * 2**20 // len(unit)) + unit[:-1]
    for field in (form.documents, "x"):
        raw = with_member(encoded(form.body()), b'"%s":[%s]' % (field.encode(), many))
        refused(form.post(rest, raw), form.out_of_range, "values")


def test_marks_in_texts_are_no_values(form: Form, rest: httpx.Client) -> None:
    """Texts may hold as many brackets, commas and quotes as they like."""
    text = ',[{:"\\' * 200_000
    assert len(ranks(form.post(rest, form.body(documents=["b", text], top_n=1)))) == 1


@pytest.mark.parametrize("path", PATHS)
def test_too_large(path: str, rest: httpx.Client) -> None:
    """A body over the limit is refused, whether or not it says its size."""

    def blanks() -> Iterator[bytes]:
        for _ in range(33):
            yield b" " * 2**20

    refused(rest.post(path, content=b" " * (MESSAGE_BYTES + 1)), 413)
    refused(rest.post(path, content=blanks()), 413)


def test_the_largest(form: Form, rest: httpx.Client) -> None:
    """The largest body is taken."""
    body = encoded(form.body(unknown=["x" * (2**22 - 99)] * 8))
    assert ranks(form.post(rest, body.ljust(MESSAGE_BYTES))) == ranks(form.post(rest))


def test_a_text_too_long(form: Form, rest: httpx.Client) -> None:
    """A text over 8 MiB is refused, wherever it is."""
    refused(form.post(rest, form.body(unknown="x" * (2**23 + 1))), 400 if form.path.startswith("/api") else 422)


def test_pieces(form: Form, rest: httpx.Client) -> None:
    """A body of unknown length may come in any pieces."""
    raw = encoded(form.body())
    pieces = (raw[i : i + 1] for i in range(len(raw)))
    assert ranks(form.post(rest, pieces)) == ranks(form.post(rest))
