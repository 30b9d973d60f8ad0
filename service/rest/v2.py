"""The Cohere v2 form of a rerank call, as published in its OpenAPI document."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, FailFast, Field

from scheduler import LANES
from service.messages import MAX_TOKENS_PER_DOC, RerankRequest, RerankResult

_AT_LEAST_1 = {"minimum": 1}
"""Documented here, but checked in `messages`: a value out of range is another answer than a wrong type."""


class V2Request(BaseModel):
    """What is asked. Fields not named here are ignored; null is the same as absent."""

    model_config = ConfigDict(strict=True)

    model: Annotated[str, Field(description="Name or alias of the model.")]
    query: Annotated[str, Field(description="What is searched for; not blank.")]
    documents: Annotated[
        list[str],
        FailFast(),  # A million wrong documents are one fault.
        Field(description="The texts to put in order; 1 to 10,000.", json_schema_extra={"minItems": 1}),
    ]
    top_n: Annotated[
        int | None, Field(description="Results to return; absent: all.", json_schema_extra=_AT_LEAST_1)
    ] = None
    max_tokens_per_doc: Annotated[
        int | None,
        Field(
            description=f"Tokens read of each document; absent: {MAX_TOKENS_PER_DOC}.",
            json_schema_extra=_AT_LEAST_1,
        ),
    ] = None
    priority: Annotated[
        int | None,
        Field(
            description="0, the most urgent and the default, to 999. Under load, larger numbers are shed first.",
            json_schema_extra={"minimum": 0, "maximum": LANES - 1},
        ),
    ] = None

    def to_request(self) -> RerankRequest:
        """Return the request this body stands for. Raises OutOfRangeError."""
        return RerankRequest(
            model=self.model,
            query=self.query,
            documents=self.documents,
            top_n=self.top_n,
            max_tokens_per_doc=MAX_TOKENS_PER_DOC if self.max_tokens_per_doc is None else self.max_tokens_per_doc,
            lane=self.priority or 0,
        )


class V2Result(BaseModel):
    """One scored document."""

    index: Annotated[int, Field(description="Its position in the request.")]
    relevance_score: Annotated[float, Field(description="In [0, 1].")]


class ApiVersion(BaseModel):
    """The version of the form."""

    version: str = "2"


class BilledUnits(BaseModel):
    """Units a bill would count."""

    search_units: Annotated[int, Field(description="One for every started hundred documents.")]


class Tokens(BaseModel):
    """Tokens the model read."""

    input_tokens: int


class Meta(BaseModel):
    """What the call cost."""

    api_version: ApiVersion = ApiVersion()
    billed_units: BilledUnits
    tokens: Tokens
    warnings: Annotated[list[str] | None, Field(description="What was not read, in sentences.")] = None


class V2Response(BaseModel):
    """The documents in order of relevance."""

    id: str
    results: list[V2Result]
    meta: Meta

    @classmethod
    def of(cls, result: RerankResult) -> "V2Response":
        """Return the body that gives `result`."""
        return cls(
            id=result.id,
            results=[V2Result(index=r.index, relevance_score=r.relevance_score) for r in result.results],
            meta=Meta(
                billed_units=BilledUnits(search_units=result.search_units),
                tokens=Tokens(input_tokens=result.input_tokens),
                warnings=list(result.warnings) or None,
            ),
        )
