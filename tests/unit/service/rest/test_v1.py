"""Tests of the Cohere v1 form."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import OutOfRangeError
from service.rerank.request import RerankRequest
from service.rest.v1 import V1Request
from tests.unit.service.rest import forms
from tests.unit.service.rest.forms import STRICT, written
from tests.unit.service.wired import RESULT

BODY: dict[str, Any] = {"query": "q", "documents": ["one", {"title": "two", "year": 2}]}
NUMBERS = ("top_n", "max_tokens_per_doc", "max_chunks_per_doc")


def request(default: int = 0, /, **fields: Any) -> RerankRequest:
    """Return the request that a body with these fields stands for."""
    return forms.request(V1Request, BODY | fields, default)


def answer(**fields: Any) -> Any:
    """Return the answer to a body with these fields."""
    return written(V1Request.model_validate(BODY | fields).answer(request(**fields), RESULT))


def test_least():
    """A query and documents are enough: the model is the default one, an object is read as YAML."""
    assert request() == RerankRequest(None, "q", ["one", "title: two\nyear: 2\n"], None, 4096, 0)


def test_everything():
    """Every field arrives where it belongs."""
    found = request(
        5, model="tiny", top_n=3, max_tokens_per_doc=5, max_chunks_per_doc=7, documents=["one"], return_documents=True
    )
    assert found == RerankRequest("tiny", "q", ["one"], 3, 5, 5, 7)


def test_rank_fields():
    """Of objects only the named fields are read, in the order of their names; texts are texts."""
    documents = ["one", {"a": 1, "b": "two", "text": "three"}, {"text": "four", "c": 5}]
    found = request(documents=documents, rank_fields=["text", "b"])
    assert found.documents == ["one", "text: three\nb: two\n", "four"]


@pytest.mark.parametrize("field", ["model", "rank_fields", "return_documents", *NUMBERS])
def test_null_is_absent(field: str):
    """A field that is null is as good as not there."""
    assert request(**{field: None}) == request()
    assert answer(**{field: None}) == answer()


@pytest.mark.parametrize("field", NUMBERS)
def test_whole_numbers(field: str):
    """A whole number may be written with a point."""
    assert request(**{field: 3.0}) == request(**{field: 3})


@pytest.mark.parametrize(
    "extra", [{"priority": 7}, {"user": "x"}, {"instruction": None}, {"truncate_prompt_tokens": {}}]
)
def test_unknown_fields_are_ignored(extra: dict[str, Any]):
    """Fields that this form does not know change nothing, whatever they hold."""
    assert request(**extra) == request()


@pytest.mark.parametrize("field", ["query", "documents"])
@pytest.mark.parametrize("absent", [True, False])
def test_required(field: str, absent: bool):  # noqa: FBT001
    """What is required may be neither absent nor null."""
    body = {name: value for name, value in BODY.items() if name != field} if absent else BODY | {field: None}
    with pytest.raises(ValidationError) as caught:
        V1Request.model_validate(body)
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in ("model", "query") for value in STRICT["text"]),
        *(("documents", value) for value in STRICT["texts"]),
        *(("rank_fields", value) for value in STRICT["texts"]),
        *((field, value) for field in NUMBERS for value in STRICT["number"]),
        *(("return_documents", value) for value in STRICT["flag"]),
    ],
)
def test_strict_types(field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        V1Request.model_validate(BODY | {field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        *(({name: value}, name) for name in NUMBERS for value in (0, -1, -(2**70))),
        ({"query": "\t"}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["one", {}]}, "documents[1]"),
        ({"rank_fields": []}, "documents[1]"),
    ],
)
def test_out_of_range(fields: dict[str, Any], name: str):
    """A value of the right type that is out of range is another error, under the name it has in the body."""
    with pytest.raises(OutOfRangeError) as caught:
        request(**fields)
    assert [violation.field for violation in caught.value.violations] == [name]


def test_answer():
    """An answer has what clients of Cohere v1, Jina and New-API look for, and repeats no document unasked."""
    assert answer() == {
        "id": "an id",
        "model": "fake",
        "results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}],
        "usage": {"total_tokens": 42, "prompt_tokens": 42},
        "meta": {
            "api_version": {"version": "1"},
            "billed_units": {"search_units": 3},
            "tokens": {"input_tokens": 42},
            "warnings": ["document 1 (9 tokens) was cut to 5 tokens"],
        },
    }


def test_model_by_the_name_it_was_asked_by():
    """An answer calls the model what the caller calls it."""
    assert answer(model="alias")["model"] == "alias"


@pytest.mark.parametrize("asked", [True, False, None])
def test_documents_only_if_asked_for(asked: bool | None):  # noqa: FBT001
    """Documents are repeated if asked for, and the field is not there, rather than null, if not."""
    assert [("document" in result) for result in answer(return_documents=asked)["results"]] == [asked is True] * 2


def test_documents_as_they_were_sent():
    """An object comes back whole, nulls and all, whatever was read of it; a text as an object with that text."""
    whole = {"b": None, "a": [{"c": None}, 1e300, 10**30, -0.5, True], "text": "two", "": ""}
    results = answer(documents=["one", whole], rank_fields=["text"], return_documents=True)["results"]
    assert [result["document"] for result in results] == [whole, {"text": "one"}]
    assert list(results[0]["document"]) == list(whole)
