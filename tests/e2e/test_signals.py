"""The process drains on each signal that ends one by default, and no reader of its log can hold it up."""

import os
import select
import signal
import subprocess
from pathlib import Path

import grpc
import httpx
import pytest

from service.bench.process import addresses
from tests.clients import message, metric, post, stub, unseen, until
from tests.examples import SMALL
from tests.process import COMMAND, PATIENT, RunningService, environment

HEEDFUL = ("env", "--default-signal=HUP,QUIT,INT", str(COMMAND), "serve")
"""The service, even where the tests run under nohup or in the background of a script."""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_what_was_admitted_is_answered(number: signal.Signals) -> None:
    """A signal of a terminal that closes, or of ctrl-backslash, drains as SIGTERM does, even if it comes twice."""
    running = RunningService.start(*HEEDFUL, workers=1, **PATIENT)
    with stub(running.grpc) as rpc:
        call = rpc.Rerank.future(message(documents=unseen("some words to read " * 20, 100)))
        until(lambda: metric(running.admin, "rerank_jobs") == 1, "the job is there")
        for again in (number, signal.SIGTERM, number):
            running.process.send_signal(again)
        until(lambda: httpx.get(f"{running.admin}/readyz", timeout=600).status_code == 503, "it drains")
        assert len(call.result().results) == 100
    assert running.process.wait(600) == 0
    assert "Traceback" not in running.log()
    running.stop()


def test_signals_that_end_nothing() -> None:
    """Signals that other programs take as a request leave the service as it is, from the start."""
    with subprocess.Popen([*HEEDFUL], env=environment(model=SMALL), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        until(lambda: _ignores(process.pid, signal.SIGUSR1), "the program has begun")
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            process.send_signal(number)
        address, _ = addresses(process.stdout)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            process.send_signal(number)
        assert post(f"http://{address['HTTP']}").status_code == 200
        process.terminate()
        assert process.wait(600) == 0


def test_nohup() -> None:
    """A service that is started to outlive its terminal does."""
    with RunningService.start("env", "--ignore-signal=HUP", str(COMMAND), "serve", model=SMALL) as running:
        running.process.send_signal(signal.SIGHUP)
        assert [post(running.http).status_code for _ in range(3)] == [200] * 3


def test_an_impatient_person() -> None:
    """The second ctrl-C ends the drain: what was admitted is told that the server stops."""
    running = RunningService.start(*HEEDFUL, workers=1, **PATIENT)
    with stub(running.grpc) as rpc:
        call = rpc.Rerank.future(message(documents=unseen("some words to read " * 100, 2000)), timeout=1000)
        until(lambda: metric(running.admin, "rerank_jobs") == 1, "the job is there")
        running.process.send_signal(signal.SIGINT)
        until(lambda: httpx.get(f"{running.admin}/readyz", timeout=600).status_code == 503, "it drains")
        assert not call.done()
        running.process.send_signal(signal.SIGINT)
        with pytest.raises(grpc.RpcError) as caught:
            call.result()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert running.process.wait(600) == 0
    running.stop()


def test_a_log_that_nobody_reads() -> None:
    """Calls over both APIs, probes and the stop do not wait for the reader of the log."""
    log, end = os.pipe()
    with subprocess.Popen(
        [*HEEDFUL], env=environment(model=SMALL), stdout=subprocess.PIPE, stderr=end, text=True
    ) as process:
        try:
            assert process.stdout
            address, _ = addresses(process.stdout)
            with httpx.Client(timeout=60) as client, stub(address["gRPC"]) as rpc:
                for _ in range(400):  # The pipe holds some 240 lines.
                    assert rpc.Rerank(message(), timeout=60).results
                    assert client.post(f"http://{address['HTTP']}/v2/rerank", json={}).status_code == 400
                assert client.get(f"http://{address['admin']}/livez").status_code == 200
            assert not select.select([], [end], [], 0)[1]  # It is full.
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(end)
            os.close(log)


def _ignores(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (number - 1) & 1)
