"""Tests of the Cohere v2 form."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import OutOfRangeError
from service.rerank.request import RerankRequest
from service.rerank.result import Ranked, RerankResult
from service.rest.v2 import V2Request
from tests.unit.service.rest import forms
from tests.unit.service.rest.forms import STRICT, written
from tests.unit.service.wired import RESULT

BODY: dict[str, Any] = {"model": "tiny", "query": "q", "documents": ["one", "two"]}
NUMBERS = ("top_n", "max_tokens_per_doc", "priority")


def request(default: int = 0, /, **fields: Any) -> RerankRequest:
    """Return the request that a body with these fields stands for."""
    return forms.request(V2Request, BODY | fields, default)


def answer(result: RerankResult) -> Any:
    """Return the answer to the body."""
    return written(V2Request.model_validate(BODY).answer(request(), result))


def test_least():
    """A body with what is required leaves the rest to the defaults."""
    assert request() == RerankRequest("tiny", "q", ["one", "two"], None, 4096, 0)


def test_everything():
    """Every field arrives where it belongs."""
    found = request(top_n=3, max_tokens_per_doc=5, priority=7)
    assert (found.top_n, found.max_tokens_per_doc, found.lane) == (3, 5, 7)


def test_its_own_priority_comes_first():
    """The lane of the caller is for bodies that do not name one; 0 is one."""
    assert [request(500, priority=given).lane for given in (None, 0, 999)] == [500, 0, 999]


@pytest.mark.parametrize("field", NUMBERS)
def test_null_is_absent(field: str):
    """A field that is null is as good as not there."""
    assert request(**{field: None}) == request()


@pytest.mark.parametrize("field", NUMBERS)
def test_whole_numbers(field: str):
    """A whole number may be written with a point, as the published schema has it."""
    assert request(**{field: 3.0}) == request(**{field: 3})


@pytest.mark.parametrize(
    "extra",
    [{"return_documents": True}, {"rank_fields": ["a"]}, {"x": None}, {"lane": 5}, {"max_chunks_per_doc": "x"}],
)
def test_unknown_fields_are_ignored(extra: dict[str, Any]):
    """Fields that this form does not know change nothing, whatever they hold."""
    assert request(**extra) == request()


@pytest.mark.parametrize("field", ["model", "query", "documents"])
@pytest.mark.parametrize("absent", [True, False])
def test_required(field: str, absent: bool):  # noqa: FBT001
    """What is required may be neither absent nor null."""
    body = {name: value for name, value in BODY.items() if name != field} if absent else BODY | {field: None}
    with pytest.raises(ValidationError) as caught:
        V2Request.model_validate(body)
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in ("model", "query") for value in STRICT["text"]),
        *(("documents", value) for value in (*STRICT["texts"], [{"text": "one"}])),
        *((field, value) for field in NUMBERS for value in STRICT["number"]),
    ],
)
def test_strict_types(field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        V2Request.model_validate(BODY | {field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("body", [None, [], "text", 5, 1.5, True, [BODY]])
def test_not_a_body(body: object):
    """What is not an object is an error like any other."""
    with pytest.raises(ValidationError):
        V2Request.model_validate(body)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"top_n": 0}, "top_n"),
        ({"top_n": -(2**70)}, "top_n"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"),
        ({"priority": 1000}, "priority"),
        ({"priority": -1}, "priority"),
        ({"priority": 2**70}, "priority"),
        ({"query": " "}, "query"),
        ({"documents": []}, "documents"),
    ],
)
def test_out_of_range(fields: dict[str, Any], name: str):
    """A value of the right type that is out of range is another error, under the name it has in the body."""
    with pytest.raises(OutOfRangeError) as caught:
        request(**fields)
    assert [violation.field for violation in caught.value.violations] == [name]


def test_texts_are_kept():
    """Texts arrive as they were sent, spaces and all."""
    texts = ["", " two ", "\n", "漢字 😀", "\x00"]
    assert request(query=" q ", documents=texts) == RerankRequest("tiny", " q ", texts)


def test_answer():
    """An answer has the published shape."""
    assert answer(RESULT) == {
        "id": "an id",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}],
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"search_units": 3},
            "tokens": {"input_tokens": 42},
            "warnings": ["document 1 (9 tokens) was cut to 5 tokens"],
        },
    }


def test_answer_without_warnings():
    """Where there is nothing to warn of, the field is not there."""
    assert "warnings" not in answer(RerankResult("id", [Ranked(0, 0.5)], 1, 5, [], 0, 0, "tiny"))["meta"]


def test_scores_to_the_last_bit():
    """A score is written so that reading it gives the same number."""
    scores = [0.1 + 0.2, 1e-300, 5e-324, 1 - 2**-53, 0.0, 1.0]
    found = answer(RerankResult("id", [Ranked(i, score) for i, score in enumerate(scores)], 1, 5, [], 0, 0, "tiny"))
    assert [result["relevance_score"] for result in found["results"]] == scores
