"""The form of text-embeddings-inference names documents `texts`, and returns logits and texts on request."""

from service.engine.logit import logit
from service.errors import OutOfRangeError, Violation
from tests.unit.service.rest.dialects import TEI
from tests.unit.service.rest.rest_client import Api, assert_error


async def test_errors_name_the_texts(api: Api):
    """An error in the texts names them as this form does, at any stage that finds it."""
    assert_error(await api.post(TEI.good | {"texts": []}, "/rerank"), 422, "texts ")
    others = {"query": "q", "documents": ["one"]}
    for body, message in ((TEI.good, "texts are wrong"), (others, "documents are wrong")):
        api.reranker.answer = OutOfRangeError(Violation("documents", "are wrong"))
        assert_error(await api.post(body, "/rerank"), 422, message)


async def test_no_texts(api: Api):
    """A body whose `texts` are null has none, and is of the other form that arrives here."""
    answer = await api.post({"query": "q", "texts": None, "documents": ["one", "two"]}, "/rerank")
    assert answer.json()["results"][0] == {"index": 1, "relevance_score": 0.75}


def test_texts_if_asked_for():
    """Each rank repeats its text, if that was asked for."""
    ranks = TEI.answer(return_text=True)
    assert ranks == [{"index": 1, "score": 0.75, "text": "two"}, {"index": 0, "score": 0.25, "text": "one"}]


def test_raw_scores():
    """Raw scores are logits, in the same order."""
    assert [rank["score"] for rank in TEI.answer(raw_scores=True)] == [logit(0.75), logit(0.25)]
    assert [rank["score"] for rank in TEI.answer(raw_scores=False)] == [0.75, 0.25]
