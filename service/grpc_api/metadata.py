"""Metadata of a call; hostile until parsed."""

from typing import Any, TypeAlias

import grpc

from service.errors import InvalidRequestError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
"""A call of the grpc library."""

_PRIORITY = "x-priority"
_DIGITS_MAX = 12  # Of a number: more than any valid one has.


def metadata(context: Context) -> dict[str, str]:
    """Return the textual metadata of a call by key; of equal keys, the last."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def lane(context: Context, default: int) -> int:
    """Return the lane that the metadata of a call name, or `default`. Raises InvalidRequestError."""
    value = metadata(context).get(_PRIORITY)
    if not value:
        return default
    if not value.removeprefix("-").isdecimal() or len(value) > _DIGITS_MAX:
        raise InvalidRequestError(f"{_PRIORITY} takes a whole number")
    return int(value)
