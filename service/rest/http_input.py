"""Untrusted input of a call: its headers and the bytes of its body."""

from starlette.requests import ClientDisconnect, Request

from service.access.byte_budget import Holding
from service.errors import (
    CallerLeftError,
    InvalidRequestError,
    MediaTypeError,
    OutOfRangeError,
    Violation,
)
from service.rerank.limits import Limits
from service.rerank.transfer import transfer

_BLOCK = 64 * 2**10
"""A body of unknown size counts as one of the largest size once it is longer than this."""
NUMBER_MAX = 10**12 - 1
"""The largest number in a header: thirty years in milliseconds."""


def peer_address(request: Request) -> str:
    """Return the host that the connection of a request comes from."""
    return request.client.host if request.client else "unix"  # Only a Unix socket has none.


def timeout_s(request: Request) -> float | None:
    """Return the caller's timeout in seconds; None without one. Raises InvalidRequestError or OutOfRangeError."""
    name = "X-Request-Timeout-Ms"
    timeout_ms = whole_number(request, name)
    if timeout_ms is None:
        return None
    if timeout_ms < 1:
        raise OutOfRangeError(Violation(name, "must be at least 1"))
    return timeout_ms / 1000


def whole_number(request: Request, name: str) -> int | None:
    """Return the number in a header; None without one. Raises InvalidRequestError."""
    text = request.headers.get(name)
    if not text:
        return None
    if not text.removeprefix("-").isdecimal() or len(text) > len(str(NUMBER_MAX)):
        raise InvalidRequestError(f"{name} must be a whole number")
    return int(text)


async def body_of(request: Request, held: Holding, limits: Limits) -> bytearray:
    """Read the body, which is counted in `held` before it is read.

    Raises MediaTypeError, TooLargeError, TooManyBytesError, TooSlowError or CallerLeftError.
    """
    headers = request.headers
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError("Content-Type must be application/json")
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise MediaTypeError("Content-Encoding is not supported; send the body uncompressed")
    announced = headers.get("content-length")
    if announced is not None:
        limits.check_message(int(announced))
        held.resize(int(announced))
    body = bytearray()
    try:
        async with transfer():
            async for chunk in request.stream():
                body += chunk
                limits.check_message(len(body))
                if announced is None:
                    held.resize(_BLOCK if len(body) <= _BLOCK else limits.message_bytes)
    except ClientDisconnect:
        raise CallerLeftError from None
    held.resize(len(body))
    return body
