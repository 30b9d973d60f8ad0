"""Cohere v2 keeps texts and scores exactly, takes its lane from the body, and omits empty fields."""

from service.rerank.request import RerankRequest
from service.rerank.result import Ranked, RerankResult
from tests.unit.service.rest.dialects import V2


def test_its_own_priority_comes_first():
    """The lane of the caller is for bodies that do not name one; 0 is one."""
    assert [V2.request(500, priority=given).lane for given in (None, 0, 999)] == [500, 0, 999]


def test_texts_are_kept():
    """Texts arrive as they were sent, spaces and all."""
    texts = ["", " two ", "\n", "漢字 😀", "\x00"]
    assert V2.request(query=" q ", documents=texts) == RerankRequest("tiny", " q ", texts)


def test_answer_without_warnings():
    """The answer has no field of warnings if there are none."""
    assert "warnings" not in V2.answer(RerankResult("id", [Ranked(0, 0.5)], 1, 5, [], 0, 0, "tiny"))["meta"]


def test_scores_to_the_last_bit():
    """A score is written so that reading it gives the same number."""
    scores = [0.1 + 0.2, 1e-300, 5e-324, 1 - 2**-53, 0.0, 1.0]
    found = V2.answer(RerankResult("id", [Ranked(i, score) for i, score in enumerate(scores)], 1, 5, [], 0, 0, "tiny"))
    assert [result["relevance_score"] for result in found["results"]] == scores
