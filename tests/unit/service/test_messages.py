"""Every message to callers, and every message that stops the start, reads as approved in one file."""

import os
from pathlib import Path

import pytest

from service.engine.engine import Engine
from tests.hub import LocalHub
from tests.unit.service.call_messages import call_messages
from tests.unit.service.start_messages import start_messages

APPROVED = Path(__file__).parents[2] / "approved" / "messages.txt"
APPROVE = "APPROVE=1 .venv/bin/pytest tests/unit/service/test_messages.py"
"""Writes the file anew; look at its difference before it is committed."""


@pytest.mark.usefixtures("clean")
async def test_messages_are_approved(tiny: Engine, local: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The messages that the code makes are those in the approved file, no more and no fewer."""
    messages = await call_messages(tiny, tmp_path) | await start_messages(tmp_path, local, monkeypatch)
    text = "".join(f"{name}: {message}\n" for name, message in sorted(messages.items()))
    text = text.replace(str(tmp_path), "/folder")
    if os.environ.get("APPROVE"):
        APPROVED.write_text(text, encoding="utf-8")
    assert text == APPROVED.read_text(encoding="utf-8"), f"approve a new wording with: {APPROVE}"
