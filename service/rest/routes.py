"""The routes and the API forms that each accepts."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from pydantic import BaseModel

from service.rest.cohere_v1 import V1Request, V1Response
from service.rest.cohere_v2 import V2Request, V2Response
from service.rest.openrouter import OpenRouterRequest, OpenRouterResponse
from service.rest.schema import Body
from service.rest.tei import TeiRanks, TeiRequest


class Route(NamedTuple):
    """A path with its default form and alternative forms."""

    path: str
    name: str
    summary: str
    body: type[Body]
    answer: type[BaseModel]
    alternatives: Mapping[str, tuple[type[Body], type[BaseModel]]] = {}
    """Body and answer of other forms, by a field that only their bodies have."""
    statuses: Mapping[int, int] = {}
    """Replacements for HTTP statuses that clients of this form do not know."""

    def type_of(self, body: object) -> type[Body]:
        """Return the type that matches a body's fields."""
        if isinstance(body, dict):
            for field, (body_type, _) in self.alternatives.items():
                if body.get(field) is not None:
                    return body_type
        return self.body


ROUTES = (
    Route("/v2/rerank", "rerank", "Rank documents by relevance to a query", V2Request, V2Response),
    Route(
        "/v1/rerank", "rerank_v1", "Rank documents, in the form of Cohere v1, Jina and New-API", V1Request, V1Response
    ),
    Route(
        "/api/v1/rerank",
        "rerank_openrouter",
        "Rank documents, in the form of OpenRouter",
        OpenRouterRequest,
        OpenRouterResponse,
        statuses={HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST},
    ),
    Route(
        "/rerank",
        "rerank_short",
        "Rank documents, in the form of Cohere v1 and Jina, or of text-embeddings-inference",
        V1Request,
        V1Response,
        alternatives={"texts": (TeiRequest, TeiRanks)},
    ),
)
