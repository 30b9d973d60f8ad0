"""Reconciliation of calls: clients, log and metrics must agree."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.contract.clients import SECRET
from tests.soak.faulty import InjectedFault
from tests.soak.kinds import KINDS
from tests.soak.metrics import Metrics
from tests.soak.outcome import LOST, SERVED, Ended

_EXPECTED = SERVED | {"CANCELLED", "INVALID_REQUEST", "OUT_OF_RANGE", "UNKNOWN_MODEL", "DRAINING"}
_SENDING = "ExecuteBatchError raised in core by servicer method"
_LINE_MAX = 500
_FAULT = InjectedFault.__name__


class Log:
    """The parsed log of the process."""

    def __init__(self, text: str) -> None:
        self.told = SECRET in text
        """True if the log contains text of a query."""
        self.strange: list[str] = []
        """Unexpected lines."""
        self.unsent: list[str] = []
        """Number of tracebacks of the library about clients that left before they had read the response."""
        self.calls: dict[str, dict[str, Any]] = {}
        """Access lines by request id."""
        for line in text.splitlines():
            fields = _fields(line)
            if fields and str(fields.get("event")).startswith(_SENDING):
                self.unsent.append(fields["event"])
            elif not fields or not _is_expected(fields):
                self.strange.append(line[:_LINE_MAX])
            if fields and fields.get("event") == "call":
                if fields["id"] in self.calls:
                    self.strange.append(f"twice: {line}")
                self.calls[fields["id"]] = fields

    @property
    def outcomes(self) -> Counter[tuple[str, str]]:
        """Number of ended calls by API and outcome."""
        return Counter((call["api"], call["outcome"]) for call in self.calls.values())


def differences(ended: Sequence[Ended], log: Log, metrics: Metrics) -> Iterator[str]:
    """Return the differences between clients, log and metrics.

    The log has one line for each call with a known id and outcome, with this outcome. The number of other lines is at
    most the number of calls whose outcome the client did not see. The metrics count the lines of the log.
    """
    for what in sorted((metrics.calls - log.outcomes) + (log.outcomes - metrics.calls)):
        yield f"{what}: {metrics.calls[what]} in the metrics, {log.outcomes[what]} in the log"
    unseen = Counter(
        kind_of(call["client"]) for call in log.calls.values() if (call["client"] or "").startswith("soak.")
    )
    untold: Counter[str] = Counter()
    for call in ended:
        if call.id is None:
            untold[call.kind] += KINDS[call.kind].lines
            continue
        unseen[call.kind] -= 1
        line = log.calls.get(call.id)
        if line is None:
            yield f"{call.kind}: {call.reason} is not in the log"
        elif (line["client"], line["outcome"]) != (call.client, call.reason):
            yield f"{call.kind}: {call.reason} to {call.client}, {line['outcome']} to {line['client']} in the log"
    for kind in KINDS:
        if not 0 <= unseen[kind] <= untold[kind]:
            yield f"{kind}: {unseen[kind]} more in the log than were seen to end; {untold[kind]} were not"


def faults(ended: Sequence[Ended]) -> list[str]:
    """Return the calls with an outcome that their kind does not allow."""
    wrong = [f"{call.kind}: {call.fault}" for call in ended if call.fault]
    return wrong + [
        f"{call.kind}: {call.reason}"
        for call in ended
        if not call.fault and call.reason != LOST and call.reason not in KINDS[call.kind].endings
    ]


def kind_of(client: str) -> str:
    """Return the kind of the calls of a client."""
    return client.split(".")[1]


def _fields(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_expected(fields: dict[str, Any]) -> bool:
    """Tell whether the soak may cause a log line."""
    level, event = fields.get("level"), fields.get("event")
    if event == "call" and level == "info":
        return fields["outcome"] in _EXPECTED
    if event == "call" and level == "error":
        return "hopeless" in (fields["client"] or "") and _FAULT in fields.get("exception", "")
    return level == "warning" and event == "pairs failed" and _FAULT in fields["error"]
