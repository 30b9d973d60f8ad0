"""Each call is logged in one JSON line without texts, and an internal error with its traceback."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog

from scheduler import Shed
from service.errors import InvalidRequestError
from service.rerank.call_record import CallRecord
from service.telemetry.call_telemetry import CallTelemetry
from service.telemetry.logging_setup import configure_logging
from service.telemetry.metrics import Metrics
from service.telemetry.streams import settle
from tests.unit.service.rerankers import RESULT


@pytest.fixture
def log(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Write the log to standard error, and return a function that reads its lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging()

    def lines() -> list[Any]:
        settle()
        return [json.loads(line) for line in capfd.readouterr().err.splitlines()]

    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_log_line(log: Any):
    """A call leaves one line of JSON with who asked for what and how it ended."""
    with CallTelemetry(Metrics()).call(record := CallRecord("rest"), {}):
        record.client, record.lane, record.documents, record.result = "ann", 7, 2, RESULT
    (line,) = log()
    assert line["event"] == "call"
    assert line["level"] == "info"
    assert line["id"] == record.id
    assert (line["api"], line["client"], line["lane"], line["documents"]) == ("rest", "ann", 7, 2)
    assert line["outcome"] == "OK"
    assert line["wait_ms"] == 2.0
    assert line["took_ms"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])


@pytest.mark.parametrize("error", [InvalidRequestError("bad"), Shed(1), asyncio.CancelledError()])
def test_log_line_of_a_failed_call(error: BaseException, log: Any):
    """A call that failed as foreseen leaves one line without a traceback."""
    with suppress(BaseException), CallTelemetry(Metrics()).call(CallRecord("grpc"), {}):
        raise error
    (line,) = log()
    assert line["level"] == "info"
    assert line["lane"] is None
    assert "exception" not in line


def test_log_line_of_an_unforeseen_error(log: Any):
    """An unforeseen error is logged as an error, with its traceback and its cause, in one line."""
    error = ValueError("the effect")
    error.__cause__ = ZeroDivisionError("the cause")
    with suppress(BaseException), CallTelemetry(Metrics()).call(CallRecord("grpc"), {}):
        raise error
    (line,) = log()
    assert line["level"] == "error"
    assert line["outcome"] == "INTERNAL"
    assert "ZeroDivisionError: the cause" in line["exception"]
    assert "ValueError: the effect" in line["exception"]


def test_hostile_name_stays_in_its_line(log: Any):
    """A client's name cannot begin a line of its own."""
    with CallTelemetry(Metrics()).call(record := CallRecord("rest"), {}):
        record.client = 'x"}\n{"event": "forged"'
    (line,) = log()
    assert line["client"] == 'x"}\n{"event": "forged"'


def test_log_of_libraries(log: Any):
    """Warnings of libraries are logged as lines of JSON too, and their chatter is not."""
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("careful: %s", "hot")
    (line,) = log()
    assert line["event"] == "careful: hot"
    assert line["level"] == "warning"


def test_a_caller_that_left(log: Any):
    """An error that grpc logs of a caller that left while its answer was sent is dropped; any other is kept."""
    logger = logging.getLogger("grpc._cython.cygrpc")
    logger.error("ExecuteBatchError raised in core by servicer method [%s]", "/x")
    logger.error("Unexpected [%s] raised by servicer method", "ValueError")
    (line,) = log()
    assert "ValueError" in line["event"]
