"""What a body in one of the forms stands for."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from service.rerank.request import RerankRequest
from service.rest.document_text import text_of
from service.rest.schema import Body

STRICT: dict[str, tuple[object, ...]] = {
    "text": (5, 1.5, True, ["q"], {"q": "q"}),
    "texts": ("one", 5, True, {"0": "one"}, [5], [None], [True], [["one"]], ["one", 5]),
    "number": ("3", "", 1.5, 1e-300, True, False, [3], {"n": 3}, float("inf"), float("nan")),
    "flag": ("true", "false", "", 0, 1, 1.0, [True], {"flag": True}),
}
"""What is of another type than a field."""


def request(kind: type[Body], body: dict[str, Any], lane: int = 0) -> RerankRequest:
    """Return the request that a body stands for."""
    parsed = kind.model_validate(from_json(json.dumps(body)))
    texts = [text_of(document, i, parsed.fields) for i, document in enumerate(parsed.ranked)]
    return parsed.to_request(texts, lane)


def written(answer: BaseModel) -> Any:
    """Return an answer as the caller reads it."""
    return json.loads(answer.model_dump_json(exclude_none=True))
