"""The log: JSON lines on standard error."""

import logging

import structlog

from service.telemetry.streams import ERRORS


def configure_logging() -> None:
    """Write JSON lines to standard error, for this program and its libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(ERRORS),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(ERRORS)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_relevant)


def _is_relevant(record: logging.LogRecord) -> bool:
    """Drop errors that only report a caller that disconnected during its answer."""
    return "ExecuteBatchError raised in core" not in record.getMessage()
