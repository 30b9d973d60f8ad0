"""Bodies of REST, and forms of requests, that are odd: costly for their size, or taken differently by a proxy."""

import json
from collections.abc import Iterator
from contextlib import suppress

from tests.hostile.attack import Breach, Target, attack
from tests.hostile.crowd import threads
from tests.hostile.files import DENYLIST
from tests.hostile.honest import MODEL
from tests.hostile.http1 import exchanged, head, on_a_new

_MIB = 2**20
_ASTRAL = "".join(map(chr, range(0x10000, 0x10000 + 980_000)))


def _posted(target: Target, *bodies: bytes, path: str = "/v2/rerank") -> int:
    """Post bodies in turn, each when the last is answered."""
    done = 0
    contents = [head(len(body), "Connection: close", path=path) + body for body in bodies]

    def each(place: int) -> int:
        nonlocal done
        done += 1
        return on_a_new(target, contents[done % len(contents)])

    return threads(target, 1, each)


def _encoded(**fields: object) -> bytes:
    """Return a body in ASCII, with escapes."""
    return json.dumps({"model": MODEL, "query": "q", "documents": ["d"]} | fields).encode()


@attack(one_message=True)
def surrogate_escapes(target: Target) -> int:
    """Post 30 MB of escaped pairs of surrogates."""
    return _posted(target, _encoded(documents=["\U0001f600" * 2_500_000]))


@attack(one_message=True)
def object_of_far_characters(target: Target) -> int:
    """Post an object of 980,000 distinct characters beyond the basic plane."""
    return _posted(target, json.dumps({"query": "q", "documents": [{"a": _ASTRAL}]}, ensure_ascii=False).encode())


@attack(one_message=True)
def objects_of_far_characters(target: Target) -> int:
    """Post 4 such objects, which is within the limit of a message."""
    documents = [{"a": _ASTRAL}] * 4
    return _posted(target, json.dumps({"query": "q", "documents": documents}, ensure_ascii=False).encode())


@attack(one_message=True)
def many_values(target: Target) -> int:
    """Post 499,000 numbers in an object."""
    return _posted(target, _encoded(documents=[{"a": [0] * 499_000}]))


@attack(one_message=True)
def many_objects(target: Target) -> int:
    """Post 10,000 objects of nine fields."""
    return _posted(target, _encoded(documents=[{str(n): "a" for n in range(9)}] * 10_000))


@attack(one_message=True)
def rank_fields(target: Target) -> int:
    """Post 440,000 rank_fields."""
    fields = {"model": MODEL, "query": "q", "documents": [{"a": "d"}], "rank_fields": [f"f{n}" for n in range(440_000)]}
    return _posted(target, json.dumps(fields).encode(), path="/v1/rerank")


@attack(one_message=True)
def yaml_indentation(target: Target) -> int:
    """Post objects of many short lines, 15 levels deep, which YAML indents."""
    value: object = "\n".join("a" * 60_000)
    for _ in range(14):
        value = [value]
    return _posted(target, _encoded(documents=[{"a": value}] * 8))


@attack(one_message=True)
def odd_json(target: Target) -> int:
    """Post a number of 30 MB, brackets a million deep, a key of 30 MB, and an unfinished string in turn."""
    digits, key = b"1" * (30 * _MIB), b'{"' + b"k" * (30 * _MIB) + b'": 1}'
    return _posted(target, b"[" + digits + b"]", b"[" * _MIB, key, b'"' + b"\\" * (30 * _MIB))


@attack(one_message=True)
def emoji_over_rest(target: Target) -> int:
    """Post 1 MB of emoji."""
    return _posted(target, _encoded(documents=["\U0001f600" * 85_000]))


@attack(one_message=True)
def one_word(target: Target) -> int:
    """Post a word of 30 MB in each of ten ways that tokenisers know."""
    texts = ("a", "\u0301", "é", "中", "\u200d", "=", "0", " ", "\U00020000", "ﷺ")
    return _posted(target, *(_encoded(documents=[text * 400_000]) for text in texts))


@attack(**DENYLIST, one_message=True)
def denylist_of_one_letter(target: Target) -> int:
    """Post a long word of the letter of a hundred terms of the deny-list, and such words."""
    return _posted(target, _encoded(documents=["a" * (20 * _MIB)]), _encoded(documents=["ab " * (6 * _MIB)]))


@attack(**DENYLIST, one_message=True)
def denylist_of_words(target: Target) -> int:
    """Post long texts against an ordinary deny-list."""
    return _posted(target, _encoded(documents=["secret projec " * (2 * _MIB)]))


_HIDDEN = b"GET /livez-smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
_START = b"POST /v2/rerank HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def _smuggled() -> Iterator[bytes]:
    """Yield requests whose body two parsers understand differently, with a second request inside."""
    chunked = b"0\r\n\r\n" + _HIDDEN
    length = b"Content-Length: %d\r\n" % len(chunked)
    for encoding in (
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\tchunked"),
        *(b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity"),
        *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"X: y\nTransfer-Encoding: chunked"),
        *(b"Transfer-Encoding:\r\n chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: \x0bchunked"),
    ):
        yield _START + length + encoding + b"\r\n\r\n" + chunked
        yield _START + encoding + b"\r\n" + length + b"\r\n" + chunked
    for lengths in (
        *(b"Content-Length: 2\r\nContent-Length: %d", b"Content-Length: 2, %d", b"Content-Length: +2\r\nX: %d"),
        *(b"Content-Length: 0x2\r\nX: %d", b"Content-Length: 2\nX: %d", b"Content-Length:\r\n 2\r\nX: %d"),
        *(b"Content-Length : 2\r\nX: %d", b"Content-Length: 2 2\r\nX: %d", b"Content-Length: 1_0\r\nX: %d"),
    ):
        yield _START + lengths % (2 + len(_HIDDEN)) + b"\r\n\r\n{}" + _HIDDEN
    sizes = (b"+2", b"0x2", b"2\n", b"2;a\nb", b"-0", b"2_0", b"00000000000000002\r", b" 2")
    for size in sizes:
        yield _START + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n{}\r\n0\r\n\r\n" + _HIDDEN
    yield _START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n" + _HIDDEN
    yield _START.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + chunked
    yield _START.replace(b"\r\nHost", b"\nHost") + length + b"\r\n" + chunked


@attack()
def smuggling(target: Target) -> int:
    """Send each form; where the framing is ambiguous no second request on the connection may be answered."""
    done = 0
    plain = exchanged(target, _START + b"Content-Length: 2\r\n\r\n{}" + _HIDDEN, 0.5)
    if plain.count(b"HTTP/1.1 ") != 2:
        raise Breach("two plain requests are not both answered, so that a smuggled one would not be noticed")
    while target.on():
        for form in _smuggled():
            found = b""
            with suppress(OSError):
                found = exchanged(target, form, 0.2)
            if found.count(b"HTTP/1.1 ") > 1:
                raise Breach(f"a second request is answered after {form[len(_START) : -len(_HIDDEN)][:80]!r}")
            done += 1
    return done
