"""Many pods behind a balancer, one table per number of pods: python -m tests.simulation.replicas."""

import gc
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from scheduler import Policy
from service.bench.table import markdown as aligned
from tests.simulation import plots
from tests.simulation.balancers import (
    Anyone,
    MakeBalancer,
    RoundRobin,
    Shortest,
    at_lane,
    total,
    two_choices,
    under_way,
)
from tests.simulation.cluster import NEVER, Retries
from tests.simulation.figures import Figures
from tests.simulation.stage import Span, Stage
from tests.simulation.worker import Cost, Setup

SETUP = Setup("modest", Cost(2e-2, 2e-4), Policy(workers=2, batch_s=0.2), 10.0)
"""Pods so slow that a thousand of them are simulated in minutes. Deadlines are 5, 10 and 30 s."""
LOAD = 1.5
LOADS = (0.75, 1.0, 1.5, 4.0)
CHUNK = 200
"""Documents per part, for clients that split requests."""
SPANS = {8: Span(60, 30, 110), 100: Span(40, 8, 20), 1000: Span(25, 5, 4)}
_SHORT = Span(30, 30, 50)


class Variant(NamedTuple):
    """A balancer, the age of its signal, and the retry policy of clients."""

    name: str
    balancer: MakeBalancer = Anyone
    publish_s: float = 0.0
    retries: Retries = NEVER
    chunk: int | None = None
    central: bool = False
    most: int = 100
    """Largest number of pods for this variant."""


_BY_LANE, _BY_COUNT, _ELSEWHERE = two_choices(at_lane), two_choices(under_way), Retries(at_once=1)
VARIANTS = (
    Variant("random", most=1000),
    Variant("round robin", RoundRobin),
    Variant("P2C, requests under way", _BY_COUNT),
    Variant("P2C, total backlog", two_choices(total)),
    Variant("P2C, backlog at lane", _BY_LANE),
    Variant("P2C, backlog at lane, 0.5 s old", _BY_LANE, 0.5),
    Variant("P2C, backlog at lane, 5 s old", _BY_LANE, 5.0),
    Variant("JSQ, backlog at lane", Shortest, most=8),
    Variant("JSQ, backlog at lane, 0.5 s old", Shortest, 0.5),
    Variant("JSQ, backlog at lane, 5 s old", Shortest, 5.0, most=1000),
    Variant("random, one retry elsewhere", retries=_ELSEWHERE, most=1000),
    Variant("random, 4 retries at once", retries=Retries(at_once=4)),
    Variant("random, 4 retries as advised", retries=Retries(advised=4), most=8),
    Variant("random, one elsewhere, 3 as advised", retries=Retries(at_once=1, advised=3), most=8),
    Variant("P2C, requests under way, one elsewhere", _BY_COUNT, retries=_ELSEWHERE, most=1000),
    Variant("P2C, at lane, 0.5 s old, one elsewhere", _BY_LANE, 0.5, _ELSEWHERE, most=1000),
    Variant("P2C, requests under way, one elsewhere, parts", _BY_COUNT, retries=_ELSEWHERE, chunk=CHUNK, most=8),
    Variant("one queue for all", central=True, most=8),
)
_CLIENTS = {"one elsewhere": _ELSEWHERE, "4 at once": Retries(at_once=4), "4 as advised": Retries(advised=4)}
_HEAD = (
    "balancer, retries",
    "urgent",
    "middle",
    "bulk",
    "all",
    "urgent p99, ms",
    "inverted",
    "next try",
    "worse elsewhere",
    "fullest",
    "busy",
    "attempts",
)
_LEGEND = f"""\
Every row goes on from the same moment: an overload that has lasted for a while, behind random choice.
P2C is the better of two pods drawn at random, JSQ the best of all; backlog at lane is what waits in the request's lane
and all better ones. A retry goes at once to another pod, or, as advised, when the refusal said. In parts: requests of
more than {CHUNK} documents, split. Of the work that ended in the span observed, in useful worker-seconds:

- urgent, middle, bulk: share finished in time (lane 0; lanes 100 to 199; lanes 500 to 999)
- all: the same of all three together; at 1.5 times their capacity pods cannot do more than 0.667
- inverted: share of shed work (refused or displaced for good) that, at that moment, one of up to seven other pods drawn
  at random would have admitted before work of a worse lane that waited there
- next try: the same for a single pod drawn at random: what one more retry would have got in
- worse elsewhere: share of shed work that was shed while any other pod held waiting work of a worse lane, enough
  of it or not
- fullest: backlog of the fullest pod over the mean, on average; busy: share of the workers' time; attempts: per request

By load, P2C goes by requests under way; whatever does not say otherwise is behind round robin, without retries.
"""


