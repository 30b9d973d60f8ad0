"""Untrusted input of a call: its headers and the bytes of its body."""

from starlette.requests import ClientDisconnect, Request

from service.errors import (
    CallerLeftError,
    InvalidRequestError,
    MediaTypeError,
    OutOfRangeError,
    TooLargeError,
    Violation,
)
from service.rerank.limits import MESSAGE_BYTES_MAX

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


async def body_of(request: Request) -> bytearray:
    """Read the body. Raises MediaTypeError, TooLargeError or CallerLeftError."""
    headers = request.headers
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError("Content-Type must be application/json")
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise MediaTypeError("Content-Encoding is not supported; send the body uncompressed")
    if int(headers.get("content-length", 0)) > MESSAGE_BYTES_MAX:
        raise TooLargeError(MESSAGE_BYTES_MAX)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MESSAGE_BYTES_MAX:
                raise TooLargeError(MESSAGE_BYTES_MAX)
    except ClientDisconnect:
        raise CallerLeftError from None
    return body
