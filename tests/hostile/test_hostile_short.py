"""Each attack for a moment: nobody else's call fails, memory is bounded and comes back, and SIGTERM ends it all.

Attacks that want the same service have one, one after the other. How slow others become is left to `make hostile`.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from tests.hostile import files, grpc_messages, http2_frames, http2_streams
from tests.hostile.attacks import ATTACKS, Attack
from tests.hostile.honest import CALLS, PROBES
from tests.hostile.result import MEMORY_MB, Result
from tests.hostile.trial import DRAIN_S, Served, serving
from tests.system.envoy import COMMAND

MEMORY_MARGIN = 1.25
AFTER_MB = 192
"""Over that before; what the heap keeps of three messages of 64 MB."""
LONGER = (1, 5, 25)
"""Times as long, until the attack has taken place: some take seconds to make what they send."""
_left = dict(ATTACKS)


def chosen(choice: Callable[[Attack], object]) -> list[Attack]:
    """Take attacks out of those that no group has."""
    found = [_left.pop(one.name) for one in list(_left.values()) if choice(one)]
    first = found[0]
    wanted = (first.keyed, first.tls, first.command, first.files, first.settings)
    assert all((one.keyed, one.tls, one.command, one.files, one.settings) == wanted for one in found)
    return found


class Attacked:
    """The tests of a group of attacks that share a service."""

    attacks: ClassVar[list[Attack]]
    seconds: ClassVar[float] = 0.7
    front: ClassVar[bool] = False

    async def test_an_attack(self, attack: Attack, served: Served, base_mb: float) -> None:
        """Beside the attack, honest calls and probes are answered, and memory is bounded."""
        if attack.program and not shutil.which(attack.program):
            pytest.skip(f"{attack.program} is not on this machine")
        result = Result(attack.name, attack.one_message, DRAIN_S, base_mb)
        async with served.honest() as honest, served.memory_watched(result):
            for times in LONGER:
                await served.attacked(attack, times * self.seconds, honest, result)
                assert not result.breach, result.breach
                assert result.beside.faults(*CALLS, *PROBES) == []
                if result.done:
                    break
        assert result.done
        assert result.peak_mb <= MEMORY_MARGIN * MEMORY_MB
        assert served.service.process.poll() is None

    async def test_memory_comes_back(self, served: Served, base_mb: float) -> None:
        """When the attackers have left, their memory is free again."""
        result = Result("", one_message=False, drain_s=DRAIN_S, base_mb=base_mb)
        await served.left(result, AFTER_MB)
        assert served.service.process.poll() is None
        assert result.after_mb <= AFTER_MB

    async def test_its_end(self, served: Served) -> None:
        """SIGTERM ends the process although an attack goes on."""
        result = Result("", one_message=False, drain_s=DRAIN_S)
        await served.stopped(self.attacks[0], self.seconds, result)
        assert not result.breach
        assert result.status == 0


class TestKeys(Attacked):
    """Attacks on a service that asks for a key."""

    attacks = chosen(lambda one: one.keyed and one.run.__module__ != files.__name__)


class TestKeysFile(Attacked):
    """Attacks while others write to the file of keys."""

    attacks = chosen(lambda one: one.keyed)
    seconds = 2.5


class TestTls(Attacked):
    """Attacks on a service that has a certificate."""

    attacks = chosen(lambda one: one.tls)


class TestLog(Attacked):
    """Attacks while nobody reads the log."""

    attacks = chosen(lambda one: one.name == "unread_log")


class TestDescriptors(Attacked):
    """Attacks on a service with few file descriptors."""

    attacks = chosen(lambda one: one.command)
    seconds = 2.0


class TestDenyList(Attacked):
    """Attacks on a service with a deny-list."""

    attacks = chosen(lambda one: one.files)
    seconds = 2.0


class TestMessages(Attacked):
    """Messages of gRPC."""

    attacks = chosen(lambda one: one.run.__module__ == grpc_messages.__name__)


class TestStreams(Attacked):
    """Streams of HTTP/2."""

    attacks = chosen(lambda one: one.run.__module__ == http2_streams.__name__)


class TestFrames(Attacked):
    """Frames of HTTP/2."""

    attacks = chosen(lambda one: one.run.__module__ == http2_frames.__name__)


class TestFront(Attacked):
    """Floods of HTTP/2 on a service behind Envoy, with the limits that deploy/kubernetes sets."""

    attacks: ClassVar = [
        ATTACKS[name] for name in ("hpack_references", "rapid_reset", "list_models_flood", "half_sent")
    ]
    front = True


class TestRest(Attacked):
    """All others: of REST, and by many callers."""

    attacks = chosen(lambda one: True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each attack of a group."""
    if "attack" in metafunc.fixturenames and metafunc.cls:
        metafunc.parametrize("attack", metafunc.cls.attacks, ids=lambda attack: attack.name)


@pytest.fixture(scope="class")
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Start the service of a group."""
    if request.cls.front and not COMMAND.exists():
        pytest.skip("no Envoy here: `make tools` sets it up")
    with serving(request.cls.attacks[0], front=request.cls.front) as service:
        yield service


@pytest.fixture(scope="class")
def base_mb(served: Served) -> float:
    """Return the memory before the first attack."""
    return served.memory_mb()
