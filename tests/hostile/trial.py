"""A trial: the real service, honest callers beside an attack, and its stop beside the same attack."""

import asyncio
import multiprocessing
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from multiprocessing.context import SpawnProcess
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

KEY = "an-honest-key"
DRAIN_S = 3
_CA = "authority.pem"
_ALONE_S = 2.0
_WARM_S = 1.0
_LEAVES_S = 10.0
"""The time in which memory has to come back."""
_BESIDE_STOP_S = 2.0  # The attack is under way again for this time before SIGTERM.
_KILLED_S = 30.0  # After the drain.
_LOOK_S = 0.05
_MOST_MB = 3072
"""An attack that makes the process hold this much more is over: the rest says nothing new, and no machine is safe."""
_spawn = multiprocessing.get_context("spawn")


async def trial(attack: Attack, seconds: float) -> Result:
    """Start the service, attack it for this long, watch its memory come back, attack again and stop it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        service = await asyncio.to_thread(_started, attack, folder)
        try:
            return await _Trial(attack, service, folder, seconds).run()
        finally:
            service.process.kill()
            await asyncio.to_thread(service.stop)


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
class _Trial:
    attack: Attack
    service: RunningService
    folder: Path
    seconds: float
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the attack made the process hold too much."""

    async def run(self) -> Result:
        result = Result(self.attack.name, self.attack.one_message, DRAIN_S)
        addresses = (self.service.grpc, self.service.http, self.service.admin)
        ca = self.folder / _CA if self.attack.tls else None
        async with Honest.of(addresses, KEY if self.attack.keyed else "", ca) as honest:
            await honest.watch(_after(_WARM_S))
            result.alone = await honest.watch(_after(_ALONE_S))
            assert not result.alone.faults(*CALLS, *PROBES), "honest calls fail without an attack"
            result.base_mb = self._memory_mb()
            async with self._memory_watched(result):
                async with self._attack(result, self.seconds) as process:
                    result.beside = await honest.watch(lambda: self._ended.is_set() or not process.is_alive())
                await self._left(result)
                await self._stopped(result)
        if result.status != 0 and not result.breach:
            result.breach = f"it ended with status {result.status}"
        return result

    @asynccontextmanager
    async def _attack(self, result: Result | None, seconds: float) -> AsyncIterator[SpawnProcess]:
        """Attack in a process of its own, which is gone on exit."""
        ends, theirs = _spawn.Pipe(duplex=False)
        http, admin = (url.partition("//")[2] for url in (self.service.http, self.service.admin))
        target = Target(self.service.grpc, http, admin, self.folder)
        process = _spawn.Process(target=attacking, args=(self.attack.run, target, seconds, theirs))
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
    async def _memory_watched(self, result: Result) -> AsyncIterator[None]:
        """Keep the most memory, and end what is known to need too much."""

        async def look() -> None:
            while True:
                result.peak_mb = max(result.peak_mb, self._memory_mb() - result.base_mb)
                if result.peak_mb > _MOST_MB:
                    self._ended.set()
                if result.peak_mb > 2 * _MOST_MB:  # It grows by itself.
                    result.breach = result.breach or f"it held {result.peak_mb:.0f} MB and was killed"
                    self.service.process.kill()
                await asyncio.sleep(_LOOK_S)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()

    async def _left(self, result: Result) -> None:
        """Wait until the memory is back, or should be."""
        end = monotonic() + _LEAVES_S
        while True:
            result.after_mb = self._memory_mb() - result.base_mb
            if result.after_mb <= MEMORY_AFTER * result.base_mb or monotonic() > end:
                return
            await asyncio.sleep(_LOOK_S)

    async def _stopped(self, result: Result) -> None:
        """Send SIGTERM beside the attack, and wait for the end."""
        async with self._attack(None, _BESIDE_STOP_S + DRAIN_S + _KILLED_S):
            await asyncio.sleep(_BESIDE_STOP_S)
            start = monotonic()
            self.service.process.terminate()
            try:
                result.status = await asyncio.to_thread(self.service.process.wait, DRAIN_S + _KILLED_S)
                result.stop_s = monotonic() - start
            except subprocess.TimeoutExpired:
                result.stop_s = inf
                result.breach = result.breach or "it did not end after SIGTERM"
                self.service.process.kill()

    def _memory_mb(self) -> float:
        """Return the memory of the process; 0 when it is gone."""
        try:
            return Usage.of(self.service.process.pid).memory_mb
        except (OSError, ValueError):
            return 0


def _after(seconds: float):
    end = monotonic() + seconds
    return lambda: monotonic() > end
