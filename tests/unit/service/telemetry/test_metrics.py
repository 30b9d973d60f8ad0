"""Metrics count every call, batch and token once, with few labels and without client names."""

import asyncio
import gc
import re
import weakref
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler import Batch, BatchReport, Displaced, Draining, Expired, Load, Shed, Slice
from service.errors import InvalidRequestError, RateLimitedError, UnknownModelError
from service.rerank.call_record import CallRecord, new_id
from service.telemetry.call_telemetry import CallTelemetry
from service.telemetry.metrics import Metrics, band
from service.telemetry.model_telemetry import ModelTelemetry
from tests.unit.service.rerankers import RESULT

LOAD = Load(jobs=1, pairs_waiting=2, workers_busy=3, backlog_s=0.5, pressure=0.25)


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.register_load(lambda: LOAD)
    return metrics


@pytest.fixture
def models(metrics: Metrics) -> ModelTelemetry:
    return ModelTelemetry(metrics, ["tiny", "other"])


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return one sample, None if it is not there."""
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


def end(metrics: Metrics, error: BaseException | None = None, lane: int | None = 0, api: str = "grpc") -> None:
    """Record a call that ends at once."""
    with suppress(BaseException), CallTelemetry(metrics).call(record := CallRecord(api), {}):
        record.lane = lane
        if error:
            raise error
        record.result = RESULT


@pytest.mark.parametrize(
    ("lane", "name"),
    [
        (0, "0"),
        (1, "1-99"),
        (99, "1-99"),
        (100, "100-499"),
        (499, "100-499"),
        (500, "500-999"),
        (999, "500-999"),
    ],
)
def test_band(lane: int, name: str):
    """Lanes are counted in four bands."""
    assert band(lane) == name


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "OK"),
        (InvalidRequestError("bad"), "INVALID_REQUEST"),
        (UnknownModelError("bad"), "UNKNOWN_MODEL"),
        (RateLimitedError(1), "RATE_LIMITED"),
        (Shed(1), "SHED"),
        (Displaced(1), "SHED"),
        (Expired(), "DEADLINE_EXCEEDED"),
        (Draining(), "DRAINING"),
        (asyncio.CancelledError(), "CANCELLED"),
        (ZeroDivisionError(), "INTERNAL"),
    ],
)
@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_outcome(error: BaseException | None, outcome: str, api: str, metrics: Metrics):
    """Each call is counted once, under what it ended in."""
    end(metrics, error, lane=7, api=api)
    counted = {key: n for key, n in samples(metrics).items() if key[0] == "rerank_requests_total"}
    labels = (("api", api), ("lanes", "1-99"), ("outcome", outcome))
    assert counted == {("rerank_requests_total", labels): 1}


def test_call_without_a_lane(metrics: Metrics):
    """A call that ended before its lane was known is counted without one."""
    end(metrics, InvalidRequestError("not JSON"), lane=None)
    labels = {"api": "grpc", "outcome": "INVALID_REQUEST", "lanes": "none"}
    assert value(metrics, "rerank_requests_total", **labels) == 1


def test_error_is_passed_on(metrics: Metrics):
    """Recording a call keeps nothing from its caller."""
    error = KeyError("word")
    with pytest.raises(KeyError) as caught, CallTelemetry(metrics).call(CallRecord("rest"), {}):
        raise error
    assert caught.value is error


def test_a_failed_call_is_given_up(metrics: Metrics):
    """A message that a failed call has read is freed with the call, without the collector of cycles."""

    class Message:
        """A message that was read."""

    def fail() -> weakref.ref[Message]:
        message = Message()
        with suppress(ValueError), CallTelemetry(metrics).call(record := CallRecord("rest"), {}):
            record.lane = 0
            raise ValueError
        return weakref.ref(message)

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(("error", "reason"), [(Shed(1), "refused_or_late"), (Displaced(1), "displaced")])
def test_shed_reason(error: Exception, reason: str, metrics: Metrics):
    """Calls that got no service for want of room or time are told apart."""
    end(metrics, error, lane=500)
    counted = {key: n for key, n in samples(metrics).items() if key[0] == "rerank_shed_total" and n}
    assert counted == {("rerank_shed_total", (("lanes", "500-999"), ("reason", reason))): 1}


@pytest.mark.parametrize("error", [None, RateLimitedError(1), Expired(), Draining(), ZeroDivisionError()])
def test_not_shed(error: Exception | None, metrics: Metrics):
    """Calls that ended for another reason do not count as shed."""
    end(metrics, error)
    shed = [n for key, n in samples(metrics).items() if key[0] == "rerank_shed_total"]
    assert len(shed) == 8  # Each reason and band is there from the start, so that the first one counts as a rise.
    assert not any(shed)


def test_times(metrics: Metrics):
    """A call that was answered is timed, with its wait and its tokenising."""
    end(metrics, lane=0)
    assert value(metrics, "rerank_request_seconds_count", lanes="0") == 1
    assert value(metrics, "rerank_queue_wait_seconds_sum", lanes="0") == RESULT.wait_s
    assert value(metrics, "rerank_tokenize_seconds_sum") == RESULT.tokenise_s


def test_times_of_a_failed_call(metrics: Metrics):
    """A call that failed has no wait to speak of, but took its time."""
    end(metrics, Expired(), lane=0)
    assert value(metrics, "rerank_request_seconds_count", lanes="0") == 1
    assert value(metrics, "rerank_queue_wait_seconds_count", lanes="0") is None


def test_batch(metrics: Metrics, models: ModelTelemetry):
    """A batch is recorded with its time, its pairs and its padded tokens, for its model."""
    batch = Batch(1, (Slice(1, (0, 1)), Slice(2, (0,))), 50, 0.01, model=1)
    models.batch(BatchReport(batch, 0.02, [RuntimeError()]))
    assert value(metrics, "rerank_inference_seconds_sum", model="other") == 0.02
    assert value(metrics, "rerank_batch_pairs_sum", model="other") == 3
    assert value(metrics, "rerank_batch_tokens_sum", model="other") == 150
    assert value(metrics, "rerank_failed_pairs_total", model="other") == 1
    assert value(metrics, "rerank_inference_seconds_count", model="tiny") == 0


def test_load(metrics: Metrics):
    """The load is asked for at each scrape."""
    assert value(metrics, "rerank_jobs") == 1
    assert value(metrics, "rerank_pairs_waiting") == 2
    assert value(metrics, "rerank_workers_busy") == 3
    assert value(metrics, "rerank_backlog_seconds") == 0.5
    assert value(metrics, "rerank_pressure") == 0.25


@pytest.mark.usefixtures("models")
def test_what_runs(metrics: Metrics):
    """The metrics say which models are served and which program serves them."""
    assert value(metrics, "rerank_model_info", model="tiny") == 1
    assert value(metrics, "rerank_model_info", model="other") == 1
    assert [key for key in samples(metrics) if key[0] == "rerank_build_info" and dict(key[1])["version"]]


def test_before_there_is_a_model():
    """The metrics can be read before a model is loaded."""
    assert b"rerank_build_info" in Metrics().exposition()


def test_names(metrics: Metrics, models: ModelTelemetry):
    """Names are lower case with base units, counters end in _total, and each metric says what it is."""
    end(metrics)
    end(metrics, Shed(1))
    models.batch(BatchReport(Batch(1, (Slice(1, (0,)),), 1, 0.1), 0.1, []))
    every = list(text_string_to_metric_families(metrics.exposition().decode()))
    assert {"process_cpu_seconds", "process_resident_memory_bytes"} <= {f.name for f in every}
    families = [f for f in every if "_created" not in f.name and not f.name.startswith("process_")]
    assert len(families) >= 12
    for family in families:
        assert re.fullmatch(r"rerank(_[a-z]+)+", family.name), family.name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|count|sum)$", family.name), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples), family.name
        elif family.type == "histogram":
            assert re.search(r"_(seconds|pairs|tokens)$", family.name), family.name
        else:
            assert not family.name.endswith("_total"), family.name


def test_labels_are_few(metrics: Metrics):
    """Neither clients nor lanes multiply the series."""
    for lane in range(1000):
        with CallTelemetry(metrics).call(record := CallRecord("grpc"), {}):
            record.lane, record.client = lane, f"client {lane}"
    series = [key for key in samples(metrics) if key[0] == "rerank_requests_total"]
    assert len(series) == 4
    assert "client" not in metrics.exposition().decode()


def test_ids_are_unique():
    """No two calls have the same id."""
    assert len({new_id() for _ in range(1000)}) == 1000
