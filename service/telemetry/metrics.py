"""Prometheus metrics of the process, its calls and the load of its scheduler."""

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler import Displaced, Load, Shed
from service.rerank.call_record import CallRecord
from service.telemetry.streams import lost_lines

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Histogram buckets of durations, in seconds."""
_BANDS = ((0, "0"), (99, "1-99"), (499, "100-499"), (999, "500-999"))
_SHED_REASONS = {Shed: "refused_or_late", Displaced: "displaced"}


def band(lane: int) -> str:
    """Return the band of a lane, 0 to 999; a label for each lane would make a thousand time series."""
    return next(name for last, name in _BANDS if lane <= last)


class Metrics:
    """The registry and the metrics of calls; never receives query or document texts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # CPU time, memory and file descriptors of the process.
        self._calls = Counter(
            "rerank_requests_total",
            "Calls ended, by outcome.",
            ["api", "outcome", "lanes"],
            registry=registry,
        )
        self._shed = Counter(
            "rerank_shed_total",
            "Calls shed for lack of queue space or time.",
            ["reason", "lanes"],
            registry=registry,
        )
        for reason in _SHED_REASONS.values():
            for _, lanes in _BANDS:
                self._shed.labels(reason, lanes)  # Start at 0, so that the first shed call is an increase.
        self._took = Histogram(
            "rerank_request_seconds",
            "Seconds from the start of a call to its end, refused calls included.",
            ["lanes"],
            buckets=SECONDS,
            registry=registry,
        )
        self._wait = Histogram(
            "rerank_queue_wait_seconds",
            "Seconds from admission until the first pair reached a worker.",
            ["lanes"],
            buckets=SECONDS,
            registry=registry,
        )
        self._tokenise = Histogram(
            "rerank_tokenize_seconds",
            "Seconds of thread time tokenising one request.",
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "rerank_input_tokens_total", "Tokens of all pairs in answered requests.", registry=registry
        )
        self._cached = Counter(
            "rerank_cached_tokens_total", "Tokens of the pairs whose scores came from the cache.", registry=registry
        )
        self.registry.register(_LostLinesCollector())
        Info("rerank_build", "The version of rerankd.", registry=registry).info({"version": version("rerankd")})

    def call_ended(
        self, record: CallRecord, outcome: str, took_s: float, error: BaseException | None, trace: str
    ) -> None:
        """Count a call that took `took_s` seconds; `trace` is its trace id, empty for none."""
        lanes = "none" if record.lane is None else band(record.lane)
        exemplar = {"trace_id": trace} if trace else None
        self._calls.labels(record.api, outcome, lanes).inc()
        self._took.labels(lanes).observe(took_s, exemplar)
        for error_type, reason in _SHED_REASONS.items():
            if isinstance(error, error_type):
                self._shed.labels(reason, lanes).inc()
        if record.result:
            self._wait.labels(lanes).observe(record.result.wait_s, exemplar)
            self._tokenise.observe(record.result.tokenise_s)
            self._tokens.inc(record.result.input_tokens)
            self._cached.inc(record.result.cached_tokens or 0)

    def register_load(self, load: Callable[[], Load]) -> None:
        """Report the result of `load` at each scrape."""
        self.registry.register(_LoadCollector(load))

    def exposition(self, encode: Callable[[CollectorRegistry], bytes] = generate_latest) -> bytes:
        """Return all metrics, in the Prometheus text format by default."""
        return encode(self.registry)


class _LostLinesCollector(Collector):
    """Reads the number at each scrape; the streams are those of the process."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(
            "rerank_log_lines_lost", "Lines of the log that were dropped because nobody read it.", lost_lines()
        )


class _LoadCollector(Collector):
    """Reads the load at each scrape, so that no gauge needs updates in between."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> Iterator[GaugeMetricFamily]:
        load = self._load()
        yield GaugeMetricFamily("rerank_jobs", "Admitted requests that have not ended.", load.jobs)
        yield GaugeMetricFamily(
            "rerank_pairs_waiting", "Admitted pairs that have not reached a worker.", load.pairs_waiting
        )
        yield GaugeMetricFamily("rerank_workers_busy", "Workers running a batch.", load.workers_busy)
        yield GaugeMetricFamily(
            "rerank_backlog_seconds",
            "Predicted seconds until the pool has finished all admitted work.",
            load.backlog_s,
        )
        yield GaugeMetricFamily("rerank_pressure", "Backlog divided by its limit.", load.pressure)
