"""Several real services that stay where they are while their processes come and go."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.clients import metric
from tests.process import RunningService


class Replica:
    """A place for a service, with one there; its port for gRPC stays the same."""

    def __init__(self) -> None:
        self._service = RunningService.start(workers=1)
        self.address = self._service.grpc
        """As host:port."""

    @property
    def answered(self) -> float:
        """Calls that ended since its process began."""
        return metric(self._service.admin, "rerank_requests_total")

    @property
    def pressure(self) -> float:
        """Its load over its backlog bound, from 0 to about 1."""
        return metric(self._service.admin, "rerank_pressure")

    def restart(self) -> int:
        """Send SIGTERM, start another process once the old one has ended, and return the status of the old one."""
        status = self._service.stop()
        self.start()
        return status

    def start(self) -> None:
        """Start a process where the last one was."""
        self._service = RunningService.start(workers=1, grpc_address=self.address)

    def die(self) -> None:
        """Lose the process with all that it has under way."""
        self._service.process.kill()
        self._service.stop()

    def freeze(self) -> None:
        """Cut it off: its connections stay, and nothing comes out of them."""
        self._service.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._service.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """End the process and return its status."""
        return self._service.stop()


@contextmanager
def running(count: int) -> Iterator[list[Replica]]:
    """Run so many replicas; all have to end well."""
    with ThreadPoolExecutor(count) as threads:
        starts = [threads.submit(Replica) for _ in range(count)]
    replicas = [start.result() for start in starts]
    try:
        yield replicas
    finally:
        statuses = [replica.stop() for replica in replicas]
    assert statuses == [0] * count


def target(replicas: Sequence[Replica]) -> str:
    """Return what a client without a proxy calls to reach all of them."""
    return f"ipv4:{','.join(replica.address for replica in replicas)}"
