"""A conversion keeps in fp32 as little as the agreement asked for needs, measured on pairs that can be used."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.convert.agreement import Agreement, Trial
from service.convert.choice import choose
from service.convert.questions import BUILT_IN, PairsError, Question, read
from service.engine.engine import Engine
from service.engine.errors import ModelError
from tests.unit.service.full_precision import a_layered_graph
from tests.unit.service.graphs import a_graph
from tests.unit.service.models import an_engine, tiny_table

HARM = {"a": 8, "b": 1, "c": 4, "d": 2, "e": 16}
"""The agreement that each of some groups costs, in hundredths."""


def agreement(groups: Sequence[str]) -> float:
    """Return how far what is left agrees, where harm adds up."""
    return 1 - sum(HARM[group] for group in groups) / 100


def a_trial(engine: Engine) -> Trial:
    """Return two queries, with three and two documents."""
    return Trial(
        engine,
        [Question(query="q", documents=["best", "fair", "bad"]), Question(query="q", documents=["good", "worst"])],
    )


@pytest.mark.parametrize(
    ("least", "expected"), [(0.5, "abcde"), (0.7, "abcd"), (0.85, "abcd"), (0.86, "bcd"), (0.94, "bd"), (0.985, "b")]
)
def test_choice(least: float, expected: str):
    """As few groups as need be stay in fp32, those that harm most first."""
    assert sorted(choose("abcde", agreement, least)) == list(expected)


def test_choice_is_none():
    """If each group does too much harm, none is chosen, and the best is named."""
    with pytest.raises(ModelError, match=r"no product .* agreement of 0\.995; the best reaches 0\.990000"):
        choose("abcde", agreement, 0.995)


def test_choice_measures_little():
    """Of forty groups each is measured alone, and then a few times some of them together."""
    asked = []

    def measured(groups: Sequence[int]) -> float:
        asked.append(len(groups))
        return 1 - sum(groups) / 1000

    assert sorted(choose(range(40), measured, 0.9)) == list(range(14))
    assert sum(size == 1 for size in asked) == 40
    assert len(asked) <= 40 + 1 + 6


def test_equal_scores_agree(tiny: Engine):
    """A model agrees with itself in full."""
    trial = a_trial(tiny)
    scores = trial.scores(tiny)
    found = trial.agreement(scores, scores)
    assert found.correlation == pytest.approx(1)
    assert found == Agreement(found.correlation, 0, 0, 1, 1)


def test_agreement(tiny: Engine, tmp_path: Path):
    """A model that takes one good word for the best differs in every measure."""
    other = an_engine(tmp_path / "other", graph=a_graph(tiny_table(fair=3.0), at=[3]))
    trial = a_trial(tiny)
    found = trial.agreement(trial.scores(tiny), trial.scores(other))
    assert found.difference_max == pytest.approx(1 / (1 + math.exp(-3)) - 0.5)
    assert found.difference_mean == pytest.approx(found.difference_max / 5)
    assert found.order == 3 / 4  # Of four pairs of documents, best and fair are the wrong way round.
    assert found.top == 1 / 2
    assert 0 < found.correlation < 0.9


def test_documents_that_were_alike_have_no_order(tiny: Engine):
    """Documents with one score are in any order right, and those that become alike in none."""
    trial = a_trial(tiny)
    before, after = [0.5, 0.5, 0.4, 0.2, 0.1], [0.7, 0.6, 0.6, 0.2, 0.1]
    assert trial.agreement(before, after).order == 2 / 3


def test_no_number(tmp_path: Path):
    """A model that answers with no number is not compared."""
    engine = an_engine(tmp_path / "mine", graph=a_graph(tiny_table(fair=math.nan), at=[3]))
    with pytest.raises(ModelError, match="returns NaN"):
        a_trial(engine).scores(engine)


def test_one_score_for_all(tmp_path: Path):
    """A model that does not tell pairs apart cannot be compared."""
    engine = an_engine(tmp_path / "mine", graph=a_graph([1.0] * 10, at=[3]))
    trial = a_trial(engine)
    scores = trial.scores(engine)
    with pytest.raises(ModelError, match="all pairs the same score"):
        trial.agreement(scores, scores)


def test_scores_that_move(tmp_path: Path):
    """A score that moves with its neighbours in a batch is found."""
    calm = an_engine(tmp_path / "calm", graph=a_layered_graph().SerializeToString())
    trial = a_trial(calm)
    scores = trial.scores(calm)
    assert trial.moved(calm, scores) == 0
    assert trial.moved(calm, [*scores[:-1], scores[-1] + 0.25]) == pytest.approx(0.25)


def test_built_in_pairs(embedded: Engine):
    """The pairs that come along are of many lengths, and each query's documents have an order."""
    questions = read(BUILT_IN)
    assert len(questions) >= 20
    assert all(len(set(question.documents)) >= 3 for question in questions)
    tokens = sorted(len(document.split()) for question in questions for document in question.documents)
    assert tokens[0] < 12
    assert tokens[-1] > 350
    best = [scores.index(max(scores)) for scores in _split(questions, embedded)]
    assert best.count(0) > len(best) * 2 / 3  # The first document is the answer.


def _split(questions: Sequence[Question], engine: Engine) -> list[list[float]]:
    """Return the scores of each query."""
    return [
        engine.score(engine.encode(engine.query(question.query), question.documents, 100).pairs)
        for question in questions
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "fewer than two pairs"),
        ('{"query": "q", "documents": ["a"]}', "fewer than two pairs"),
        ('\n{"query": "q"}', "line 2: documents Field required"),
        ('{"query": "", "documents": ["a", "b"]}', "line 1: query String should have at least 1 character"),
        ('{"query": "q", "documents": "a"}', "line 1: documents Input should be a valid array"),
        ("query,document", "line 1: Invalid JSON"),
    ],
)
def test_pairs_that_are_none(text: str, said: str, tmp_path: Path):
    """A file of pairs that cannot be used is refused with the place at fault."""
    path = tmp_path / "pairs"
    path.write_text(text)
    with pytest.raises(PairsError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_pairs_that_cannot_be_read(tmp_path: Path):
    """A file that is not there, or is no text, is refused in words."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, said in (("nowhere", "No such file or directory"), ("binary", "it is not UTF-8")):
        with pytest.raises(PairsError, match=f"{name} cannot be read: {said}"):
            read(tmp_path / name)
