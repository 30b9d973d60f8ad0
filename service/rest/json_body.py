"""Parses a large JSON body in steps.

The parser holds the interpreter lock during a call: for 0.1 s, on an idle machine, with 32 MiB of escape sequences. So
strings are cut out of the body and decoded a block at a time; only the rest is parsed in one call.
"""

import re
from collections.abc import Generator
from secrets import token_hex
from typing import Any

from pydantic_core import from_json

from service.errors import OutOfRangeError, Violation
from service.rerank.limits import TEXT_BYTES_MAX

VALUES_MAX = 300_000
"""Limit on values and names in a body. Creating them holds the interpreter lock for up to 40 ms."""
_REST_MAX = 4 * 2**20
"""Limit on the bytes of a body outside of its long strings, which are parsed in one call of about 0.03 s."""
_BLOCK = 64 * 1024  # Bytes scanned at a time.
_LONG = 32  # Shorter strings stay in the body.
_ESCAPE_BYTES = 6  # Of the longest escape sequence.
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB]")
_MARK = token_hex(8)
"""Begins the names of strings that were cut out. Callers cannot guess it."""


class JsonBody:
    """A body whose long strings are cut out and decoded, block by block."""

    def __init__(self, raw: bytes | bytearray) -> None:
        """Prepare to parse `raw`."""
        self._raw = raw
        self._inside = False
        self._values = self._rest_bytes = self._text_bytes = self._cut = 0
        self._rest: list[bytes] = []
        """The body, with names in place of the strings that were cut out."""
        self._parts: list[str] = []
        """The parts so far of the string that the scan is in, if earlier blocks hold its start."""
        self._strings: list[str] = []

    def parse(self) -> Generator[None, None, Any]:
        """Return the value of the body. Raises ValueError, or OutOfRangeError for too many values or a long text."""
        carried = b""
        for start in range(0, len(self._raw), _BLOCK):
            block = carried + self._raw[start : start + _BLOCK]
            masked = block.replace(rb"\\", b"__").replace(rb"\"", b"__")  # Now each quote begins or ends a string.
            end = len(block) if start + _BLOCK >= len(self._raw) else _whole(masked)
            carried = block[end:]
            self._scan(block[:end], masked[:end].split(b'"'))
            yield
        if self._inside:
            self._rest.append(b'"')  # The parser reports the missing end.
        value = from_json(b"".join(self._rest), allow_inf_nan=False)
        if not self._strings:
            return value
        yield
        if not isinstance(value, dict):
            return self._restored(value)
        body: dict[Any, Any] = {}
        for name, inner in value.items():
            body[self._restored(name)] = items = [] if isinstance(inner, list) else self._restored(inner)
            for item in inner if isinstance(inner, list) else ():
                items.append(self._restored(item))
                yield
        return body

    def _scan(self, block: bytes, parts: list[bytes]) -> None:
        """Cut long strings out of a block, whose `parts` are between its quotes, and decode them."""
        outside: list[bytes] = []
        cut: list[tuple[bytes, bool]] = []
        at = 0
        for number, part in enumerate(parts, start=1):
            text, ends = block[at : at + len(part)], number < len(parts)
            at += len(part) + 1
            if not self._inside:
                outside.append(text)
                self._rest.append(text)
            elif ends and not self._text_bytes and len(text) <= _LONG:
                self._rest.append(b'"%s"' % text)
            else:
                self._check_text(len(text))
                cut.append((text, ends))
                if ends:
                    self._rest.append(b'"%s%d"' % (_MARK.encode(), self._cut))
                    self._cut += 1
                    self._text_bytes = 0
            self._inside ^= ends
        self._check_rest(b"".join(outside), sum(map(len, self._rest[-len(parts) :])))
        if cut:
            decoded: list[str] = from_json(b'["%s"]' % b'","'.join(text for text, _ in cut))
            for string, (_, ends) in zip(decoded, cut, strict=True):
                self._parts.append(string)
                if ends:
                    self._strings.append("".join(self._parts))
                    self._parts.clear()

    def _check_text(self, size: int) -> None:
        self._text_bytes += size
        if self._text_bytes > TEXT_BYTES_MAX:
            raise OutOfRangeError(Violation("body", f"must have at most {TEXT_BYTES_MAX >> 20} MiB in one text"))

    def _check_rest(self, outside: bytes, size: int) -> None:
        """Count values and names: outside of strings, a bracket, comma or colon precedes each."""
        self._values += sum(outside.count(mark) for mark in b"[{,:")
        self._rest_bytes += size
        if self._values > VALUES_MAX:
            raise OutOfRangeError(Violation("body", f"must contain at most {VALUES_MAX:,} values and names"))
        if self._rest_bytes > _REST_MAX:
            most = f"{_REST_MAX >> 20} MiB beside texts of more than {_LONG} bytes"
            raise OutOfRangeError(Violation("body", f"must contain at most {most}"))

    def _restored(self, value: Any) -> Any:
        """Return a value with the strings that were cut out of it."""
        if isinstance(value, str):
            return self._strings[int(value[len(_MARK) :])] if value.startswith(_MARK) else value
        if isinstance(value, dict):
            return {self._restored(name): self._restored(inner) for name, inner in value.items()}
        return [self._restored(inner) for inner in value] if isinstance(value, list) else value


def _whole(masked: bytes) -> int:
    """Return where to end a block so that it splits no escape sequence, pair of them or character."""
    at = masked.rfind(b"\\", len(masked) - _ESCAPE_BYTES)
    if at >= 0:
        pair = at - _ESCAPE_BYTES
        return pair if pair >= 0 and _HIGH_SURROGATE.match(masked, pair) else at
    for back in range(1, 5):
        if masked[-back] < 0x80:  # noqa: PLR2004  # A character of one byte.
            break
        if masked[-back] >= 0xC0:  # noqa: PLR2004  # The first byte of several.
            return len(masked) - back
    return len(masked)
