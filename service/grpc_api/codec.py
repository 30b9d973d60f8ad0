"""Parsing of untrusted protobuf messages.

Handlers receive bytes and parse them here, since grpc itself answers undecodable messages with INTERNAL.
"""

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from service.errors import InvalidRequestError, TooLargeError
from service.rerank.limits import MESSAGE_BYTES_MAX

_STREAM_BYTES_MAX = 4 * MESSAGE_BYTES_MAX

M = TypeVar("M", bound=Message)


def parse(message_type: type[M], raw: bytes) -> M:
    """Parse a message. Raises InvalidRequestError or TooLargeError."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise TooLargeError(MESSAGE_BYTES_MAX)
    try:
        return message_type.FromString(raw)
    except DecodeError:
        raise InvalidRequestError(
            f"the message does not parse as {message_type.DESCRIPTOR.full_name}, or contains text that is not UTF-8"
        ) from None


class Parts(Generic[M]):
    """Parses the messages of a stream. Raises InvalidRequestError, or TooLargeError, also for the total size."""

    def __init__(self, message_type: type[M], stream: AsyncIterator[bytes]) -> None:
        self._message_type = message_type
        self._stream = aiter(stream)
        self.size = 0
        """Bytes received so far."""

    def __aiter__(self) -> AsyncIterator[M]:
        return self

    async def __anext__(self) -> M:
        raw = await anext(self._stream)
        self.size += len(raw)
        if self.size > _STREAM_BYTES_MAX:
            raise TooLargeError(_STREAM_BYTES_MAX)
        return parse(self._message_type, raw)
