"""The rich status of a failed call."""

import asyncio
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from service.errors import DOMAIN, Outcome
from service.grpc_api.metadata import Context

_PUSHBACK = "grpc-retry-pushback-ms"
_NO_RETRY = "-1"


async def abort(outcome: Outcome, call_id: str, context: Context) -> NoReturn:
    """Abort a call with ErrorInfo, BadRequest and RetryInfo details and a retry pushback."""
    details = [ErrorInfo(reason=outcome.row.reason, domain=DOMAIN, metadata={"request_id": call_id})]
    if outcome.violations:
        fields = [
            BadRequest.FieldViolation(field=field, description=description) for field, description in outcome.violations
        ]
        details.append(BadRequest(field_violations=fields))
    pushback = []
    if outcome.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(outcome.retry_after_s * 1000))
        details.append(RetryInfo(retry_delay=delay))
        pushback = [(_PUSHBACK, str(delay.ToMilliseconds()))]
    elif outcome.row.retry:
        pushback = [(_PUSHBACK, _NO_RETRY)]
    packed = [Any() for _ in details]
    for into, detail in zip(packed, details, strict=True):
        into.Pack(detail)
    status = rpc_status.to_status(Status(code=outcome.row.grpc.value[0], message=outcome.message, details=packed))
    # abort_with_status would replace the pushback and the load report with the trailers of the status.
    trailers = (*context.trailing_metadata(), *status.trailing_metadata, *pushback)
    try:
        await context.abort(status.code, status.details, trailing_metadata=trailers)
    except grpc.aio.InternalError:  # The call has already ended at its deadline.
        raise asyncio.CancelledError from None
    raise AssertionError("abort raises")
