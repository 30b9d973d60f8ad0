"""Cohere v1 reads documents that are objects, wholly or by field, and repeats them as they were sent."""

import pytest

from tests.unit.service.rest.dialects import V1


def test_rank_fields():
    """Of objects only the named fields are read, in the order of their names; texts are texts."""
    documents = ["one", {"a": 1, "b": "two", "text": "three"}, {"text": "four", "c": 5}]
    found = V1.request(documents=documents, rank_fields=["text", "b"])
    assert found.documents == ["one", "text: three\nb: two\n", "four"]


def test_model_by_the_name_it_was_asked_by():
    """An answer calls the model what the caller calls it."""
    assert V1.answer(model="alias")["model"] == "alias"


@pytest.mark.parametrize("asked", [True, False, None])
def test_documents_only_if_asked_for(asked: bool | None):  # noqa: FBT001
    """Documents are repeated if asked for, and the field is not there, rather than null, if not."""
    assert [("document" in result) for result in V1.answer(return_documents=asked)["results"]] == [asked is True] * 2


def test_documents_as_they_were_sent():
    """An object comes back whole, nulls and all, whatever was read of it; a text as an object with that text."""
    whole = {"b": None, "a": [{"c": None}, 1e300, 10**30, -0.5, True], "text": "two", "": ""}
    results = V1.answer(documents=["one", whole], rank_fields=["text"], return_documents=True)["results"]
    assert [result["document"] for result in results] == [whole, {"text": "one"}]
    assert list(results[0]["document"]) == list(whole)
