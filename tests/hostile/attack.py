"""An attack: a bounded program that does to the service what a hostile client would do."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, sleep

NICENESS = 10
"""Of the attacking process. An attacker brings CPUs of its own; here it has what the service and its callers leave."""


class Breach(Exception):
    """The service did what it must never do, such as let in a key that is none."""


@dataclass(frozen=True)
class Target:
    """The addresses of the service, as host:port, and the time of an attack."""

    grpc: str
    http: str
    admin: str
    folder: Path
    """The folder of the files that the settings name."""
    until: float = 0
    """The end of the attack, on the monotonic clock, which all processes share."""

    def on(self) -> bool:
        """Return whether the attack goes on."""
        return monotonic() < self.until

    def left_s(self) -> float:
        """Return how long the attack goes on; never 0, so that it can be a timeout of a socket."""
        return max(self.until - monotonic(), 0.001)

    def wait(self, seconds: float) -> None:
        """Do nothing for this long, or to the end of the attack."""
        sleep(min(seconds, self.left_s()))


Program = Callable[[Target], int]
"""Attacks until the time of the target is over; returns how often. Raises Breach."""


@dataclass(frozen=True)
class Attack:
    """A program, and the service that it is meant for."""

    name: str
    run: Program
    settings: Mapping[str, object] = field(default_factory=dict)
    """Of the service; `{folder}` in them is the folder of the files."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The files that the settings name, with what is in them."""
    keyed: bool = False
    """Keys are on. Honest callers have one, and the attacker has none."""
    tls: bool = False
    """The service has a certificate."""
    command: tuple[str, ...] = ()
    """Starts the service in another way, such as with few descriptors."""
    program: str = ""
    """A program that the attack wants, and that a machine may lack."""
    one_message: bool = False
    """One message at a time, so that the longest stall is that by one message."""


ATTACKS: dict[str, Attack] = {}
"""All attacks by name, in the order of their definition."""


def attack(name: str = "", **options: object) -> Callable[[Program], Program]:
    """Register a program under `name`, by default its own; `options` are those of Attack."""

    def registered(run: Program) -> Program:
        called = name or run.__name__
        assert called not in ATTACKS, f"two attacks are called {called}"
        ATTACKS[called] = Attack(called, run, **options)  # type: ignore[arg-type]
        return run

    return registered


def attacking(run: Program, target: Target, seconds: float, results: Connection) -> None:
    """Attack for a while, as the main function of a process, and send how often, or the breach as text."""
    os.nice(NICENESS)
    try:
        found: int | str = run(replace(target, until=monotonic() + seconds))
    except Breach as breach:
        found = str(breach)
    with suppress(BrokenPipeError):
        results.send(found)
