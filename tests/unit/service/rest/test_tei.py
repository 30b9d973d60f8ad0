"""Tests of the form of text-embeddings-inference."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.engine.logit import logit
from service.errors import OutOfRangeError, Violation
from service.rerank.request import RerankRequest
from service.rest.tei import TeiRequest
from tests.unit.service.rest import forms
from tests.unit.service.rest.api import Api, assert_error
from tests.unit.service.rest.forms import STRICT, written
from tests.unit.service.wired import RESULT

BODY: dict[str, Any] = {"query": "q", "texts": ["one", "two"]}


def request(default: int = 0, /, **fields: Any) -> RerankRequest:
    """Return the request that a body with these fields stands for."""
    return forms.request(TeiRequest, BODY | fields, default)


def answer(**fields: Any) -> Any:
    """Return the answer to a body with these fields."""
    return written(TeiRequest.model_validate(BODY | fields).answer(request(**fields), RESULT))


def test_least():
    """A query and texts are enough; the model is the default one."""
    assert request() == RerankRequest(None, "q", ["one", "two"], None, 4096, 0)


def test_everything():
    """Every field arrives where it belongs."""
    assert request(7, top_n=1) == RerankRequest(None, "q", ["one", "two"], 1, 4096, 7)


@pytest.mark.parametrize("field", ["raw_scores", "return_text", "top_n"])
def test_null_is_absent(field: str):
    """A field that is null is as good as not there."""
    assert request(**{field: None}) == request()
    assert answer(**{field: None}) == answer()


@pytest.mark.parametrize(
    "extra",
    [{"truncate": True}, {"truncation_direction": "Left"}, {"model": 5}, {"documents": "x"}, {"priority": -1}],
)
def test_unknown_fields_are_ignored(extra: dict[str, Any]):
    """Fields that this form does not know change nothing, whatever they hold."""
    assert request(**extra) == request()


@pytest.mark.parametrize("field", ["query", "texts"])
@pytest.mark.parametrize("absent", [True, False])
def test_required(field: str, absent: bool):  # noqa: FBT001
    """What is required may be neither absent nor null."""
    body = {name: value for name, value in BODY.items() if name != field} if absent else BODY | {field: None}
    with pytest.raises(ValidationError) as caught:
        TeiRequest.model_validate(body)
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("query", value) for value in STRICT["text"]),
        *(("texts", value) for value in (*STRICT["texts"], [{"text": "one"}])),
        *(("top_n", value) for value in STRICT["number"]),
        *((field, value) for field in ("raw_scores", "return_text") for value in STRICT["flag"]),
    ],
)
def test_strict_types(field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        TeiRequest.model_validate(BODY | {field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("fields", [{"top_n": 0}, {"query": " "}, {"texts": []}])
def test_out_of_range(fields: dict[str, Any]):
    """A value of the right type that is out of range is another error."""
    with pytest.raises(OutOfRangeError):
        request(**fields)


async def test_errors_name_the_texts(api: Api):
    """What is wrong with the texts is told by their name in this form, wherever it is found out."""
    assert_error(await api.post(BODY | {"texts": []}, "/rerank"), 422, "texts must not be empty")
    for body, message in ((BODY, "texts are wrong"), ({"query": "q", "documents": ["one"]}, "documents are wrong")):
        api.reranker.answer = OutOfRangeError(Violation("documents", "are wrong"))
        assert_error(await api.post(body, "/rerank"), 422, message)


async def test_no_texts(api: Api):
    """A body whose `texts` are null has none, and is of the other form that arrives here."""
    answer = await api.post({"query": "q", "texts": None, "documents": ["one", "two"]}, "/rerank")
    assert answer.json()["results"][0] == {"index": 1, "relevance_score": 0.75}


def test_answer():
    """An answer is the bare list of ranks, with what was asked for and nothing else."""
    assert answer() == [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}]


def test_texts_if_asked_for():
    """Each rank repeats its text, if that was asked for."""
    ranks = answer(return_text=True)
    assert ranks == [{"index": 1, "score": 0.75, "text": "two"}, {"index": 0, "score": 0.25, "text": "one"}]


def test_raw_scores():
    """Raw scores are logits, in the same order."""
    assert [rank["score"] for rank in answer(raw_scores=True)] == [logit(0.75), logit(0.25)]
    assert [rank["score"] for rank in answer(raw_scores=False)] == [0.75, 0.25]
