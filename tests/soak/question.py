"""The requests of a soak, and the check of their responses."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from service.bench.workload import MIX, texts
from tests.contract.clients import SECRET
from tests.soak.faulty import FAULT

_PAIR_TOKENS = 12  # Approximate tokens of a pair beside its document.
_DEADLINES_S = {"urgent": 5.0, "middle": 10.0, "bulk": 20.0}
_SHARES = (0.7, 0.22, 0.08)  # Shares of requests by group; bulk is still nearly half of the work.
_KEPT, _AGAIN = 50, 0.1  # Requests kept for repetition, and the share of repetitions.
_FAULTS_MAX = 3
_TOP = 0.2  # Share of requests with top_n.

Results = Sequence[tuple[int, float]]
"""Index and score, in the order of the response."""


class SoakRequest(NamedTuple):
    """A request: query, documents and priority."""

    query: str
    documents: list[str]
    lane: int
    deadline_s: float
    top_n: int | None = None
    faults: frozenset[int] = frozenset()
    """Indices of documents on which the engine fails."""

    @property
    def tokens(self) -> int:
        """Approximate tokens of its pairs."""
        return sum(text.count(" ") + 1 + _PAIR_TOKENS for text in self.documents)

    def of(self, most: int) -> "SoakRequest":
        """Return the request with at most so many documents."""
        return self._replace(documents=self.documents[:most])

    def with_faults(self, rng: Random) -> "SoakRequest":
        """Return the request with a few failing documents, and without top_n."""
        documents = [*self.documents[:100], "the state of the capital"]
        faults = frozenset(rng.sample(range(len(documents)), min(_FAULTS_MAX, len(documents) - 1)))
        documents = [FAULT if number in faults else text for number, text in enumerate(documents)]
        return self._replace(documents=documents, faults=faults, top_n=None)

    def hopeless(self) -> "SoakRequest":
        """Return a request whose documents all fail."""
        return self._replace(documents=[FAULT, FAULT], faults=frozenset((0, 1)), top_n=None)

    def wrong_with(self, results: Results) -> str:
        """Return the fault of a response, empty if it is correct."""
        many = min(self.top_n or len(self.documents), len(self.documents))
        indices = [index for index, _ in results]
        if len(indices) != many or len(set(indices)) != many or not set(indices) <= set(range(len(self.documents))):
            return f"{len(indices)} results, {len(set(indices))} of them different, and not {many}"
        if any(not 0 <= score <= 1 for _, score in results):
            return "a score beyond 0 and 1"
        keys = [(index in self.faults, -score, index) for index, score in results]
        if keys != sorted(keys):
            return "results out of order"
        if any(score for index, score in results if index in self.faults):
            return "a score for a document that the engine failed on"
        return ""


class Questions:
    """Draws requests of all sizes and lanes from a seed, at times an earlier one again."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self._before: list[SoakRequest] = []

    def draw(self) -> SoakRequest:
        """Draw a request."""
        rng = self.rng
        if self._before and rng.random() < _AGAIN:
            return rng.choice(self._before)
        (group,) = rng.choices(MIX, _SHARES)
        found = SoakRequest(
            query=f"{SECRET} {texts(1, rng.getrandbits(32))[0][:60]}",
            documents=texts(group.documents(rng), rng.getrandbits(32)),
            lane=rng.choice(group.lanes),
            deadline_s=_DEADLINES_S[group.name],
            top_n=rng.randint(1, 10) if rng.random() < _TOP else None,
        )
        self._before = [*self._before[-_KEPT + 1 :], found]
        return found
