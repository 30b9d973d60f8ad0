"""The service survives a full disk, and its addresses are free at once after it was killed."""

import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.clients import post, until
from tests.examples import SMALL
from tests.process import COMMAND, RunningService, environment


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _answers(base: str) -> bool:
    try:
        return post(base).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk() -> None:
    """A service that can write neither its log nor where it listens answers all the same and ends cleanly."""
    address = f"127.0.0.1:{_free_port()}"
    env = environment(http_address=address, model=SMALL)
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen([COMMAND, "serve"], env=env, stdout=full, stderr=full) as process,
    ):
        try:
            until(lambda: _answers(f"http://{address}"), "the service answers")
            assert post(f"http://{address}").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(600) == 0
        finally:
            process.kill()


def test_killed() -> None:
    """After an end without warning the same addresses are free at once for the next process."""
    first = RunningService.start(model=SMALL)
    addresses = {
        f"{api}_address": url.removeprefix("http://")
        for api, url in (("grpc", first.grpc), ("http", first.http), ("admin", first.admin))
    }
    with httpx.Client(timeout=600) as open_connection:
        assert open_connection.get(f"{first.admin}/livez").status_code == 200
        first.process.kill()
        assert first.stop() == -signal.SIGKILL
        with RunningService.start(**addresses, model=SMALL) as second:
            assert post(second.http).status_code == 200


def test_interrupted() -> None:
    """A benchmark that is interrupted says nothing of where it was, leaves no process behind, and ends as such."""
    command: list[str | Path] = [COMMAND, "bench", "load", "--seconds", "30"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, start_new_session=True) as bench:
        assert bench.stderr
        assert b"capacity" in bench.stderr.readline()  # By then its service runs.
        bench.send_signal(signal.SIGINT)
        assert b"Traceback" not in bench.stderr.read()  # Which ends when nobody holds it any more.
        assert bench.wait(600) == 130
