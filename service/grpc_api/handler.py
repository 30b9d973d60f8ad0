"""The common part of all methods: authentication, deadline, record, receipt, answer, error status.

The trailers of every call report the load of the server.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from scheduler import Load
from service.calls import Calls
from service.errors import NO_FIELD_NAMES, Outcome
from service.grpc_api.codec import Codec, M, Parsed
from service.grpc_api.load_report import TRAILER, report
from service.grpc_api.message_stream import MessageStream
from service.grpc_api.metadata import Context, metadata, peer_address
from service.grpc_api.status import abort
from service.rerank.call import Call
from service.rerank.call_record import CallRecord

Method: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
"""grpc's handler of a method."""
_API = "grpc"
_TIMEOUT_SHARE = 0.99  # grpc rounds the caller's timeout up by up to 1%.


class Handler:
    """Runs the methods of all services.

    To grpc all methods are streams; the wire does not show the difference. grpc receives the message of a unary method
    by itself, before anything can ask who calls or whether there is room. It sends the answer of a unary method after
    the method, however long the caller takes to read it. So methods with large answers stream those, too; others send
    answer and status in one piece, so that a call of a server that dies has no half of an answer, and can be repeated.
    """

    def __init__(self, calls: Calls, codec: Codec, load: Callable[[], Load | None]) -> None:
        """Parse with `codec`. `load` returns the load to report in trailers; None: no report."""
        self._calls = calls
        self._load = load
        self.codec = codec
        """Parses the messages of all methods."""

    def unary(
        self,
        message_type: type[M],
        answer: Callable[[Parsed[M], Context, CallRecord, Call], Awaitable[Message]],
        field_names: Mapping[str, str] = NO_FIELD_NAMES,
        *,
        large: bool = False,
    ) -> Method:
        """Return a method that parses its message as `message_type` and passes it to `answer`, as `stream` does."""

        async def parsed(messages: MessageStream, context: Context, record: CallRecord, call: Call) -> Message:
            request = await self.codec.parse(message_type, await messages.only(), call.caller.lane)
            return await answer(request, context, record, call)

        return self.stream(parsed, field_names, large=large)

    def stream(
        self,
        answer: Callable[[MessageStream, Context, CallRecord, Call], Awaitable[Message]],
        field_names: Mapping[str, str] = NO_FIELD_NAMES,
        *,
        large: bool = False,
    ) -> Method:
        """Return a method that passes its messages to `answer`, and sends the result or the status of an error.

        `field_names` maps field keys to their names in the status. A `large` answer may be as large as the messages.
        """

        async def handle(_: object, context: Context) -> bytes:
            raw = b""
            record = CallRecord(_API)
            failure: Exception | None = None
            try:
                async with self._calls.open(
                    record, peer_address(context), metadata(context), partial(_timeout_s, context)
                ) as call:
                    messages = MessageStream(context, call.held, self.codec.limits)
                    raw = (await answer(messages, context, record, call)).SerializeToString()
                    if large:
                        await messages.send(raw)
            except Exception as error:  # noqa: BLE001  # The table has a row for every exception.
                # Drop the traceback, whose frames hold the message. Abort outside of this block, so that the abort does
                # not get this error as its context.
                failure = error.with_traceback(None)
            self._report(context)
            if failure:
                await abort(Outcome.of(failure, field_names), record.id, context)
            return raw

        return grpc.stream_stream_rpc_method_handler(handle) if large else grpc.stream_unary_rpc_method_handler(handle)

    def _report(self, context: Context) -> None:
        """Report the load in the trailers."""
        if load := self._load():
            context.set_trailing_metadata(((TRAILER, report(load)),))


def _timeout_s(context: Context) -> float | None:
    remaining_s = context.time_remaining()
    return None if remaining_s is None else _TIMEOUT_SHARE * remaining_s
