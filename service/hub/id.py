"""Ids of models on the hub."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FORM = re.compile(
    rf"(?:hf://)?(?P<repository>{_WORD}/{_WORD})"
    r"(?:@(?P<revision>refs/pr/\d+|[^/@\s]+))?"
    r"(?:/(?P<graph>[^@\s]+\.onnx))?"
)
"""The hub's URI form, `hf://ORG/NAME@REVISION/PATH`; a revision other than refs/pr/N writes slashes as %2F."""


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on the hub at a revision, with the ONNX file to serve; None: the usual one."""

    repository: str
    """ORG/NAME; also the name of the served model."""
    revision: str = "main"
    """A branch, a tag or a commit."""
    graph: str | None = None

    @classmethod
    def parse(cls, text: str) -> "HubId":
        """Parse `ORG/NAME[@REVISION][/FILE.onnx]`, with or without `hf://`. Raises ValueError."""
        match = _FORM.fullmatch(text)
        if not match:
            raise ValueError("expected ORG/NAME[@REVISION][/FILE.onnx]")
        return cls(match["repository"], unquote(match["revision"] or "main"), match["graph"])

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"
