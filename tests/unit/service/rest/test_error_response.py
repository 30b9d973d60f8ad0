"""Every REST route answers an error with its status, the one body, and advice on asking again."""

from typing import Any

import pytest

from scheduler import Displaced, Draining, Expired, Shed
from service.errors import (
    DenyListedError,
    ForbiddenError,
    NotReadyError,
    Outcome,
    OutOfRangeError,
    RateLimitedError,
    UnknownModelError,
    UnsupportedError,
    Violation,
)
from tests.unit.service.rest.rest_client import FORMS, ROUTES, Api, assert_error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ForbiddenError("this key may not"), 403),
        (UnknownModelError("no such model"), 404),
        (DenyListedError(), 498),
        (UnsupportedError("no images"), 501),
        (OutOfRangeError(Violation("documents", "may be 3 at most")), 422),
        (RateLimitedError(1), 429),
        (Shed(1), 503),
        (Displaced(1), 503),
        (Draining(), 503),
        (NotReadyError(), 503),
        (Expired(), 504),
    ],
)
@pytest.mark.parametrize("path", ROUTES)
async def test_error(path: str, error: Exception, status: int, api: Api):
    """Each error of the use case has its status on every route, and the one body says what happened."""
    if (path, status) == ("/api/v1/rerank", 422):
        status = 400  # Clients of this form know no other.
    assert_error(await api.fail(error, path), status, str(error))


@pytest.mark.parametrize(("path", "body"), FORMS)
async def test_before_there_is_a_model(path: str, body: dict[str, Any]):
    """Until there is a model, a right request in any form is told so; a wrong one is told what is wrong."""
    api = Api(ready=False)
    async with api.client:
        assert_error(await api.post(body, path), 503, str(NotReadyError()))
        assert_error(await api.post(b"{", path), 400)


@pytest.mark.parametrize("error", [ValueError("the secret"), KeyError("the secret"), RuntimeError()])
@pytest.mark.parametrize("path", ROUTES)
async def test_unforeseen_error(path: str, error: Exception, api: Api):
    """An unforeseen error is answered in fixed words."""
    message = assert_error(await api.fail(error, path), 500)
    assert message == Outcome.of(ZeroDivisionError()).message


@pytest.mark.parametrize(
    ("error", "seconds", "milliseconds"),
    [
        (Shed(2.5), "3", "2500"),
        (Shed(0.05), "1", "50"),
        (Shed(), "59", None),
        (Displaced(7), "7", "7000"),
        (RateLimitedError(1), "1", "1000"),
        (Draining(), "1", None),
        (NotReadyError(), "1", None),
    ],
)
async def test_advice(error: Exception, seconds: str, milliseconds: str | None, api: Api):
    """If asking again may help, the answer says when, in both units that clients read."""
    answer = await api.fail(error)
    assert answer.headers.get("retry-after") == seconds
    assert answer.headers.get("retry-after-ms") == milliseconds


@pytest.mark.parametrize("error", [UnknownModelError("none"), Expired(), ValueError()])
async def test_no_advice(error: Exception, api: Api):
    """If asking again does not help, the answer does not advise it."""
    answer = await api.fail(error)
    assert "retry-after" not in answer.headers
    assert "retry-after-ms" not in answer.headers
