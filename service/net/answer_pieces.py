"""Answers handed to the transport in pieces."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_BYTES = 256 * 2**10
"""Bytes of an answer that are handed over at once; of the rest, the transport would hold a copy."""


def in_pieces(app: ASGIApp) -> ASGIApp:
    """Return `app`, with the bodies of its answers cut into pieces.

    A piece waits until the client has read most of those before, so that a client that does not read is noticed.
    """

    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_cut(message: Message) -> None:
            body = memoryview(message.get("body", b""))
            for start in range(0, len(body) - PIECE_BYTES, PIECE_BYTES):
                await send({**message, "body": body[start : start + PIECE_BYTES], "more_body": True})
            sent = (len(body) - 1) // PIECE_BYTES * PIECE_BYTES if body else 0
            await send({**message, "body": body[sent:]} if sent else message)

        await app(scope, receive, send_cut)

    return cut
