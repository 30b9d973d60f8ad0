"""Parsing of untrusted protobuf messages.

Handlers receive bytes and parse them here, since grpc itself answers undecodable messages with INTERNAL.
"""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from service.errors import InvalidRequestError

M = TypeVar("M", bound=Message)


def parse(message_type: type[M], raw: bytes) -> M:
    """Parse a message. Raises InvalidRequestError."""
    try:
        return message_type.FromString(raw)
    except DecodeError:
        raise InvalidRequestError(
            f"the message does not parse as {message_type.DESCRIPTOR.full_name}, or contains text that is not UTF-8"
        ) from None
