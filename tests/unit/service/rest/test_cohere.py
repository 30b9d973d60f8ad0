"""Tests of the Cohere v2 form."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import OutOfRangeError
from service.messages import Ranked, RerankRequest, RerankResult
from service.rest.cohere import V2Request, V2Response
from tests.unit.service.wired import RESULT

BODY: dict[str, Any] = {"model": "tiny", "query": "q", "documents": ["one", "two"]}


def request(**fields: Any) -> RerankRequest:
    """Return the request that a body with these fields stands for."""
    return V2Request.model_validate_json(json.dumps(BODY | fields)).to_request()


def test_least():
    """A body with what is required leaves the rest to the defaults."""
    assert request() == RerankRequest("tiny", "q", ["one", "two"], None, 4096, 0)


def test_everything():
    """Every field arrives where it belongs."""
    found = request(top_n=3, max_tokens_per_doc=5, priority=7)
    assert (found.top_n, found.max_tokens_per_doc, found.lane) == (3, 5, 7)


@pytest.mark.parametrize("field", ["top_n", "max_tokens_per_doc", "priority"])
def test_null_is_absent(field: str):
    """A field that is null is as good as not there."""
    assert request(**{field: None}) == request()


@pytest.mark.parametrize("extra", [{"return_documents": True}, {"rank_fields": ["a"]}, {"x": None}, {"lane": 5}])
def test_unknown_fields_are_ignored(extra: dict[str, Any]):
    """Fields that this form does not know change nothing."""
    assert request(**extra) == request()


@pytest.mark.parametrize("field", ["model", "query", "documents"])
@pytest.mark.parametrize("absent", [True, False])
def test_required(field: str, absent: bool):  # noqa: FBT001
    """What is required may be neither absent nor null."""
    body = {name: value for name, value in BODY.items() if name != field} if absent else BODY | {field: None}
    with pytest.raises(ValidationError) as caught:
        V2Request.model_validate_json(json.dumps(body))
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("query", 5),
        ("query", ["q"]),
        ("query", True),
        ("documents", "one"),
        ("documents", {"0": "one"}),
        ("documents", [5]),
        ("documents", [None]),
        ("documents", [{"text": "one"}]),
        ("documents", [["one"]]),
        ("top_n", "3"),
        ("top_n", 3.0),
        ("top_n", 1.5),
        ("top_n", True),
        ("top_n", [3]),
        ("max_tokens_per_doc", "5"),
        ("max_tokens_per_doc", False),
        ("priority", "0"),
        ("priority", 0.0),
        ("priority", False),
    ],
)
def test_strict_types(field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        V2Request.model_validate_json(json.dumps(BODY | {field: value}))
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("body", ["", "{", "null", "[]", '"text"', "5", '{"query": "\\ud800"}', "[" * 100_000])
def test_not_a_body(body: str):
    """What is not an object of JSON is an error like any other."""
    with pytest.raises(ValidationError):
        V2Request.model_validate_json(body)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"top_n": 0}, "top_n"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"),
        ({"priority": 1000}, "priority"),
        ({"priority": -1}, "priority"),
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


def test_response():
    """An answer has the published shape."""
    assert json.loads(V2Response.of(RESULT).model_dump_json(exclude_none=True)) == {
        "id": "an id",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}],
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"search_units": 3},
            "tokens": {"input_tokens": 42},
            "warnings": ["document 1 was cut to 5 tokens"],
        },
    }


def test_response_without_warnings():
    """Where there is nothing to warn of, the field is not there."""
    result = RerankResult("id", [Ranked(0, 0.5)], 1, 5, [], 0, 0)
    assert "warnings" not in json.loads(V2Response.of(result).model_dump_json(exclude_none=True))["meta"]


def test_scores_to_the_last_bit():
    """A score is written so that reading it gives the same number."""
    scores = [0.1 + 0.2, 1e-300, 5e-324, 1 - 2**-53, 0.0, 1.0]
    result = RerankResult("id", [Ranked(i, score) for i, score in enumerate(scores)], 1, 5, [], 0, 0)
    body = json.loads(V2Response.of(result).model_dump_json())
    assert [found["relevance_score"] for found in body["results"]] == scores
