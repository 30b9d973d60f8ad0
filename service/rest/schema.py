"""The common part of the API forms."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scheduler import LANES
from service.rerank.request import MAX_TOKENS_PER_DOC, RerankRequest
from service.rerank.result import RerankResult

AT_LEAST_1 = {"minimum": 1}
"""For documentation only. RerankRequest enforces bounds: out of range is answered with 422, a wrong type with 400."""


AnyDocument = str | Annotated[dict[str, Any], Field(json_schema_extra={"minProperties": 1})]


class Body(BaseModel):
    """A request body. Unknown fields are ignored; null means absent."""

    model_config = ConfigDict(strict=True)

    ranked_field: ClassVar[str] = "documents"
    """Name of the field with the documents to rank."""

    @property
    @abstractmethod
    def ranked(self) -> Sequence[AnyDocument]:
        """The documents to rank, as sent."""

    @property
    def fields(self) -> Sequence[str] | None:
        """Names of the fields to read of an object, in this order; None: all."""
        return None

    @abstractmethod
    def to_request(self, texts: Sequence[str], lane: int) -> RerankRequest:
        """Convert to a RerankRequest; `lane` is the default priority.

        `texts` are the texts of `ranked`, in the same order. Raises OutOfRangeError.
        """

    @abstractmethod
    def answer(self, request: RerankRequest, result: RerankResult) -> BaseModel:
        """Return the answer with `result` to `request`, which `to_request` returned."""


def _integral(value: object) -> object:
    """Convert a float without a fraction, such as 3.0 or 1e3, to an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_integral)]
Query = Annotated[str, Field(description="The search query; must not be blank.", json_schema_extra={"pattern": r"\S"})]
TopN = Annotated[
    Whole | None, Field(description="Maximum number of results; absent: all.", json_schema_extra=AT_LEAST_1)
]
MaxTokensPerDoc = Annotated[
    Whole | None,
    Field(
        description=f"Maximum number of tokens to read of each document; absent: {MAX_TOKENS_PER_DOC}.",
        json_schema_extra=AT_LEAST_1,
    ),
]
Priority = Annotated[
    Whole | None,
    Field(
        description="0, the most urgent and the default, to 999. Under load, larger numbers are shed first.",
        json_schema_extra={"minimum": 0, "maximum": LANES - 1},
    ),
]
Index = Annotated[int, Field(description="Position of the document in the request, from 0.")]
Score = Annotated[float, Field(description="Relevance to the query, in [0, 1].")]


class ApiVersion(BaseModel):
    """The API version."""

    version: str


class BilledUnits(BaseModel):
    """Billing units."""

    search_units: Annotated[int, Field(description="Hundreds of documents, rounded up.")]


class Tokens(BaseModel):
    """Token counts."""

    input_tokens: int


class Meta(BaseModel):
    """Usage and warnings of a call."""

    api_version: ApiVersion
    billed_units: BilledUnits
    tokens: Tokens
    cached_tokens: Annotated[
        int | None, Field(description="Input tokens whose scores came from the cache; absent if the cache is off.")
    ] = None
    warnings: Annotated[list[str] | None, Field(description="Sentences, such as about truncated documents.")] = None

    @classmethod
    def of(cls, result: RerankResult, version: str) -> "Meta":
        """Return the usage and warnings of `result`, for API version `version`."""
        return cls(
            api_version=ApiVersion(version=version),
            billed_units=BilledUnits(search_units=result.search_units),
            tokens=Tokens(input_tokens=result.input_tokens),
            cached_tokens=result.cached_tokens,
            warnings=list(result.warnings) or None,
        )
