"""The identifier of a model on the hub."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FORM = re.compile(
    rf"(?:hf://)?(?P<repository>{_WORD}/{_WORD})"
    r"(?:@(?P<revision>refs/pr/\d+|[^/@\s]+))?"
    r"(?:/(?P<graph>[^@\s]+\.onnx))?"
)
"""As in the hub's URLs, `hf://ORG/NAME@REVISION/PATH`: other slashes in a revision are written %2F."""


@dataclass(frozen=True, slots=True)
class HubId:
    """A model on the hub at a revision, and its ONNX file if that is not the usual one."""

    repository: str
    """ORG/NAME, also the name that the model is served under."""
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
