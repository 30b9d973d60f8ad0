"""A trial: the real service, honest callers beside an attack, and its stop beside the same attack."""

import asyncio
import multiprocessing
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from trustme import CA

from tests.certificates import Secret, issued
from tests.hostile.attack import Attack, Target, attacking
from tests.hostile.honest import CALLS, PROBES, Honest
from tests.hostile.result import MEMORY_AFTER, Result
from tests.process import RunningService
from tests.soak.usage import Usage
from tests.system.envoy import Envoy
from tests.system.gateway import limited

KEY = "an-honest-key"
DRAIN_S = 3
_CA = "authority.pem"
_ALONE_S = 2.0
_WARM_S = 1.0
_LEAVES_S = 10.0
"""The time in which memory has to come back."""
_BESIDE_STOP_S = 2.0
"""The attack is under way again for this time before SIGTERM."""
_KILLED_S = 30.0  # After the drain.
_LOOK_S = 0.05
_MOST_MB = 3072
"""An attack that makes the process hold this much more is over: the rest says nothing new, and no machine is safe."""
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.hostile.attacks"])  # An attack begins in 0.02 s, where to import takes a second.


async def trial(attack: Attack, seconds: float, *, front: bool = False) -> Result:
    """Start the service, attack it for this long, watch its memory come back, attack again and stop it.

    With `front`, an Envoy with the limits of deploy/kubernetes is between the gRPC port and all but its probes.
    """
    result = Result(attack.name, attack.one_message, DRAIN_S)
    with serving(attack, front=front) as served:
        async with served.honest() as honest:
            await honest.watch(after(_WARM_S))
            result.alone = await honest.watch(after(_ALONE_S))
            assert not result.alone.faults(*CALLS, *PROBES), "honest calls fail without an attack"
            result.base_mb = served.memory_mb()
            async with served.memory_watched(result):
                await served.attacked(attack, seconds, honest, result)
                await served.left(result, MEMORY_AFTER * result.base_mb)
                await served.stopped(attack, _BESIDE_STOP_S, result)
    if result.status != 0 and not result.breach:
        result.breach = f"it ended with status {result.status}"
    return result


@contextmanager
def serving(attack: Attack, *, front: bool = False) -> Iterator["Served"]:
    """Start the service that an attack is meant for, optionally behind an Envoy; kill it on exit."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        service = _started(attack, Path(name))
        try:
            grpc = service.grpc
            if front:
                grpc = stack.enter_context(Envoy([grpc], Path(name), limited=limited)).address
            yield Served(service, Path(name), attack, grpc)
        finally:
            service.process.kill()
            service.stop()


def _started(attack: Attack, folder: Path) -> RunningService:
    settings: dict[str, object] = {"drain_seconds": DRAIN_S}
    for name, content in attack.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    if attack.keyed:
        (folder / "keys").write_text(f"honest:{KEY}\n", encoding="utf-8")
        settings["api_keys_file"] = folder / "keys"
    if attack.tls:
        secret, ca = Secret(folder / "tls"), CA()
        secret.show(issued(ca))
        ca.cert_pem.write_to_path(str(folder / _CA))
        settings |= secret.settings()
    settings |= {name: str(value).format(folder=folder) for name, value in attack.settings.items()}
    return RunningService.start(*attack.command, **settings)


@dataclass
class Served:
    """The real service, started for an attack, and open to others that want the same."""

    service: RunningService
    folder: Path
    needs: Attack
    grpc: str
    """host:port of gRPC, for callers and the attacker: of the Envoy in front, or else of the service."""

    def honest(self) -> AbstractAsyncContextManager[Honest]:
        """Return honest callers and probes."""
        addresses = (self.service.grpc, self.service.http, self.service.admin)
        ca = self.folder / _CA if self.needs.tls else None
        return Honest.of(addresses, KEY if self.needs.keyed else "", ca, front=self.grpc)

    async def attacked(self, attack: Attack, seconds: float, honest: Honest, result: Result) -> None:
        """Attack, with honest callers beside it, until the time is over or the process holds too much."""
        async with self._attack(attack, seconds, result) as process:
            result.beside = await honest.watch(lambda: result.peak_mb > _MOST_MB or not process.is_alive())

    @asynccontextmanager
    async def _attack(self, attack: Attack, seconds: float, result: Result | None) -> AsyncIterator[ForkServerProcess]:
        """Attack in a process of its own, which is gone on exit."""
        ends, theirs = _forks.Pipe(duplex=False)
        http, admin = (url.partition("//")[2] for url in (self.service.http, self.service.admin))
        target = Target(self.grpc, http, admin, self.folder)
        process = _forks.Process(target=attacking, args=(attack.run, target, seconds, theirs))
        process.start()
        theirs.close()
        overdue = asyncio.get_running_loop().call_later(2 * seconds + 30, process.kill)
        try:
            yield process
        finally:
            overdue.cancel()
            process.kill()
            await asyncio.to_thread(process.join)
            with suppress(EOFError):
                found = ends.recv() if ends.poll() else 0
                if result and isinstance(found, str):
                    result.breach = found
                elif result:
                    result.done = found
            ends.close()

    @asynccontextmanager
    async def memory_watched(self, result: Result) -> AsyncIterator[None]:
        """Keep the most memory, and kill a service that goes on to take more."""

        async def look() -> None:
            while True:
                result.peak_mb = max(result.peak_mb, self.memory_mb() - result.base_mb)
                if result.peak_mb > 2 * _MOST_MB:  # It grows by itself.
                    result.breach = result.breach or f"it held {result.peak_mb:.0f} MB and was killed"
                    self.service.process.kill()
                await asyncio.sleep(_LOOK_S)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()

    async def left(self, result: Result, most_mb: float) -> None:
        """Wait until no more than this is held over the memory before, or should be."""
        end = monotonic() + _LEAVES_S
        while True:
            result.after_mb = self.memory_mb() - result.base_mb
            if result.after_mb <= most_mb or monotonic() > end:
                return
            await asyncio.sleep(_LOOK_S)

    async def stopped(self, attack: Attack, beside_s: float, result: Result) -> None:
        """Send SIGTERM when the attack is under way for this long, and wait for the end."""
        async with self._attack(attack, beside_s + DRAIN_S + _KILLED_S, None):
            await asyncio.sleep(beside_s)
            start = monotonic()
            self.service.process.terminate()
            try:
                result.status = await asyncio.to_thread(self.service.process.wait, DRAIN_S + _KILLED_S)
                result.stop_s = monotonic() - start
            except subprocess.TimeoutExpired:
                result.stop_s = inf
                result.breach = result.breach or "it did not end after SIGTERM"
                self.service.process.kill()

    def memory_mb(self) -> float:
        """Return the memory of the process; 0 when it is gone."""
        try:
            return Usage.of(self.service.process.pid).memory_mb
        except (OSError, ValueError):
            return 0


def after(seconds: float) -> Callable[[], bool]:
    """Return a function that returns whether this time is over."""
    end = monotonic() + seconds
    return lambda: monotonic() > end
