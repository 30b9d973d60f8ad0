"""Requests made from the OpenAPI document, right and wrong, are answered as it describes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.contract.clients import GOOD
from tests.contract.forms import PATHS
from tests.process import RunningService

pytestmark = pytest.mark.usefixtures("unharmed")

TIMEOUT, PRIORITY = "X-Request-Timeout-Ms", "X-Priority"
LONG_MS = 60_000
LANES = {str(lane) for lane in range(1000)}
CONFIG = {
    "seed": 1,
    "continue-on-failure": True,
    "generation": {
        "deterministic": True,
        "max-examples": 50,
        "database": "none",
        "allow-extra-parameters": False,  # Headers that are not described are not refused.
    },
    "phases": {"stateful": {"enabled": False}},  # No call depends on another.
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501"]}},  # 501: an image.
}


class Played(NamedTuple):
    """The outcomes of all requests."""

    failures: list[str]
    """Checks that failed, with what was sent and what came back."""
    statuses: Counter[tuple[str, str, int]]
    """Answers by path, by whether the request was right or wrong, and by status."""
    checks: set[str]
    """Names of the checks that were made."""


@pytest.fixture(scope="module")
def played(running: RunningService) -> Played:
    """Play all requests that the description gives rise to; the same ones every time."""
    schema = schemathesis.openapi.from_url(f"{running.http}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG))
    schema.hook(map_case)
    schema.hook(filter_case)
    played = Played([], Counter(), set())
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            played.failures.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            note(event.recorder, played)
    return played


def note(recorder: Any, played: Played) -> None:
    """Keep what became of some requests."""
    for name, interaction in recorder.interactions.items():
        case = recorder.cases[name].value
        status = interaction.response.status_code if interaction.response else 0
        played.statuses[case.operation.path, case.meta.generation.mode.value, status] += 1
    for checks in recorder.checks.values():
        for check in checks:
            played.checks.add(check.name)
            if check.failure_info:
                played.failures.append(f"{check.failure_info.failure}\n{check.failure_info.code_sample}")


def map_case(_: Any, case: schemathesis.Case) -> schemathesis.Case:
    """Ask for a model that there is, and wait for the answer: neither makes a wrong request right."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = GOOD["model"]
    headers: Any = case.headers or {}
    given = str(headers.get(TIMEOUT, ""))
    if given.isdecimal() and 0 < int(given) < LONG_MS:
        headers[TIMEOUT] = str(LONG_MS)
    return case


def filter_case(_: Any, case: schemathesis.Case) -> bool:
    """Leave out what the description says in words only."""
    headers: Any = case.headers or {}
    if not all(str(headers.get(name, "0")) for name in (TIMEOUT, PRIORITY)):
        return False  # An empty header is the same as none.
    if not isinstance(case.body, dict):
        return True
    if case.body.get("priority") is not None and str(headers.get(PRIORITY, "0")) not in LANES:
        return False  # The one in the body counts.
    return all(unread is not None for unread in read(case.body))


def read(body: dict[str, Any]) -> Iterator[object]:
    """Yield of each document in a body what is read first, None if it is an object without anything to read."""
    documents, fields = body.get("documents"), body.get("rank_fields")
    for document in documents if isinstance(documents, list) else ():
        if isinstance(document, dict):
            names = document if fields is None else fields if isinstance(fields, list) else ()
            known = (name for name in names if isinstance(name, str))  # A wrong request may hold anything for a name.
            yield next((document[name] for name in known if document.get(name) is not None), None)
        else:
            yield ...


def test_what_is_described_is_what_comes(played: Played) -> None:
    """Right requests are answered and wrong ones refused, as described: status, type, headers, body, methods."""
    assert not played.failures, "\n\n".join(played.failures)
    assert played.checks >= {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "positive_data_acceptance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
    }


@pytest.mark.parametrize("path", PATHS)
def test_all_was_asked(path: str, played: Played) -> None:
    """At every path many right requests were answered, and many wrong ones refused."""
    right = {status: n for (at, mode, status), n in played.statuses.items() if (at, mode) == (path, "positive")}
    wrong = {status: n for (at, mode, status), n in played.statuses.items() if (at, mode) == (path, "negative")}
    assert right.keys() <= {200, 501}
    assert right[200] > 20
    assert wrong.keys() >= {400, 405, 415}
    assert wrong[400] > 20