def main() -> None:
    """Simulate the requested variants, and write tables and a plot."""
    parser = ArgumentParser(prog="python -m tests.simulation.replicas", description=__doc__)
    parser.add_argument("--pods", type=_counts, default=[8], help=f"of {', '.join(map(str, SPANS))}; default 8")
    parser.add_argument("--out", type=Path, default=Path("simulation-results"), help="folder for table and picture")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    text, found = [_LEGEND], dict[int, dict[str, Figures]]()
    for pods in arguments.pods:
        found[pods] = played(pods, arguments.seed)
        text.append(f"## {pods} pods at {LOAD:g} times their capacity\n\n{markdown(found[pods])}\n")
    if 8 in found:
        text.append(f"## 8 pods by load\n\n{by_load(arguments.seed)}\n")
    print("\n".join(text))  # noqa: T201
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "replicas.md").write_text("# Many pods\n\n" + "\n".join(text))
    try:
        plots.replicas(found, arguments.out / "replicas.png")
    except ModuleNotFoundError as missing:
        print(f"no picture: {missing}", file=sys.stderr)  # noqa: T201


def played(pods: int, seed: int, variants: Iterable[Variant] = VARIANTS) -> dict[str, Figures]:
    """Return the figures of all variants for a number of pods."""
    with _timed(f"{pods} pods, until all rows begin"):
        stage = Stage(SETUP, pods, LOAD, SPANS[pods], seed)
    found = {}
    for variant in variants:
        if pods <= variant.most:
            with _timed(f"{pods} pods, {variant.name}"):
                own = stage
                if variant.chunk or variant.central:
                    own = Stage(SETUP, pods, LOAD, SPANS[pods], seed, chunk=variant.chunk, central=variant.central)
                found[variant.name] = own.play(variant.balancer, variant.retries, publish_s=variant.publish_s)
    return found


def markdown(found: dict[str, Figures]) -> str:
    """Return rows of figures as a Markdown table."""
    rows = []
    for name, f in found.items():
        shares = (*f.on_time, f.all_on_time)
        others = (f.inverted, f.next_try, f.worse_elsewhere, f.spread, f.busy, f.attempts)
        rows.append((name, *map(_number, shares), f"{1000 * f.p99_s:.0f}", *map(_number, others)))
    return aligned(_HEAD, rows)


def by_load(seed: int) -> str:
    """Return a table of eight pods by load, with and without retries and splitting."""
    head = ("load", "busy", "urgent", "middle", "bulk", *(f"attempts, {name}" for name in _CLIENTS))
    rows = []
    for load in LOADS:
        with _timed(f"8 pods at {load:g} times their capacity"):
            stage = Stage(SETUP, 8, load, _SHORT, seed)
            plain, *others = [stage.play(RoundRobin, retries) for retries in (NEVER, *_CLIENTS.values())]
            whole = stage.play(_BY_COUNT, _ELSEWHERE)
            parts = Stage(SETUP, 8, load, _SHORT, seed, chunk=CHUNK).play(_BY_COUNT, _ELSEWHERE)
        cells = (plain.busy, *plain.on_time, *(f.attempts for f in others), whole.on_time[-1], parts.on_time[-1])
        rows.append((f"{load:g}", *map(_number, cells)))
    return aligned((*head, "bulk, P2C and one elsewhere", "the same, in parts"), rows)


def _number(value: float) -> str:
    return f"{value:.3f}"


def _counts(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Print the duration of a step, with the garbage collector off: it would scan millions of live objects."""
    start = perf_counter()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    print(f"{what}: {perf_counter() - start:.1f} s", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
