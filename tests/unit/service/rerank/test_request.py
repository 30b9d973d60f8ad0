"""A request that exists is valid; an invalid one names every field that is out of range."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from service.errors import OutOfRangeError
from service.rerank.request import RerankRequest

RIGHT: dict[str, Any] = {"model": "tiny", "query": "q", "documents": ["one"]}


def violations(**fields: Any) -> dict[str, str]:
    """Return what is wrong with a request that is right but for these fields."""
    with pytest.raises(OutOfRangeError) as caught:
        RerankRequest(**RIGHT | fields)
    return dict(caught.value.violations)


def test_defaults():
    """The defaults of a request are all results, 4,096 tokens of each document and the most urgent lane."""
    request = RerankRequest(**RIGHT)
    assert (request.top_n, request.max_tokens_per_doc, request.lane) == (None, 4096, 0)


@pytest.mark.parametrize(
    ("field", "value", "name", "description"),
    [
        ("query", "", "query", "must not be blank"),
        ("query", " \t\r\n\u3000", "query", "must not be blank"),
        ("documents", [], "documents", "must not be empty"),
        ("top_n", 0, "top_n", "must be at least 1, not 0"),
        ("top_n", -1, "top_n", "must be at least 1, not -1"),
        ("max_tokens_per_doc", 0, "max_tokens_per_doc", "must be at least 1, not 0"),
        ("max_tokens_per_doc", -(2**31), "max_tokens_per_doc", "must be at least 1, not -2147483648"),
        ("lane", -1, "priority", "must be 0 to 999, not -1"),
        ("lane", 1000, "priority", "must be 0 to 999, not 1000"),
        ("lane", 10**30, "priority", f"must be 0 to 999, not {10**30}"),
    ],
)
def test_violation(field: str, value: object, name: str, description: str):
    """A value out of range is named as the wire names it, with what it must be."""
    assert violations(**{field: value}) == {name: description}


def test_all_violations_at_once():
    """Everything wrong is told at once, so that one correction is enough."""
    found = violations(query=" ", documents=[], top_n=0, max_tokens_per_doc=0, lane=1000)
    assert list(found) == ["query", "documents", "top_n", "max_tokens_per_doc", "priority"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("query", "x"),
        ("query", "  x  "),
        ("documents", [""]),
        ("documents", [" \n"]),
        ("top_n", 1),
        ("top_n", 2**31 - 1),
        ("max_tokens_per_doc", 1),
        ("max_tokens_per_doc", 2**31 - 1),
        ("lane", 0),
        ("lane", 999),
        ("model", ""),
    ],
)
def test_limits_are_inclusive(field: str, value: object):
    """The first and the last value in range are in range, and what is sent is kept as it is."""
    assert getattr(RerankRequest(**RIGHT | {field: value}), field) == value


def test_message_does_not_repeat_texts():
    """The message of an error does not repeat the texts of the request."""
    with pytest.raises(OutOfRangeError) as caught:
        RerankRequest(model="m", query="the secret query", documents=["the secret document"], top_n=0)
    assert "secret" not in str(caught.value)


def test_stays_valid():
    """A request is valid because it exists: nothing about it can change."""
    request = RerankRequest(**RIGHT)
    with pytest.raises(FrozenInstanceError):
        request.top_n = 0  # type: ignore[misc]
