"""OpenTelemetry spans of calls, as children of their callers' spans."""

import logging
import time
from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_NAME = "rerankd"
_LOG = logging.getLogger(__name__)
_W3C = TraceContextTextMapPropagator()


class Tracing:
    """Creates and exports spans."""

    def __init__(self, *, export: bool) -> None:
        """If `export`, export spans as configured by OpenTelemetry's environment variables; this needs its SDK."""
        self._provider: trace.TracerProvider = trace.get_tracer_provider()
        if export:
            try:
                self._provider = _exporting()
            except ModuleNotFoundError:
                _LOG.warning("spans are not exported: the OpenTelemetry SDK is missing; pip install 'rerankd[traces]'")
        self._tracer = self._provider.get_tracer(_NAME, version(_NAME))

    def span(
        self, headers: Mapping[str, str], took_s: float, attributes: Mapping[str, AttributeValue], fault: str = ""
    ) -> str:
        """Record the span of a call that ends now; return its trace id, empty without a trace.

        `headers` are the caller's, with a W3C trace context if any; a `fault` marks the span as failed by the server.
        """
        end = time.time_ns()
        span = self._tracer.start_span(
            "rerank",
            _W3C.extract(headers),
            trace.SpanKind.SERVER,
            attributes,
            start_time=end - int(took_s * 1e9),
        )
        if fault:
            span.set_status(trace.StatusCode.ERROR, fault)
        span.end(end)
        context = span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else ""

    def close(self) -> None:
        """Export the remaining spans. Blocks while the collector does."""
        if hasattr(self._provider, "shutdown"):  # Only the SDK's has it.
            self._provider.shutdown()


def _exporting() -> trace.TracerProvider:
    """Return the SDK's provider, configured by its environment variables. Raises ModuleNotFoundError."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = Resource.create({"service.name": _NAME, "service.version": version(_NAME)})
    named = named.merge(OTELResourceDetector().detect())  # The environment takes precedence.
    provider = TracerProvider(resource=named, shutdown_on_exit=False)  # A dead collector must not block the exit.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
