"""Calls over both APIs are spans in their callers' traces, and a missing collector harms nobody."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.clients import body, message, post, stub
from tests.examples import SMALL
from tests.process import RunningService

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{PARENT}-01"


class Collector:
    """Takes spans over OTLP, as a collector does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        spans, services = self.spans, self.services

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    services.update(
                        a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
                    )
                    spans.extend(span for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def attributes(span: Span) -> dict[str, object]:
    """Return the attributes of a span by name."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in span.attributes}


def test_spans(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls over both APIs are spans in their callers' traces, which logs and metrics name; no text is in them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    with RunningService.start(model=SMALL) as running:
        asked = body(query="secret words", documents=["secret"], priority=7)
        answer = httpx.post(f"{running.http}/v2/rerank", json=asked, headers={"traceparent": HEADER}, timeout=600)
        assert answer.status_code == 200
        with stub(running.grpc) as service:
            service.Rerank(message(documents=["a", "b"], priority=150), metadata=(("traceparent", HEADER),))
            with pytest.raises(grpc.RpcError):
                service.Rerank(message(priority=1000), metadata=(("traceparent", "00-nonsense"),))
        exposition = httpx.get(
            f"{running.admin}/metrics", headers={"accept": "application/openmetrics-text"}, timeout=600
        )
        log = [json.loads(line) for line in running.settled_log().splitlines()]
    over_rest, over_grpc, refused = collector.spans
    for span, api, lane, documents in ((over_rest, "rest", 7, 1), (over_grpc, "grpc", 150, 2)):
        assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
        known = attributes(span)
        assert (known["rerank.api"], known["rerank.lane"], known["rerank.outcome"]) == (api, lane, "OK")
        assert known["rerank.documents"] == documents
        assert span.end_time_unix_nano > span.start_time_unix_nano
        assert span.status.code == Status.STATUS_CODE_UNSET
    assert refused.trace_id.hex() != TRACE
    assert not refused.parent_span_id
    assert attributes(refused)["rerank.outcome"] == "OUT_OF_RANGE"
    assert collector.services == {"rerankd"}
    assert [line["trace"] for line in log if line["event"] == "call"] == [TRACE, TRACE, refused.trace_id.hex()]
    assert 'rerank_request_seconds_bucket{lanes="1-99",le="' in exposition.text
    assert f'# {{trace_id="{TRACE}"}}' in exposition.text
    assert b"secret" not in b"".join(span.SerializeToString() for span in collector.spans)


def test_no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that is not there takes nothing from the answers, and does not keep the process."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with RunningService.start(model=SMALL) as running:
        assert post(running.http).status_code == 200
