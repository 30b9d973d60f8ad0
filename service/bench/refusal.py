"""What a refusal costs."""

from math import nan
from random import Random

from service.bench.client import Client, Ending
from service.bench.speed import Speed, saturate
from service.bench.workload import BULK

_DIFFERENT = 16
_SECONDS = 3.0
_IN_FLIGHT = 4
_HURRY = 0.3  # Of the time a request takes on an idle machine: no doubt that it cannot be met.


async def cost(client: Client, model: str, speed: Speed) -> float:
    """Return the CPU time of refusing a typical bulk request over that of serving it; NaN where nobody tells.

    The same requests, first served, then refused at the door for a deadline that an idle machine could not meet.
    Nothing else runs, so that all CPU time of the process is theirs.
    """
    chance = Random(0)  # noqa: S311  # Texts, not secrets.
    requests = [BULK.request(model, chance, BULK.typical) for _ in range(_DIFFERENT)]
    hurried = [r._replace(deadline_s=_HURRY * speed.alone_s[BULK.name]) for r in requests]
    before = client.process.cpu_s()
    served, _ = await saturate(client, requests, seconds=_SECONDS, in_flight=_IN_FLIGHT)
    between = client.process.cpu_s()
    refused, _ = await saturate(client, hurried, seconds=_SECONDS, in_flight=_IN_FLIGHT, ending=Ending.ADVISED)
    after = client.process.cpu_s()
    if not served or not refused:
        return nan
    return (after - between) / len(refused) / ((between - before) / len(served))
