"""Tests of the OpenRouter form."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import OutOfRangeError, UnsupportedError
from service.rerank.request import RerankRequest
from service.rest.openrouter import OpenRouterRequest
from tests.unit.service.rest import forms
from tests.unit.service.rest.forms import STRICT, written
from tests.unit.service.wired import RESULT

BODY: dict[str, Any] = {"model": "tiny", "query": "q", "documents": ["one", {"text": "two"}]}


def request(default: int = 0, /, **fields: Any) -> RerankRequest:
    """Return the request that a body with these fields stands for."""
    return forms.request(OpenRouterRequest, BODY | fields, default)


def test_least():
    """A text and an object with that text are the same."""
    assert request() == RerankRequest("tiny", "q", ["one", "two"], None, 4096, 0)


def test_everything():
    """Every field arrives where it belongs."""
    assert request(7, top_n=3) == RerankRequest("tiny", "q", ["one", "two"], 3, 4096, 7)


def test_null_is_absent():
    """A field that is null is as good as not there."""
    assert request(top_n=None) == request()
    assert request(documents=["one", {"text": "two", "image": None}]) == request()


@pytest.mark.parametrize(
    "extra",
    [
        {"provider": None},
        {"provider": {"order": ["x"], "zdr": True}},
        {"user": "x", "session_id": "y", "trace": {"trace_id": "z"}},
        {"return_documents": "x", "rank_fields": 5, "priority": "x", "max_tokens_per_doc": []},
    ],
)
def test_unknown_fields_are_ignored(extra: dict[str, Any]):
    """Fields that this form does not know change nothing, whatever they hold."""
    assert request(**extra) == request()


@pytest.mark.parametrize("image", ["https://example.org/a.png", "data:image/png;base64,AAAA", {"url": "x"}, ""])
@pytest.mark.parametrize("text", [{}, {"text": "one"}, {"text": None}])
def test_images(image: object, text: dict[str, Any]):
    """An image is refused as what the models here cannot read, and its place named."""
    with pytest.raises(UnsupportedError, match=r"documents\[1\] holds an image"):
        request(documents=["one", text | {"image": image}])


@pytest.mark.parametrize("field", ["model", "query", "documents"])
@pytest.mark.parametrize("absent", [True, False])
def test_required(field: str, absent: bool):  # noqa: FBT001
    """What is required may be neither absent nor null."""
    body = {name: value for name, value in BODY.items() if name != field} if absent else BODY | {field: None}
    with pytest.raises(ValidationError) as caught:
        OpenRouterRequest.model_validate(body)
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in ("model", "query") for value in STRICT["text"]),
        *(("documents", value) for value in STRICT["texts"]),
        *(("top_n", value) for value in STRICT["number"]),
    ],
)
def test_strict_types(field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        OpenRouterRequest.model_validate(BODY | {field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"top_n": 0}, "top_n"), ({"query": ""}, "query"), ({"documents": []}, "documents"),
     ({"documents": [{"text": None}]}, "documents[0]")],
)  # fmt: skip
def test_out_of_range(fields: dict[str, Any], name: str):
    """A value of the right type that is out of range is another error, under the name it has in the body."""
    with pytest.raises(OutOfRangeError) as caught:
        request(**fields)
    assert [violation.field for violation in caught.value.violations] == [name]


def test_answer():
    """An answer has all that clients of this form insist on, and always repeats the texts that were read."""
    documents = [{"title": "one"}, {"text": "two"}]
    asked = request(documents=documents)
    answer = OpenRouterRequest.model_validate(BODY | {"model": "alias", "documents": documents}).answer(asked, RESULT)
    assert written(answer) == {
        "id": "an id",
        "model": "alias",
        "provider": "rerankd",
        "results": [
            {"index": 1, "relevance_score": 0.75, "document": {"text": "two"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "title: one\n"}},
        ],
        "usage": {"search_units": 3, "total_tokens": 42},
    }
