"""A failed call has the code, reason and retry advice of its error."""

import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc import StatusCode

from scheduler import Displaced, Draining, Expired, Shed
from service.errors import NotReadyError, Outcome, RateLimitedError, UnknownModelError
from tests.unit.service.grpc_api.grpc_client import Api, details, pushback


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (UnknownModelError("no such model"), StatusCode.NOT_FOUND, "UNKNOWN_MODEL"),
        (RateLimitedError(1), StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED"),
        (Shed(1), StatusCode.UNAVAILABLE, "SHED"),
        (Displaced(1), StatusCode.UNAVAILABLE, "SHED"),
        (Draining(), StatusCode.UNAVAILABLE, "DRAINING"),
        (NotReadyError(), StatusCode.UNAVAILABLE, "NOT_READY"),
        (Expired(), StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    ],
)
async def test_error(error: Exception, code: StatusCode, reason: str, api: Api):
    """Each error of the use case has its code and its reason, under the id of the call."""
    found = await api.fail(error)
    assert (found.code(), found.details()) == (code, str(error))
    info = details(found)[ErrorInfo]
    assert (info.reason, info.domain) == (reason, "rerankd")
    assert info.metadata["request_id"] == api.reranker.calls[0].id


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyError("the secret"), RuntimeError()])
async def test_unforeseen_error(error: Exception, api: Api):
    """An unforeseen error is answered in fixed words."""
    found = await api.fail(error)
    assert found.code() is StatusCode.INTERNAL
    assert found.details() == Outcome.of(ZeroDivisionError()).message
    assert details(found)[ErrorInfo].reason == "INTERNAL"


@pytest.mark.parametrize(("error", "ms"), [(Shed(2.5), 2500), (Displaced(0.05), 50), (RateLimitedError(1), 1000)])
async def test_advice(error: Exception, ms: int, api: Api):
    """If asking again may help, the answer says when, both to programs and to client libraries."""
    found = await api.fail(error)
    assert details(found)[RetryInfo].retry_delay.ToMilliseconds() == ms
    assert pushback(found) == str(ms)


async def test_no_hope(api: Api):
    """If asking again cannot help, client libraries are told not to."""
    found = await api.fail(Shed())
    assert RetryInfo not in details(found)
    assert pushback(found) == "-1"


@pytest.mark.parametrize("error", [UnknownModelError("none"), Expired(), Draining(), NotReadyError(), ValueError()])
async def test_no_advice(error: Exception, api: Api):
    """If nothing is known about asking again, the answer has no advice."""
    found = await api.fail(error)
    assert RetryInfo not in details(found)
    assert pushback(found) is None
