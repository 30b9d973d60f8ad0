"""Metrics, and one log line for each call, fed by values the others return."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from time import perf_counter

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler import BatchReport, Displaced, Load, Shed
from service.errors import Outcome
from service.rerank.call_record import CallRecord
from service.telemetry.tracing import NO_HEADERS, Tracing

_BANDS = ((0, "0"), (99, "1-99"), (499, "100-499"), (999, "500-999"))
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_SHED = {Shed: "refused_or_late", Displaced: "displaced"}


def band(lane: int) -> str:
    """Return the band of lanes that a lane is counted in: a thousand label values would be none."""
    return next(name for last, name in _BANDS if lane <= last)


class Telemetry:
    """Counts and times calls and batches. No text of queries or documents comes near it."""

    def __init__(self, *, export_spans: bool = False) -> None:
        """Send spans where the variables of OpenTelemetry say, if `export_spans`."""
        self._models: Sequence[str] = ()
        self._log = structlog.get_logger("rerankd")
        self._tracing = Tracing(export=export_spans)
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # CPU time, memory and file descriptors of the process.
        self._calls = Counter(
            "rerank_requests_total",
            "Calls ended, by outcome.",
            ["api", "outcome", "lanes"],
            registry=registry,
        )
        self._shed = Counter(
            "rerank_shed_total",
            "Calls that got no service for want of room or time.",
            ["reason", "lanes"],
            registry=registry,
        )
        for reason in _SHED.values():
            for _, lanes in _BANDS:
                self._shed.labels(reason, lanes)  # There from the start, so that the first one counts as a rise.
        self._took = Histogram(
            "rerank_request_seconds",
            "From when the call is taken up to its end, refused ones included.",
            ["lanes"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._wait = Histogram(
            "rerank_queue_wait_seconds",
            "From admission until the first pair reached a worker.",
            ["lanes"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokenise = Histogram(
            "rerank_tokenize_seconds",
            "Thread time of tokenising one request.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter("rerank_input_tokens_total", "Tokens of the pairs answered.", registry=registry)
        self._cached = Counter(
            "rerank_cached_tokens_total", "Those of them whose scores were known already.", registry=registry
        )
        self._inference = Histogram(
            "rerank_inference_seconds", "Time of one batch on a worker.", ["model"], buckets=_SECONDS, registry=registry
        )
        self._batch_pairs = Histogram(
            "rerank_batch_pairs", "Pairs in a batch.", ["model"], buckets=_SIZES, registry=registry
        )
        self._batch_tokens = Histogram(
            "rerank_batch_tokens", "Padded tokens in a batch.", ["model"], buckets=_SIZES, registry=registry
        )
        self._failed = Counter("rerank_failed_pairs_total", "Pairs the engine failed on.", ["model"], registry=registry)
        Info("rerank_build", "The running program.", registry=registry).info({"version": version("rerankd")})

    @contextmanager
    def call(self, record: CallRecord, headers: Mapping[str, str] = NO_HEADERS) -> Iterator[None]:
        """Log, count and trace how the call of `record` ends, with what the record holds by then.

        `headers` are the caller's, for the trace it is in.
        """
        # The record does not keep the error: it is in a frame of its traceback, and both, with all that the call read,
        # would wait for the collector of cycles.
        start = perf_counter()
        try:
            yield
        except BaseException as error:
            self._end(record, headers, perf_counter() - start, error)
            raise
        self._end(record, headers, perf_counter() - start)

    def batch(self, report: BatchReport) -> None:
        """Record a batch that came back."""
        model = self._models[report.batch.model]
        self._inference.labels(model).observe(report.took_s)
        self._batch_pairs.labels(model).observe(report.batch.pairs)
        self._batch_tokens.labels(model).observe(report.batch.pairs * report.batch.length)
        self._failed.labels(model).inc(len(report.failures))
        if report.failures:  # Their requests may be answered all the same, so that nothing else would tell.
            self._log.warning("pairs failed", model=model, pairs=len(report.failures), error=repr(report.failures[0]))

    def warn_of_batches(self, model: str) -> None:
        """Log that a model's scores depend on what shares the batch."""
        self._log.warning(
            "the graph takes a scale from all that is in a batch, so that neighbours move scores: none are remembered",
            model=model,
            advice="`rerankd convert` on the unquantised graph is as fast, and scores each pair alone",
        )

    def watch(self, models: Sequence[str], load: Callable[[], Load]) -> None:
        """Report the scheduler's load at each scrape from now on, and its batches by the names of their models."""
        self._models = models
        served = Info("rerank_model", "The models served.", ["model"], registry=self._registry)
        for model in models:
            served.labels(model).info({})
            for metric in (self._inference, self._batch_pairs, self._batch_tokens, self._failed):
                metric.labels(model)  # There from the start, so that the first one counts as a rise.
        self._registry.register(_LoadCollector(load))

    def exposition(self, encode: Callable[[CollectorRegistry], bytes] = generate_latest) -> bytes:
        """Return all metrics, in the Prometheus text format unless encoded otherwise."""
        return encode(self._registry)

    def close(self) -> None:
        """Send the spans that were not sent yet. Blocks for as long as their collector does."""
        self._tracing.close()

    def _end(
        self, record: CallRecord, headers: Mapping[str, str], took_s: float, error: BaseException | None = None
    ) -> None:
        row = Outcome.of(error).row if error else None
        outcome = row.reason if row else "OK"
        lanes = "none" if record.lane is None else band(record.lane)
        fields = {
            "api": record.api,
            "client": record.client,
            "lane": record.lane,
            "documents": record.documents,
            "outcome": outcome,
            "wait_ms": round(record.result.wait_s * 1000, 1) if record.result else None,
        }
        known = {f"rerank.{name}": value for name, value in fields.items() if value is not None}
        fault = outcome if row and row.http >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        trace = self._tracing.span(headers, took_s, {"rerank.id": record.id, **known}, fault)
        exemplar = {"trace_id": trace} if trace else None
        self._calls.labels(record.api, outcome, lanes).inc()
        self._took.labels(lanes).observe(took_s, exemplar)
        for kind, reason in _SHED.items():
            if isinstance(error, kind):
                self._shed.labels(reason, lanes).inc()
        if record.result:
            self._wait.labels(lanes).observe(record.result.wait_s, exemplar)
            self._tokenise.observe(record.result.tokenise_s)
            self._tokens.inc(record.result.input_tokens)
            self._cached.inc(record.result.cached_tokens or 0)
        line = {"id": record.id, **fields, "took_ms": round(took_s * 1000, 1), **({"trace": trace} if trace else {})}
        if outcome == "INTERNAL":
            self._log.error("call", **line, exc_info=error)
        else:
            self._log.info("call", **line)


class _LoadCollector(Collector):
    """Asks for the load when it is scraped, so that nothing has to be kept up to date in between."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> Iterator[GaugeMetricFamily]:
        load = self._load()
        yield GaugeMetricFamily("rerank_jobs", "Admitted requests that have not ended.", load.jobs)
        yield GaugeMetricFamily("rerank_pairs_waiting", "Admitted pairs not on a worker yet.", load.pairs_waiting)
        yield GaugeMetricFamily("rerank_workers_busy", "Workers running a batch.", load.workers_busy)
        yield GaugeMetricFamily(
            "rerank_backlog_seconds",
            "Admitted, unfinished work in predicted seconds of the pool.",
            load.backlog_s,
        )
        yield GaugeMetricFamily("rerank_pressure", "Backlog over its bound.", load.pressure)
