"""Prometheus metrics of the process, its calls and the load of its scheduler."""

from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler import Displaced, Load, Shed
from service.rerank.call_record import CallRecord

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Buckets of durations."""
_BANDS = ((0, "0"), (99, "1-99"), (499, "100-499"), (999, "500-999"))
_SHED_REASONS = {Shed: "refused_or_late", Displaced: "displaced"}


def band(lane: int) -> str:
    """Return the band of a lane, 0 to 999: metrics are labelled with one of four bands, not with a thousand lanes."""
    return next(name for last, name in _BANDS if lane <= last)


class Metrics:
    """The registry, and the metrics of calls. Neither query nor document texts come near it."""

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
            "Calls that got no service for want of room or time.",
            ["reason", "lanes"],
            registry=registry,
        )
        for reason in _SHED_REASONS.values():
            for _, lanes in _BANDS:
                self._shed.labels(reason, lanes)  # There from the start, so that the first one counts as a rise.
        self._took = Histogram(
            "rerank_request_seconds",
            "From when the call is taken up to its end, refused ones included.",
            ["lanes"],
            buckets=SECONDS,
            registry=registry,
        )
        self._wait = Histogram(
            "rerank_queue_wait_seconds",
            "From admission until the first pair reached a worker.",
            ["lanes"],
            buckets=SECONDS,
            registry=registry,
        )
        self._tokenise = Histogram(
            "rerank_tokenize_seconds",
            "Thread time of tokenising one request.",
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter("rerank_input_tokens_total", "Tokens of the pairs answered.", registry=registry)
        self._cached = Counter(
            "rerank_cached_tokens_total", "Those of them whose scores were known already.", registry=registry
        )
        Info("rerank_build", "The running program.", registry=registry).info({"version": version("rerankd")})

    def call_ended(
        self, record: CallRecord, outcome: str, took_s: float, error: BaseException | None, trace: str
    ) -> None:
        """Count a call; `trace` is the id of its trace, empty for none."""
        lanes = "none" if record.lane is None else band(record.lane)
        exemplar = {"trace_id": trace} if trace else None
        self._calls.labels(record.api, outcome, lanes).inc()
        self._took.labels(lanes).observe(took_s, exemplar)
        for kind, reason in _SHED_REASONS.items():
            if isinstance(error, kind):
                self._shed.labels(reason, lanes).inc()
        if record.result:
            self._wait.labels(lanes).observe(record.result.wait_s, exemplar)
            self._tokenise.observe(record.result.tokenise_s)
            self._tokens.inc(record.result.input_tokens)
            self._cached.inc(record.result.cached_tokens or 0)

    def register_load(self, load: Callable[[], Load]) -> None:
        """Report the load that `load` returns at each scrape."""
        self.registry.register(_LoadCollector(load))

    def exposition(self, encode: Callable[[CollectorRegistry], bytes] = generate_latest) -> bytes:
        """Return all metrics, in the Prometheus text format unless encoded otherwise."""
        return encode(self.registry)


class _LoadCollector(Collector):
    """Reads the load when it is scraped, so that no gauge has to be kept up to date in between."""

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
