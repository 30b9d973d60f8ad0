"""The Cohere v2 form of a rerank call, as published in its OpenAPI document."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, FailFast, Field

from service.rerank.request import MAX_TOKENS_PER_DOC, RerankRequest
from service.rerank.result import RerankResult
from service.rest.schema import Body, Index, MaxTokensPerDoc, Meta, Priority, Query, Score, TopN


class V2Request(Body):
    """A request body. Unknown fields are ignored; null means absent."""

    model: Annotated[str, Field(description="Name or alias of the model.")]
    query: Query
    documents: Annotated[
        list[str],
        FailFast(),  # Report one error, not a million.
        Field(description="The texts to rank.", json_schema_extra={"minItems": 1}),
    ]
    top_n: TopN = None
    max_tokens_per_doc: MaxTokensPerDoc = None
    priority: Priority = None

    @property
    def ranked(self) -> Sequence[str]:
        """The documents to rank, as sent."""
        return self.documents

    def to_request(self, texts: Sequence[str], lane: int) -> RerankRequest:
        """Convert to a RerankRequest; `lane` is the default priority. Raises OutOfRangeError."""
        return RerankRequest(
            model=self.model,
            query=self.query,
            documents=texts,
            top_n=self.top_n,
            max_tokens_per_doc=MAX_TOKENS_PER_DOC if self.max_tokens_per_doc is None else self.max_tokens_per_doc,
            lane=lane if self.priority is None else self.priority,
        )

    def answer(self, request: RerankRequest, result: RerankResult) -> "V2Response":  # noqa: ARG002
        """Return the answer with `result`."""
        return V2Response(
            id=result.id,
            results=[V2Result(index=r.index, relevance_score=r.relevance_score) for r in result.results],
            meta=Meta.of(result, "2"),
        )


class V2Result(BaseModel):
    """One scored document."""

    index: Index
    relevance_score: Score


class V2Response(BaseModel):
    """The documents by descending relevance."""

    id: str
    results: list[V2Result]
    meta: Meta
