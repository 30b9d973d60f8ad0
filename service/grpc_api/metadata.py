"""Untrusted metadata of a call."""

from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc

from service.errors import InvalidRequestError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
"""grpc's context of a call."""

_PRIORITY = "x-priority"
_DIGITS_MAX = 12  # Enough for every valid priority; bounds the cost of parsing.


def metadata(context: Context) -> dict[str, str]:
    """Return the text metadata of a call by key; a repeated key has its first two values in one list.

    So a second `authorization` makes the first one invalid, in place of hiding or replacing it. Further values change
    nothing; there may be thousands, by references of a byte each to the same 4 KB.
    """
    first: dict[str, str] = {}
    repeated: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            if key not in first:
                first[key] = value
            elif key not in repeated:
                repeated[key] = f"{first[key]}, {value}"
    return first | repeated


def peer_address(context: Context) -> str:
    """Return the host that the connection of a call comes from: `1.2.3.4` of `ipv4:1.2.3.4:5555`."""
    kind, _, rest = unquote(context.peer()).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else kind


def lane(context: Context, default: int) -> int:
    """Return the lane in a call's metadata, or `default`. Raises InvalidRequestError."""
    text = metadata(context).get(_PRIORITY)
    if not text:
        return default
    if not text.removeprefix("-").isdecimal() or len(text) > _DIGITS_MAX:
        raise InvalidRequestError(f"{_PRIORITY} must be a whole number")
    return int(text)
