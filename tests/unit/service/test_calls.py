"""A call is opened for an admitted caller only, ends at its deadline, and is always recorded."""

import asyncio
from math import inf
from pathlib import Path

import pytest

from scheduler import Expired
from service.calls import Calls
from service.errors import UnauthenticatedError
from service.rerank.call_record import CallRecord
from service.telemetry.metrics import Metrics
from tests.unit.service.rerankers import calls_of, locked_access, open_access


def no_timeout() -> None:
    """Return the timeout of a caller that gives none."""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def calls(metrics: Metrics) -> Calls:
    return calls_of(open_access(), metrics)


async def test_call(calls: Calls):
    """A call has the id of its record, the caller and the default deadline."""
    record = CallRecord("rest")
    before = asyncio.get_running_loop().time()
    async with calls.open(record, "192.0.2.1", {"x-client-name": "ann"}, no_timeout) as call:
        assert (call.id, call.client, record.client) == (record.id, "ann", "ann")
        assert before + 60 <= call.deadline <= asyncio.get_running_loop().time() + 60


async def test_own_timeout(calls: Calls, metrics: Metrics):
    """The block of a call is cancelled at the deadline that its caller gives, and counted as expired."""
    with pytest.raises(Expired):
        async with calls.open(CallRecord("rest"), "192.0.2.1", {}, lambda: 0.0):
            await asyncio.Event().wait()
    assert b'outcome="DEADLINE_EXCEEDED"' in metrics.exposition()


async def test_timeout_is_read_after_the_key(tmp_path: Path, metrics: Metrics):
    """A caller without a key is refused before its timeout is read, and counted."""
    calls = calls_of(locked_access(tmp_path), metrics)
    timeouts_read: list[None] = []
    with pytest.raises(UnauthenticatedError):
        async with calls.open(CallRecord("rest"), "192.0.2.1", {}, lambda: timeouts_read.append(None)):
            pytest.fail("admitted")
    assert timeouts_read == []
    assert b'outcome="UNAUTHENTICATED"' in metrics.exposition()


@pytest.mark.parametrize("error", [None, ValueError()])
async def test_quiet(error: Exception | None, calls: Calls):
    """It is quiet from the end of the last call, however it ended; a call that runs does not count."""
    assert calls.quiet_s() == inf
    try:
        async with calls.open(CallRecord("rest"), "192.0.2.1", {}, no_timeout):
            assert calls.quiet_s() == inf
            if error:
                raise error
    except ValueError:
        pass
    assert 0 <= calls.quiet_s() < inf
