"""The four forms of a rerank call: a valid body of each, its request, and the values that its fields refuse."""

import json
from typing import Any, NamedTuple

from pydantic_core import from_json

from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult
from service.rest.cohere_v1 import V1Request
from service.rest.cohere_v2 import V2Request
from service.rest.document_text import text_of
from service.rest.openrouter import OpenRouterRequest
from service.rest.schema import Body
from service.rest.tei import TeiRequest
from tests.unit.service.rerankers import RESULT

_NO_TEXT = (5, 1.5, True, ["q"], {"q": "q"})
_NO_MIXED = ("one", 5, True, {"0": "one"}, [5], [None], [True], [["one"]], ["one", 5])
_NO_TEXTS = (*_NO_MIXED, [{"text": "one"}])
NO_NUMBER = ("3", "", 1.5, 1e-300, True, False, [3], {"n": 3}, float("inf"), float("nan"))
_NO_FLAG = ("true", "false", "", 0, 1, 1.0, [True], {"flag": True})


class Dialect(NamedTuple):
    """One dialect."""

    kind: type[Body]
    good: dict[str, Any]
    """A body with what is required and nothing else."""
    least: RerankRequest
    """The request that it stands for."""
    everything: dict[str, Any]
    """All that may be asked for beside it."""
    most: RerankRequest
    """The request for that, of a caller in lane 7."""
    wrong: dict[str, tuple[object, ...]]
    """For each field, values of another type."""
    numbers: tuple[str, ...]
    out_of_range: tuple[tuple[dict[str, Any], str], ...]
    """Fields that are out of range, and the name of the violation."""
    ignored: tuple[dict[str, Any], ...]
    """Fields of other dialects, and of none."""
    answer_to_good: Any
    """The answer to the good body."""

    def request(self, lane: int = 0, /, **fields: Any) -> RerankRequest:
        """Return the request that a good body with these fields stands for, of a caller in `lane`."""
        parsed = self.kind.model_validate(from_json(json.dumps(self.good | fields)))
        texts = [text_of(document, i, parsed.fields) for i, document in enumerate(parsed.ranked)]
        return parsed.to_request(texts, lane)

    def answer(self, result: RerankResult = RESULT, /, **fields: Any) -> Any:
        """Return the answer to a good body with these fields, as the caller reads it."""
        answer = self.kind.model_validate(self.good | fields).answer(self.request(**fields), result)
        return json.loads(answer.model_dump_json(exclude_none=True))


_RESULTS = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]
_META = {
    "billed_units": {"search_units": 3},
    "tokens": {"input_tokens": 42},
    "warnings": ["document 1 (9 tokens) was cut to 5 tokens"],
}
V1 = Dialect(
    V1Request,
    good={"query": "q", "documents": ["one", {"title": "two", "year": 2}]},
    least=RerankRequest(None, "q", ["one", "title: two\nyear: 2\n"], None, 4096, 0),
    everything={
        "model": "tiny",
        "top_n": 3,
        "max_tokens_per_doc": 5,
        "max_chunks_per_doc": 7,
        "rank_fields": ["title"],
        "return_documents": True,
    },
    most=RerankRequest("tiny", "q", ["one", "title: two\n"], 3, 5, 7, 7),
    wrong={
        "model": _NO_TEXT,
        "query": _NO_TEXT,
        "documents": _NO_MIXED,
        "rank_fields": _NO_MIXED,
        "return_documents": _NO_FLAG,
    },
    numbers=("top_n", "max_tokens_per_doc", "max_chunks_per_doc"),
    out_of_range=(
        ({"query": "\t"}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["one", {}]}, "documents[1]"),
        ({"rank_fields": []}, "documents[1]"),
    ),
    ignored=({"priority": 7}, {"user": "x"}, {"instruction": None}, {"truncate_prompt_tokens": {}}),
    answer_to_good={
        "id": "an id",
        "model": "fake",
        "results": _RESULTS,
        "usage": {"total_tokens": 42, "prompt_tokens": 42},
        "meta": {"api_version": {"version": "1"}, **_META},
    },
)
V2 = Dialect(
    V2Request,
    good={"model": "tiny", "query": "q", "documents": ["one", "two"]},
    least=RerankRequest("tiny", "q", ["one", "two"], None, 4096, 0),
    everything={"top_n": 3, "max_tokens_per_doc": 5, "priority": 8},
    most=RerankRequest("tiny", "q", ["one", "two"], 3, 5, 8),
    wrong={"model": _NO_TEXT, "query": _NO_TEXT, "documents": _NO_TEXTS},
    numbers=("top_n", "max_tokens_per_doc", "priority"),
    out_of_range=(
        *(({"priority": value}, "priority") for value in (1000, 2**70)),
        ({"query": " "}, "query"),
        ({"documents": []}, "documents"),
    ),
    ignored=(
        {"return_documents": True},
        {"rank_fields": ["a"]},
        {"x": None},
        {"lane": 5},
        {"max_chunks_per_doc": "x"},
    ),
    answer_to_good={"id": "an id", "results": _RESULTS, "meta": {"api_version": {"version": "2"}, **_META}},
)
OPENROUTER = Dialect(
    OpenRouterRequest,
    good={"model": "tiny", "query": "q", "documents": ["one", {"text": "two"}]},
    least=RerankRequest("tiny", "q", ["one", "two"], None, 4096, 0),
    everything={"top_n": 3},
    most=RerankRequest("tiny", "q", ["one", "two"], 3, 4096, 7),
    wrong={"model": _NO_TEXT, "query": _NO_TEXT, "documents": _NO_MIXED},
    numbers=("top_n",),
    out_of_range=(
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [{"text": None}]}, "documents[0]"),
    ),
    ignored=(
        {"provider": None},
        {"provider": {"order": ["x"], "zdr": True}},
        {"user": "x", "session_id": "y", "trace": {"trace_id": "z"}},
        {"return_documents": "x", "rank_fields": 5, "priority": "x", "max_tokens_per_doc": []},
    ),
    answer_to_good={
        "id": "an id",
        "model": "tiny",
        "provider": "rerankd",
        "results": [
            {"index": 1, "relevance_score": 0.75, "document": {"text": "two"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "one"}},
        ],
        "usage": {"search_units": 3, "total_tokens": 42},
    },
)
TEI = Dialect(
    TeiRequest,
    good={"query": "q", "texts": ["one", "two"]},
    least=RerankRequest(None, "q", ["one", "two"], None, 4096, 0),
    everything={"top_n": 1, "raw_scores": True, "return_text": True},
    most=RerankRequest(None, "q", ["one", "two"], 1, 4096, 7),
    wrong={"query": _NO_TEXT, "texts": _NO_TEXTS, "raw_scores": _NO_FLAG, "return_text": _NO_FLAG},
    numbers=("top_n",),
    out_of_range=(({"query": " "}, "query"), ({"texts": []}, "documents")),
    ignored=({"truncate": True}, {"truncation_direction": "Left"}, {"model": 5}, {"documents": "x"}, {"priority": -1}),
    answer_to_good=[{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}],
)
DIALECTS = {"v1": V1, "v2": V2, "openrouter": OPENROUTER, "tei": TEI}
