"""Span, metrics and log line of a call."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter

import structlog

from service.errors import Outcome
from service.rerank.call_record import CallRecord
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import Tracing


class CallTelemetry:
    """Traces, counts and logs calls when they end; never receives query or document texts."""

    def __init__(self, metrics: Metrics, *, export_spans: bool = False) -> None:
        """Count in `metrics`; if `export_spans`, export spans as OpenTelemetry's environment variables configure."""
        self._metrics = metrics
        self._tracing = Tracing(export=export_spans)
        self._log = structlog.get_logger("rerankd")

    @contextmanager
    def call(self, record: CallRecord, headers: Mapping[str, str]) -> Iterator[None]:
        """Trace, count and log the call of `record` when the block ends.

        `headers` are the caller's; they may contain the context of its trace.
        """
        # Do not store the error in the record. A frame of its traceback refers to the record, and the cycle would keep
        # the request in memory until the garbage collector runs.
        start = perf_counter()
        try:
            yield
        except BaseException as error:
            self._end(record, headers, perf_counter() - start, error)
            raise
        self._end(record, headers, perf_counter() - start)

    def close(self) -> None:
        """Export the remaining spans. Blocks while the collector does."""
        self._tracing.close()

    def _end(
        self, record: CallRecord, headers: Mapping[str, str], took_s: float, error: BaseException | None = None
    ) -> None:
        row = Outcome.of(error).row if error else None
        outcome = row.reason if row else "OK"
        fields = {
            "api": record.api,
            "client": record.client,
            "lane": record.lane,
            "documents": record.documents,
            "outcome": outcome,
            "wait_ms": round(record.result.wait_s * 1000, 1) if record.result else None,
        }
        attributes = {f"rerank.{name}": value for name, value in fields.items() if value is not None}
        fault = outcome if row and row.http >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        trace = self._tracing.span(headers, took_s, {"rerank.id": record.id, **attributes}, fault)
        self._metrics.call_ended(record, outcome, took_s, error, trace)
        line = {"id": record.id, **fields, "took_ms": round(took_s * 1000, 1), **({"trace": trace} if trace else {})}
        if outcome == "INTERNAL":
            self._log.error("call", **line, exc_info=error)
        else:
            self._log.info("call", **line)
