"""The forms of a REST call: where each goes, what its fields are, and how its answers are read."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import httpx

from tests.contract.clients import GOOD, encoded

_AT_LEAST_1 = {"minimum": 1}
_NOT_EMPTY = {"minItems": 1}
_NOT_BLANK = {"pattern": r"\S"}


class Field(NamedTuple):
    """One field of a request."""

    type: str
    required: bool = False
    limits: Mapping[str, object] = {}
    """As the published interfaces have them, in their schema or in words."""


TEXT, FLAG = Field("string"), Field("boolean")
COUNT = Field("integer", limits=_AT_LEAST_1)
QUERY = Field("string", required=True, limits=_NOT_BLANK)
MODEL = Field("string", required=True)
TEXTS = Field("array of string", required=True, limits=_NOT_EMPTY)
MIXED = Field("array of object or string", required=True, limits=_NOT_EMPTY)


class Form(NamedTuple):
    """One form of the body."""

    path: str
    takes: Mapping[str, Field]
    """Its fields by name, as the published interfaces have them."""
    documents: str = "documents"
    """Name of the field with the documents."""
    objects: bool = False
    """True if a document may be an object."""
    out_of_range: int = 422
    """Status of a value out of range."""

    @property
    def fields(self) -> frozenset[str]:
        """Names of all fields."""
        return frozenset(self.takes)

    @property
    def required(self) -> frozenset[str]:
        """Names of those that a body must have."""
        return frozenset(name for name, field in self.takes.items() if field.required)

    @property
    def optional(self) -> frozenset[str]:
        """Names of those that it need not have."""
        return self.fields - self.required

    @property
    def numbers(self) -> frozenset[str]:
        """Names of the fields that are numbers."""
        return frozenset(name for name, field in self.takes.items() if field.type == "integer")

    @property
    def counts(self) -> frozenset[str]:
        """Names of the fields that count something, and may be as large as they like."""
        return self.numbers - {"priority"}

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
    {
        "model": TEXT,  # Required in words, but its clients leave it out.
        "query": QUERY,
        "documents": MIXED,
        "top_n": COUNT,
        "rank_fields": Field("array of string"),
        "return_documents": FLAG,
        "max_chunks_per_doc": COUNT,
        "max_tokens_per_doc": COUNT,
    },
    objects=True,
)
FORMS = {
    "v2": Form(
        "/v2/rerank",
        {
            "model": MODEL,
            "query": QUERY,
            "documents": TEXTS,
            "top_n": COUNT,
            "max_tokens_per_doc": COUNT,
            "priority": Field("integer", limits={"minimum": 0, "maximum": 999}),
        },
    ),
    "v1": _V1,
    "openrouter": Form(
        "/api/v1/rerank",
        {"model": MODEL, "query": QUERY, "documents": MIXED, "top_n": COUNT},
        objects=True,
        out_of_range=400,
    ),
    "short": _V1._replace(path="/rerank"),
    "tei": Form(
        "/rerank",
        {"query": QUERY, "texts": TEXTS, "top_n": COUNT, "raw_scores": FLAG, "return_text": FLAG},
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
