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
    """Return the text metadata of a call by key; a repeated key has its values in one list.

    So a second `authorization` makes the first one invalid, in place of hiding or replacing it.
    """
    found: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


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
