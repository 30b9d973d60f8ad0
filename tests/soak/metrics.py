"""The metrics of the service."""

import re
from collections import Counter

import httpx

_CALLS = re.compile(r'^rerank_requests_total{api="(\w+)",lanes="[^"]*",outcome="(\w+)"}$')
_GAUGES = ("rerank_jobs", "rerank_pairs_waiting", "rerank_workers_busy", "rerank_backlog_seconds")


class Metrics:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        self._values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    @classmethod
    async def scrape(cls, client: httpx.AsyncClient, admin: str) -> "Metrics":
        """Scrape a service. Raises httpx.HTTPError."""
        return cls((await client.get(f"http://{admin}/metrics")).raise_for_status().text)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    @property
    def calls(self) -> Counter[tuple[str, str]]:
        """Number of ended calls by API and outcome."""
        found: Counter[tuple[str, str]] = Counter()
        for name, value in self._values.items():
            if match := _CALLS.match(name):
                found[match[1], match[2]] += int(value)
        return found

    @property
    def at_rest(self) -> bool:
        """Tell whether no work is in progress."""
        return not any(self[name] for name in _GAUGES)

    @property
    def under_way(self) -> str:
        """The work in progress, in words."""
        found = [f"{name.removeprefix('rerank_')} {self[name]:g}" for name in _GAUGES if self[name]]
        return ", ".join(found) or "nothing"
