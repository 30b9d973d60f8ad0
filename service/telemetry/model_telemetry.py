"""Metrics and log lines of the models served, and of their batches."""

from collections.abc import Sequence

import structlog
from prometheus_client import Counter, Histogram, Info

from scheduler import BatchReport
from service.telemetry.metrics import SECONDS, Metrics

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class ModelTelemetry:
    """Counts, times and logs batches by model name."""

    def __init__(self, metrics: Metrics, models: Sequence[str]) -> None:
        """Register the metrics of `models`, in the order of their numbers."""
        self._models = models
        self._log = structlog.get_logger("rerankd")
        registry = metrics.registry
        self._inference = Histogram(
            "rerank_inference_seconds",
            "Seconds of one batch on a worker.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self._batch_pairs = Histogram(
            "rerank_batch_pairs", "Pairs in a batch.", ["model"], buckets=_SIZES, registry=registry
        )
        self._batch_tokens = Histogram(
            "rerank_batch_tokens", "Padded tokens in a batch.", ["model"], buckets=_SIZES, registry=registry
        )
        self._failed = Counter(
            "rerank_failed_pairs_total", "Pairs that the engine failed to score.", ["model"], registry=registry
        )
        served = Info("rerank_model", "The models served.", ["model"], registry=registry)
        for model in models:
            served.labels(model).info({})
            for metric in (self._inference, self._batch_pairs, self._batch_tokens, self._failed):
                metric.labels(model)  # Start at 0, so that the first batch is an increase.

    def batch(self, report: BatchReport) -> None:
        """Record a completed batch."""
        model = self._models[report.batch.model]
        self._inference.labels(model).observe(report.took_s)
        self._batch_pairs.labels(model).observe(report.batch.pairs)
        self._batch_tokens.labels(model).observe(report.batch.pairs * report.batch.length)
        self._failed.labels(model).inc(len(report.failures))
        if report.failures:  # Their requests may still succeed, and then nothing else reports this.
            self._log.warning("pairs failed", model=model, pairs=len(report.failures), error=repr(report.failures[0]))

    def warn_batch_dependent(self, model: str) -> None:
        """Log that a model's scores depend on the other pairs of a batch."""
        self._log.warning(
            "the model is quantised per batch, so scores depend on the other pairs of the batch; they are not cached",
            model=model,
            advice="run `rerankd convert` on the unquantised graph: as fast, with scores independent of the batch",
        )
