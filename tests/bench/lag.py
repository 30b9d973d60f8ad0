"""A program that runs the service with a timer on its event loop, and records the delay of each tick."""

import asyncio
import sys
from pathlib import Path
from time import monotonic

from service.bench.goal import quantile
from service.server import serve
from service.settings import Settings

_TICK_S = 0.002


def late_s(path: Path, since: float, until: float, q: float) -> float:
    """Return a quantile of the delay, in seconds, of the ticks between two times of the monotonic clock."""
    ticks = [tuple(map(float, line.split())) for line in path.read_text(encoding="ascii").splitlines()]
    return quantile([late for at, late in ticks if since <= at <= until], q)


async def _serve(ticks: list[tuple[float, float]]) -> None:
    timer = asyncio.create_task(_tick(ticks))
    try:
        await serve(Settings.load())
    finally:
        timer.cancel()


async def _tick(ticks: list[tuple[float, float]]) -> None:
    while True:
        due = monotonic() + _TICK_S
        await asyncio.sleep(_TICK_S)
        now = monotonic()
        ticks.append((now, now - due))


def _main(path: Path) -> None:
    ticks: list[tuple[float, float]] = []
    asyncio.run(_serve(ticks))
    path.write_text("".join(f"{at} {late}\n" for at, late in ticks), encoding="ascii")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
