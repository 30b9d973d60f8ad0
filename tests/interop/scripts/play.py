"""The calls of each Python client, and their outcomes as one JSON object on standard output.

The scripts beside this one run in the environment of their client, so they import nothing of this project.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BASE = os.environ["SERVICE_URL"]
EXAMPLE: dict[str, Any] = json.loads(os.environ["SERVICE_EXAMPLE"])


@dataclass(frozen=True)
class Call:
    """One thing to ask of a client."""

    key: str = os.environ["SERVICE_KEY"]
    model: str = EXAMPLE["model"]
    query: Any = EXAMPLE["query"]
    documents: list[Any] = field(default_factory=lambda: EXAMPLE["documents"])
    top_n: int | None = None


CALLS = {
    "order": Call(),
    "top_n": Call(top_n=2),
    "objects": Call(documents=[{"source": "encyclopedia", "text": text} for text in EXAMPLE["documents"]]),
    "bad_key": Call(key="no-such-key"),
    "unknown_model": Call(model="nobody"),
    "bad_body": Call(query=["not", "a", "text"]),
    "out_of_range": Call(query=" "),
}

Row = tuple[int, float, str | None]
"""Index, score, and the document's text where the client gives it back."""


def play(ask: Callable[[Call], list[Row]]) -> None:
    """Make every call, and print what came of each."""
    print(json.dumps({name: _outcome(ask, call) for name, call in CALLS.items()}))  # noqa: T201


def _outcome(ask: Callable[[Call], list[Row]], call: Call) -> dict[str, Any]:
    try:
        return {"rows": ask(call)}
    except Exception as error:  # noqa: BLE001  # Which one it is, is what is asked.
        return {"error": type(error).__name__, "text": str(error)}
