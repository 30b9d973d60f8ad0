"""What a call brings besides its messages; hostile until read."""

from typing import Any, TypeAlias

import grpc

from service.errors import InvalidRequestError

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
"""A call, as grpc knows it."""

_PRIORITY = "x-priority"
_DIGITS_MAX = 12  # Of a number: enough for any that is not nonsense.


def metadata(context: Context) -> dict[str, str]:
    """Return a call's metadata that are text, by key; of those that share one, the last."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def lane(context: Context, otherwise: int) -> int:
    """Return the lane that a call's metadata ask for, or `otherwise`. Raises InvalidRequestError."""
    given = metadata(context).get(_PRIORITY)
    if not given:
        return otherwise
    if not given.removeprefix("-").isdecimal() or len(given) > _DIGITS_MAX:
        raise InvalidRequestError(f"{_PRIORITY} takes a whole number")
    return int(given)
