"""The Cohere v1 form of a rerank call; those of Jina and New-API are subsets."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, FailFast, Field

from service.rerank.request import MAX_TOKENS_PER_DOC, RerankRequest
from service.rerank.result import RerankResult
from service.rest.schema import AT_LEAST_1, AnyDocument, Body, Index, MaxTokensPerDoc, Meta, Query, Score, TopN, Whole


class V1Request(Body):
    """A request body. Unknown fields are ignored; null means absent."""

    model: Annotated[str | None, Field(description="Name or alias of the model; absent: the default model.")] = None
    query: Query
    documents: Annotated[
        list[AnyDocument],
        FailFast(),
        Field(description="Texts or objects; the model reads an object as YAML.", json_schema_extra={"minItems": 1}),
    ]
    top_n: TopN = None
    rank_fields: Annotated[
        list[str] | None, Field(description="Names of the fields to read of an object, in this order; absent: all.")
    ] = None
    return_documents: Annotated[bool | None, Field(description="Include the document in each result.")] = None
    max_chunks_per_doc: Annotated[
        Whole | None,
        Field(
            description="Maximum number of windows of the model's context to read of each document.",
            json_schema_extra=AT_LEAST_1,
        ),
    ] = None
    max_tokens_per_doc: MaxTokensPerDoc = None

    @property
    def ranked(self) -> Sequence[AnyDocument]:
        """The documents to rank, as sent."""
        return self.documents

    @property
    def fields(self) -> Sequence[str] | None:
        """Names of the fields to read of an object, in this order; None: all."""
        return self.rank_fields

    def to_request(self, texts: Sequence[str], lane: int) -> RerankRequest:
        """Convert to a RerankRequest in `lane`. Raises OutOfRangeError."""
        return RerankRequest(
            model=self.model,
            query=self.query,
            documents=texts,
            top_n=self.top_n,
            max_tokens_per_doc=MAX_TOKENS_PER_DOC if self.max_tokens_per_doc is None else self.max_tokens_per_doc,
            max_windows_per_doc=self.max_chunks_per_doc,
            lane=lane,
        )

    def answer(self, request: RerankRequest, result: RerankResult) -> "V1Response":  # noqa: ARG002
        """Return the answer with `result`."""
        return V1Response(
            id=result.id,
            model=self.model or result.model,
            results=[
                V1Result(index=r.index, relevance_score=r.relevance_score, document=self._document(r.index))
                for r in result.results
            ],
            usage=Usage(total_tokens=result.input_tokens, prompt_tokens=result.input_tokens),
            meta=Meta.of(result, "1"),
        )

    def _document(self, index: int) -> dict[str, object] | None:
        if not self.return_documents:
            return None
        document = self.documents[index]
        return {"text": document} if isinstance(document, str) else document


class V1Result(BaseModel):
    """One scored document."""

    index: Index
    relevance_score: Score
    document: Annotated[
        dict[str, object] | None,
        Field(description="The document as sent, a text as `text`; only with `return_documents`."),
    ] = None


class Usage(BaseModel):
    """Token counts, under the names that some clients read."""

    total_tokens: int
    prompt_tokens: int


class V1Response(BaseModel):
    """The documents by descending relevance."""

    id: str
    model: str
    results: list[V1Result]
    usage: Usage
    meta: Meta
