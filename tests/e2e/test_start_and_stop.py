"""The process starts with the model it is given, and ends in time with every call answered."""

import contextlib
import shutil
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2
from rerank.v2 import rerank_pb2_grpc

from service.settings import EMBEDDED_MODEL
from tests.clients import health, message, metric, post, stub, unseen, until
from tests.examples import SMALL
from tests.process import COMMAND, PATIENT, RunningService, environment


def test_a_model_from_a_directory_is_served_under_its_name(tmp_path: Path) -> None:
    """A directory of one's own is served by its name and the aliases given."""
    directory = tmp_path / "my-model"
    (directory / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(EMBEDDED_MODEL / name, directory)
    shutil.copy(EMBEDDED_MODEL / "model.onnx", directory / "onnx")
    with RunningService.start(model=directory, model_aliases="one, two") as running:
        assert [post(running.http, model=name).status_code for name in ("my-model", "one", "two")] == [200] * 3
        assert post(running.http, model="rerank-v3.5").status_code == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_admitted_is_answered_before_the_process_ends(number: signal.Signals) -> None:
    """On a signal health turns, new work is refused, running work is finished, and the exit status is 0."""
    running = RunningService.start(workers=1, **PATIENT)
    with stub(running.grpc) as rpc, grpc.insecure_channel(running.grpc) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(service="rerank.v2.RerankService"))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        call = rpc.Rerank.future(message(documents=unseen("some words to read " * 20, 100)))
        rest: list[httpx.Response] = []
        poster = threading.Thread(
            target=lambda: rest.append(post(running.http, documents=unseen("other words to read " * 20, 50)))
        )
        poster.start()
        until(lambda: metric(running.admin, "rerank_jobs") == 2, "both jobs are there")
        running.process.send_signal(number)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        late = post(running.http)
        assert late.status_code == 503
        assert late.json()["message"] == "The server is stopping; another replica will answer."
        assert httpx.get(f"{running.admin}/readyz", timeout=600).status_code == 503
        assert len(call.result().results) == 100
        poster.join()
        assert rest[0].status_code == 200
    assert running.stop() == 0
    assert "Traceback" not in running.log()


def test_a_drain_ends_in_time_and_answers_what_it_could_not_finish() -> None:
    """Work that does not fit the drain time is answered UNAVAILABLE, not left hanging."""
    running = RunningService.start(workers=1, drain_seconds=3, backlog_seconds=100)
    with stub(running.grpc) as rpc:
        call = rpc.Rerank.future(message(documents=unseen("some words to read " * 100, 1000)), timeout=1000)
        until(lambda: metric(running.admin, "rerank_jobs") == 1, "the job is there")
        assert running.stop() == 0
        with pytest.raises(grpc.RpcError) as caught:
            call.result()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("after_s", [0.3, 0.8, 1.3])
def test_a_signal_before_the_model_is_loaded_ends_the_process(after_s: float) -> None:
    """SIGTERM at any moment of the start ends it without a traceback."""
    process = subprocess.Popen([COMMAND, "serve"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=600)
    # Until the interpreter has come as far as the program, the signal does what it does by default.
    assert process.returncode in (0, -signal.SIGTERM)
    assert b"Traceback" not in errors


def test_whoever_calls_until_the_end_is_told() -> None:
    """No caller that goes when it is told so is cut off: of those who ask without pause, each hears of the stop."""
    running = RunningService.start(workers=1)

    def ask() -> grpc.StatusCode:
        while True:
            try:
                service.Rerank(message(documents=unseen("some words", 1)), timeout=20)
            except grpc.RpcError as error:
                return error.code()

    options = (("grpc.enable_retries", 0),)
    with grpc.insecure_channel(running.grpc, options) as channel, ThreadPoolExecutor(16) as callers:
        service = rerank_pb2_grpc.RerankServiceStub(channel)
        asked = [callers.submit(ask) for _ in range(16)]
        until(lambda: metric(running.admin, "rerank_requests_total") > 32, "everybody has asked")
        assert running.stop() == 0
        assert {call.result() for call in asked} == {grpc.StatusCode.UNAVAILABLE}


def test_a_half_sent_body_does_not_keep_the_process() -> None:
    """A caller that never finishes its request is cut off by the drain, and by its deadline before that."""
    running = RunningService.start(drain_seconds=3, model=SMALL)
    host, _, port = running.http.removeprefix("http://").partition(":")
    head = "POST /v2/rerank HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n"
    with socket.create_connection((host, int(port))) as slow, socket.create_connection((host, int(port))) as late:
        slow.sendall(f"{head}\r\n{{".encode())
        late.sendall(f"{head}x-request-timeout-ms: 300\r\n\r\n{{".encode())
        late.settimeout(30)
        assert late.recv(100).startswith(b"HTTP/1.1 504")
        assert running.stop() == 0
