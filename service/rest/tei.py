"""The text-embeddings-inference form of a rerank call."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, FailFast, Field, RootModel

from service.engine.logit import logit
from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult
from service.rest.schema import Body, Index, Query, TopN


class TeiRequest(Body):
    """A request body. Unknown fields are ignored; null means absent.

    `truncate` is ignored: long texts are read in windows.
    """

    ranked_field: ClassVar[str] = "texts"

    query: Query
    texts: Annotated[
        list[str],
        FailFast(),
        Field(description="The texts to rank.", json_schema_extra={"minItems": 1}),
    ]
    raw_scores: Annotated[bool | None, Field(description="Return logits as scores.")] = None
    return_text: Annotated[bool | None, Field(description="Include the text in each rank.")] = None
    top_n: TopN = None

    @property
    def ranked(self) -> Sequence[str]:
        """The documents to rank, as sent."""
        return self.texts

    def to_request(self, texts: Sequence[str], lane: int) -> RerankRequest:
        """Convert to a RerankRequest in `lane`. Raises OutOfRangeError."""
        return RerankRequest(model=None, query=self.query, documents=texts, top_n=self.top_n, lane=lane)

    def answer(self, request: RerankRequest, result: RerankResult) -> "TeiRanks":  # noqa: ARG002
        """Return the answer with `result`."""
        return TeiRanks(
            [
                TeiRank(
                    index=r.index,
                    score=logit(r.relevance_score) if self.raw_scores else r.relevance_score,
                    text=self.texts[r.index] if self.return_text else None,
                )
                for r in result.results
            ]
        )


class TeiRank(BaseModel):
    """One scored text."""

    index: Index
    score: Annotated[float, Field(description="Relevance in [0, 1]; its logit if `raw_scores` is true.")]
    text: str | None = None


class TeiRanks(RootModel[list[TeiRank]]):
    """The texts by descending relevance."""
