"""A process that is stopped for a moment fails no call."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients import message, metric, stub, unseen
from tests.process import RunningService

TEXT = "The history of the river and the capital of the state, its trade and its laws. " * 4


@pytest.mark.long
def test_a_paused_process_fails_nobody() -> None:
    """Batches that were under way when the process was stopped are not taken to hang: everybody is answered."""
    service = RunningService.start(workers=2)

    def one(number: int) -> int:
        with stub(service.grpc) as client:
            return len(client.Rerank(message(documents=unseen(TEXT, 40), priority=number), timeout=600).results)

    try:
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(one, number) for number in range(16)]
            for _ in range(4):
                time.sleep(0.25)
                service.process.send_signal(signal.SIGSTOP)
                time.sleep(0.6)
                service.process.send_signal(signal.SIGCONT)
            assert [answer.result() for answer in answers] == [40] * 16
        assert metric(service.admin, "rerank_failed_pairs_total") == 0
    finally:
        service.process.send_signal(signal.SIGCONT)
        assert service.stop() == 0
