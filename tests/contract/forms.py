"""The forms of a REST call: where each goes, what its fields are, and how its answers are read."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import httpx

from tests.contract.clients import GOOD, encoded

NUMBERS = frozenset({"top_n", "max_tokens_per_doc", "max_chunks_per_doc", "priority"})
FLAGS = frozenset({"return_documents", "raw_scores", "return_text"})
LISTS = frozenset({"documents", "texts", "rank_fields"})


class Form(NamedTuple):
    """One form of the body."""

    path: str
    required: frozenset[str]
    optional: frozenset[str]
    documents: str = "documents"
    """Name of the field with the documents."""
    objects: bool = False
    """Whether a document may be an object."""
    out_of_range: int = 422
    """Status of a value out of range."""

    @property
    def fields(self) -> frozenset[str]:
        """Names of all fields."""
        return self.required | self.optional

    @property
    def counts(self) -> frozenset[str]:
        """Names of the fields that count something, and may be as large as they like."""
        return self.fields & NUMBERS - {"priority"}

    def body(self, **changes: object) -> dict[str, Any]:
        """Return a good body with these fields; `...` leaves one out, `documents` are those of any form."""
        good = {"query": GOOD["query"], self.documents: GOOD["documents"]}
        if "model" in self.required:
            good["model"] = GOOD["model"]
        if "documents" in changes:
            changes[self.documents] = changes.pop("documents")
        return {name: value for name, value in (good | changes).items() if value is not ...}

    def post(
        self, client: httpx.Client, body: bytes | Iterable[bytes] | Mapping[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a body, a good one if none is given, and return the answer."""
        raw = self.body() if body is None else body
        return client.post(self.path, content=encoded(raw) if isinstance(raw, Mapping) else raw, headers=headers)


_V1 = Form(
    "/v1/rerank",
    required=frozenset({"query", "documents"}),
    optional=frozenset(
        {"model", "top_n", "rank_fields", "return_documents", "max_chunks_per_doc", "max_tokens_per_doc"}
    ),
    objects=True,
)
FORMS = {
    "v2": Form(
        "/v2/rerank",
        required=frozenset({"model", "query", "documents"}),
        optional=frozenset({"top_n", "max_tokens_per_doc", "priority"}),
    ),
    "v1": _V1,
    "openrouter": Form(
        "/api/v1/rerank",
        required=frozenset({"model", "query", "documents"}),
        optional=frozenset({"top_n"}),
        objects=True,
        out_of_range=400,
    ),
    "short": _V1._replace(path="/rerank"),
    "tei": Form(
        "/rerank",
        required=frozenset({"query", "texts"}),
        optional=frozenset({"top_n", "raw_scores", "return_text"}),
        documents="texts",
    ),
}
PATHS = sorted({form.path for form in FORMS.values()})
EVERY_FIELD = frozenset[str]().union(*(form.fields for form in FORMS.values()))


def ranks(answer: httpx.Response) -> list[tuple[int, str]]:
    """Return indexes and scores, to the last bit, in the order of an answer in any form."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    if isinstance(body, list):
        return [(rank["index"], rank["score"].hex()) for rank in body]
    return [(result["index"], result["relevance_score"].hex()) for result in body["results"]]
