"""Clients from the package indexes work unchanged, but for the base URL and the key."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from tests.examples import DOCUMENTS, WASHINGTON
from tests.interop.clients import CLIENTS, Client, Errors

Seen = Callable[[Client], dict[str, dict[str, Any]]]
Expected = list[tuple[int, float]]

REASONS = {
    "bad_key": "API key",
    "unknown_model": "rerank-v3.5",
    "bad_body": "query",
    "out_of_range": "query must not be blank",
}
"""A part of the service's message in an error."""


def each(check: str, *, where: Callable[[Client], object] = lambda _: True) -> pytest.MarkDecorator:
    """Return the mark that runs a test for each client that the check is for."""
    cases = [pytest.param(client, check, id=f"{client.name}-{check}") for client in CLIENTS if where(client)]
    return pytest.mark.parametrize(("client", "check"), cases)


@pytest.fixture
def outcome(client: Client, check: str, seen: Seen, record_property: Callable[[str, object], None]) -> dict[str, Any]:
    """Return what came of the call that the check is named for."""
    record_property("client", client.name)
    record_property("check", check)
    return seen(client)["order" if check == "documents" else check]


@each("order")
def test_the_client_gets_the_order_and_the_scores(outcome: dict[str, Any], expected: Expected) -> None:
    """Indices and scores are those that the service gives without the client, to the last bit."""
    assert [(index, score) for index, score, _ in outcome["rows"]] == expected


@each("top_n", where=lambda client: client.top_n)
def test_the_client_gets_no_more_results_than_it_asks_for(outcome: dict[str, Any], expected: Expected) -> None:
    """The best two of five are those of the whole order."""
    assert [(index, score) for index, score, _ in outcome["rows"]] == expected[:2]


@each("documents", where=lambda client: client.documents)
def test_the_client_gives_the_documents_back(outcome: dict[str, Any]) -> None:
    """Each result has the text of the document it is of."""
    assert [text for _, _, text in outcome["rows"]] == [DOCUMENTS[index] for index, _, _ in outcome["rows"]]


@each("objects", where=lambda client: client.objects)
def test_the_client_may_send_documents_as_objects(client: Client, outcome: dict[str, Any]) -> None:
    """A document with a field beside its text is ranked like one without, and given back whole."""
    rows = outcome["rows"]
    assert rows[0][0] == WASHINGTON
    assert sorted(index for index, _, _ in rows) == list(range(len(DOCUMENTS)))
    assert all(text in (None, DOCUMENTS[index]) for index, _, text in rows)


@pytest.mark.parametrize(
    ("client", "check"),
    [
        pytest.param(client, field.name, id=f"{client.name}-{field.name}")
        for field in fields(Errors)
        for client in CLIENTS
        if getattr(client.errors, field.name)
    ],
)
def test_the_client_raises_its_own_error(client: Client, check: str, outcome: dict[str, Any]) -> None:
    """An error has the client's own class for it, and the service's message where the client passes that on."""
    assert outcome["error"] == getattr(client.errors, check)
    assert not client.says_why or REASONS[check] in outcome["text"]
