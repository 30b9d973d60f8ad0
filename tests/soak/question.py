"""What is asked, and how it is told that an answer is right."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from service.bench.workload import MIX, texts
from tests.contract.clients import SECRET
from tests.soak.faulty import FAULT

_PAIR_TOKENS = 12  # About what a pair has beside its document.
_DEADLINES_S = {"urgent": 5.0, "middle": 10.0, "bulk": 20.0}
_SHARES = (0.7, 0.22, 0.08)  # Of the questions, by group; bulk is nearly half of the work all the same.
_KEPT, _AGAIN = 50, 0.1  # Questions that are asked once more, and how often one of them is.
_FAULTS_MAX = 3
_TOP = 0.2  # Of the questions: they want only the best few.

Results = Sequence[tuple[int, float]]
"""Index and score, in the order of the answer."""


class Question(NamedTuple):
    """A query with its documents, and how urgent it is."""

    query: str
    documents: list[str]
    lane: int
    deadline_s: float
    top_n: int | None = None
    faults: frozenset[int] = frozenset()
    """Documents that the engine fails on."""

    @property
    def tokens(self) -> int:
        """About what the model reads."""
        return sum(text.count(" ") + 1 + _PAIR_TOKENS for text in self.documents)

    def of(self, most: int) -> "Question":
        """Return the same question with so many documents at most."""
        return self._replace(documents=self.documents[:most])

    def with_faults(self, chance: Random) -> "Question":
        """Return the same question with a few documents that the engine fails on, and all results asked for."""
        documents = [*self.documents[:100], "the state of the capital"]
        faults = frozenset(chance.sample(range(len(documents)), min(_FAULTS_MAX, len(documents) - 1)))
        documents = [FAULT if number in faults else text for number, text in enumerate(documents)]
        return self._replace(documents=documents, faults=faults, top_n=None)

    def hopeless(self) -> "Question":
        """Return a question of which the engine fails on all documents."""
        return self._replace(documents=[FAULT, FAULT], faults=frozenset((0, 1)), top_n=None)

    def wrong_with(self, results: Results) -> str:
        """Return what is wrong with the form of an answer; nothing if it is right."""
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
    """Draws questions of all sizes and lanes by seed; now and then one that was drawn before."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self._before: list[Question] = []

    def draw(self) -> Question:
        """Return a question."""
        chance = self.chance
        if self._before and chance.random() < _AGAIN:
            return chance.choice(self._before)
        (group,) = chance.choices(MIX, _SHARES)
        found = Question(
            query=f"{SECRET} {texts(1, chance.getrandbits(32))[0][:60]}",
            documents=texts(group.documents(chance), chance.getrandbits(32)),
            lane=chance.choice(group.lanes),
            deadline_s=_DEADLINES_S[group.name],
            top_n=chance.randint(1, 10) if chance.random() < _TOP else None,
        )
        self._before = [*self._before[-_KEPT + 1 :], found]
        return found
