"""The OpenRouter form of a rerank call."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, FailFast, Field

from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult
from service.rest.schema import AnyDocument, Body, Index, Query, Score, TopN

_PROVIDER = "rerankd"


class OpenRouterRequest(Body):
    """A request body. Unknown fields, such as `provider` and `user`, are ignored; null means absent."""

    model: Annotated[str, Field(description="Name or alias of the model.")]
    query: Query
    documents: Annotated[
        list[AnyDocument],
        FailFast(),
        Field(description="Texts, or objects with a field `text`.", json_schema_extra={"minItems": 1}),
    ]
    top_n: TopN = None

    @property
    def ranked(self) -> Sequence[AnyDocument]:
        """The documents to rank, as sent."""
        return self.documents

    def to_request(self, texts: Sequence[str], lane: int) -> RerankRequest:
        """Convert to a RerankRequest in `lane`. Raises OutOfRangeError."""
        return RerankRequest(
            model=self.model,
            query=self.query,
            documents=texts,
            top_n=self.top_n,
            lane=lane,
        )

    def answer(self, request: RerankRequest, result: RerankResult) -> "OpenRouterResponse":
        """Return the answer with `result`, and the texts of `request`."""
        return OpenRouterResponse(
            id=result.id,
            model=self.model,
            provider=_PROVIDER,
            results=[
                OpenRouterResult(
                    index=r.index,
                    relevance_score=r.relevance_score,
                    document=OpenRouterText(text=request.documents[r.index]),
                )
                for r in result.results
            ],
            usage=OpenRouterUsage(search_units=result.search_units, total_tokens=result.input_tokens),
        )


class OpenRouterText(BaseModel):
    """The text of a document."""

    text: str


class OpenRouterResult(BaseModel):
    """One scored document."""

    index: Index
    relevance_score: Score
    document: OpenRouterText


class OpenRouterUsage(BaseModel):
    """Usage of a call."""

    search_units: Annotated[int, Field(description="Hundreds of documents, rounded up.")]
    total_tokens: int


class OpenRouterResponse(BaseModel):
    """The documents by descending relevance."""

    id: str
    model: str
    provider: str
    results: list[OpenRouterResult]
    usage: OpenRouterUsage
