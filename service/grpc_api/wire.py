"""A look at the bytes of a message before protobuf makes objects of them.

protobuf parses a message in one call that holds the interpreter lock: half a second for 16 million empty documents in
32 MiB. This counts the fields first, and takes out the documents, which can then be decoded a few at a time.
"""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from service.errors import DOCUMENTS, OutOfRangeError, Violation
from service.rerank.limits import TEXT_BYTES_MAX, Limits

_OTHER_FIELDS_MAX = 1000  # Fields of a message beside its documents; known ones are fewer than ten.
_NUMBER, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_NESTING = {_GROUP: 1, _GROUP_END: -1}
_TAG_BYTES_MAX, _NUMBER_BYTES_MAX = 5, 10


class Wire:
    """A message as bytes, split into documents and the rest."""

    def __init__(self, raw: bytes, descriptor: Descriptor, limits: Limits) -> None:
        """Split a message. Raises OutOfRangeError beyond `limits`, DecodeError for bytes that are no message."""
        self._raw = raw
        self._fields_left = limits.documents_max + _OTHER_FIELDS_MAX
        self._limits = limits
        self._part: int | None = None
        self.documents: list[tuple[int, int]] = []
        """Start and end of each string in a repeated field, in order."""
        self.rest = self._split(descriptor, 0, len(raw))
        """The message without its documents and without unknown fields that have a length."""
        limits.check_documents(len(self.documents))

    def _split(self, descriptor: Descriptor, start: int, end: int) -> bytes:
        """Return the rest of the message, or the inner message, at these bytes."""
        rest: list[bytes] = []
        last: dict[int, bytes] = {}  # Of equal strings that are not repeated, the last counts.
        groups = 0
        for at, tag, value, after in self._fields(start, end):
            kind = tag & 7
            field = None if groups else descriptor.fields_by_number.get(tag >> 3)
            if kind != _BYTES:
                groups += _NESTING.get(kind, 0)
                rest.append(self._raw[at:after])  # protobuf itself judges the numbers and the groups.
            elif field is None:
                continue
            elif field.message_type:
                inner = self._inner(field.number, field.message_type, value, after)
                rest += (_varint(tag), _varint(len(inner)), inner)
            elif field.is_repeated:
                self.documents.append((value, _checked(DOCUMENTS, value, after)))
            else:
                last[field.number] = self._raw[at : _checked(field.name, value, after)]
        return b"".join((*rest, *last.values()))

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the start, the tag, the start of the value and the end of each field; groups are not entered."""
        while at < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                most = self._limits.documents_max
                raise OutOfRangeError(Violation(DOCUMENTS, f"must have at most {most:,} items, and few other fields"))
            start = at
            tag, at = self._number(at, end, _TAG_BYTES_MAX)
            kind, value = tag & 7, at
            if kind == _BYTES:
                length, value = self._number(at, end, _NUMBER_BYTES_MAX)
                at = value + length
            elif kind == _NUMBER:
                at = self._number(at, end, _NUMBER_BYTES_MAX)[1]
            else:
                at += _FIXED.get(kind, 0)
            if at > end or not tag >> 3:
                raise DecodeError
            yield start, tag, value, at

    def _inner(self, part: int, descriptor: Descriptor, start: int, end: int) -> bytes:
        """Return the rest of an inner message, of which one kind at a time counts."""
        if self._part != part:
            self._part = part
            self.documents.clear()
        return self._split(descriptor, start, end)

    def _number(self, at: int, end: int, bytes_max: int) -> tuple[int, int]:
        """Return the number at these bytes, and the place after it."""
        value = shift = 0
        for place in range(at, min(end, at + bytes_max)):
            byte = self._raw[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  # The mark of the last byte.
                return value, place + 1
            shift += 7
        raise DecodeError


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _checked(name: str, start: int, end: int) -> int:
    """Return `end`. Raises OutOfRangeError for the field `name` if a text is too long."""
    if end - start > TEXT_BYTES_MAX:
        raise OutOfRangeError(Violation(name, f"must have at most {TEXT_BYTES_MAX >> 20} MiB in one text"))
    return end
