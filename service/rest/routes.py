"""The paths, and the forms of body that each takes."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from pydantic import BaseModel

from service.rest.openrouter import OpenRouterRequest, OpenRouterResponse
from service.rest.schema import Body
from service.rest.tei import TeiRanks, TeiRequest
from service.rest.v1 import V1Request, V1Response
from service.rest.v2 import V2Request, V2Response


class Route(NamedTuple):
    """A path with its default form and alternative forms."""

    path: str
    name: str
    summary: str
    form: type[Body]
    answer: type[BaseModel]
    marked: Mapping[str, tuple[type[Body], type[BaseModel]]] = {}
    """Other forms by a field that no other form of the path has."""
    statuses: Mapping[int, int] = {}
    """Statuses to answer in place of those that clients of this form do not know."""

    def form_of(self, body: object) -> type[Body]:
        """Return the form of a body."""
        if isinstance(body, dict):
            for field, (form, _) in self.marked.items():
                if body.get(field) is not None:
                    return form
        return self.form


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
