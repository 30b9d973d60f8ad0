"""The common part of all methods: authentication, deadline, record, error status.

The trailers of every call report the load of the server.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from scheduler import Load
from service.calls import Calls
from service.errors import NO_FIELD_NAMES, Outcome
from service.grpc_api.codec import M, parse
from service.grpc_api.load_report import TRAILER, report
from service.grpc_api.metadata import Context, metadata, peer_address
from service.grpc_api.status import abort
from service.rerank.call import Call
from service.rerank.call_record import CallRecord

_API = "grpc"
_TIMEOUT_SHARE = 0.99  # grpc rounds the caller's timeout up by up to 1%.

R = TypeVar("R")


class Handler:
    """Runs the methods of all services."""

    def __init__(self, calls: Calls, load: Callable[[], Load | None]) -> None:
        """`load` returns the load to report in trailers; None: no report."""
        self._calls = calls
        self._load = load

    def unary(
        self,
        message_type: type[M],
        answer: Callable[[M, Context, CallRecord, Call], Awaitable[R]],
        field_names: Mapping[str, str] = NO_FIELD_NAMES,
    ) -> Callable[[bytes, Context], Awaitable[R]]:
        """Return a method that parses a message of `message_type` and passes it to `answer`."""

        async def handle(raw: bytes, context: Context) -> R:
            message = [raw]
            del raw  # The frames of an aborted call live until the garbage collector runs; do not keep the bytes there.

            async def parsed(record: CallRecord, call: Call) -> R:
                return await answer(parse(message_type, message.pop()), context, record, call)

            return await self.guarded(parsed, context, field_names)

        return handle

    async def guarded(
        self,
        answer: Callable[[CallRecord, Call], Awaitable[R]],
        context: Context,
        field_names: Mapping[str, str] = NO_FIELD_NAMES,
    ) -> R:
        """Return the result of `answer`, run within a call, or abort the call with the status of its error.

        `field_names` maps field keys to their names in the status.
        """
        record = CallRecord(_API)
        failure: Exception | None = None
        try:
            async with self._calls.open(
                record, peer_address(context), metadata(context), partial(_timeout_s, context)
            ) as call:
                message = await answer(record, call)
        except Exception as error:  # noqa: BLE001  # The table has a row for every exception.
            # Drop the traceback, whose frames hold the message. Abort outside of this block, so that the abort does not
            # get this error as its context.
            failure = error.with_traceback(None)
        self._report(context)
        if failure:
            return await abort(Outcome.of(failure, field_names), record.id, context)
        return message

    def _report(self, context: Context) -> None:
        """Report the load in the trailers."""
        if load := self._load():
            context.set_trailing_metadata(((TRAILER, report(load)),))


def _timeout_s(context: Context) -> float | None:
    remaining_s = context.time_remaining()
    return None if remaining_s is None else _TIMEOUT_SHARE * remaining_s
