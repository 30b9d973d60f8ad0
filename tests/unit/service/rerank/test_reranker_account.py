"""A result accounts for tokens, search units, time and truncated texts."""

import re

import pytest

from service.engine.engine import Engine
from service.rerank.request import RerankRequest
from tests.unit.service.models import WINDOW
from tests.unit.service.rerankers import RealReranker


@pytest.mark.parametrize(("number", "units"), [(1, 1), (99, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
async def test_search_units(number: int, units: int, wired: RealReranker):
    """Every started hundred documents is a unit."""
    assert (await wired.rerank(*["fair"] * number)).search_units == units


async def test_input_tokens(wired: RealReranker):
    """The tokens of all pairs are counted, special ones included, and those of equal documents each time."""
    assert (await wired.rerank("good", "good", "good bad", "")).input_tokens == 5 + 5 + 6 + 4


async def test_input_tokens_of_windows(wired: RealReranker):
    """Each window counts with its copy of the query."""
    assert (await wired.rerank("good " * (WINDOW + 1))).input_tokens == 32 + 5


async def test_id_and_times(wired: RealReranker):
    """An answer carries the call's id and what it took."""
    result = await wired.rerank("good")
    assert result.id == "id"
    assert result.wait_s >= 0
    assert result.tokenise_s > 0


async def test_no_warnings(wired: RealReranker):
    """Texts that were read completely have no warnings."""
    assert (await wired.rerank("good " * 500, "")).warnings == []


async def test_warning_of_a_truncated_query(wired: RealReranker):
    """The warning of a truncated query names it, with what it had and what was read of it."""
    result = await wired.rerank("good", query="q " * 17)
    (warning,) = result.warnings
    assert re.search("query .*17 tokens.* 16 tokens", warning)


def named(documents: range) -> str:
    """Return how documents are named that have four to six tokens, by turns."""
    return ", ".join(f"{document} ({4 + document % 3} tokens)" for document in documents)


@pytest.mark.parametrize(
    ("truncated", "subject"),
    [
        ([2], "document 2 (6 tokens) "),
        ([0, 4], "documents 0 (4 tokens), 4 (5 tokens) "),
        (range(10), f"documents {named(range(10))} "),
        (range(11), f"documents {named(range(10))} and 1 more "),
        (range(40, 80), f"documents {named(range(40, 50))} and 30 more "),
    ],
)
async def test_warning_of_truncated_documents(truncated: "list[int] | range", subject: str, wired: RealReranker):
    """Truncated documents are named, a few of them at least, with what they had and what was read of them."""
    documents = ["good " * (4 + index % 3 if index in truncated else 3) for index in range(80)]
    (warning,) = (await wired.rerank(*documents, max_tokens_per_doc=3)).warnings
    assert warning.startswith(subject)
    assert warning.endswith(" 3 tokens")


async def test_warning_of_documents_truncated_in_characters(wired: RealReranker):
    """Documents of which so many characters are not read that nobody counted tokens are told apart."""
    documents = ("q" * 600_000, "good " * 200, "good good", " " * 600_000)
    in_characters, in_tokens = (await wired.rerank(*documents, max_tokens_per_doc=1)).warnings
    assert in_characters.startswith("documents 0 (600,000 characters), 3 (600,000 characters) ")
    assert in_characters.endswith(" 524,288 characters")
    assert in_tokens.startswith("documents 1, 2 (2 tokens) ")
    assert in_tokens.endswith(" 1 token")


async def test_both_warnings(wired: RealReranker):
    """Query and documents are told apart."""
    assert len((await wired.rerank("good good", query="q " * 17, max_tokens_per_doc=1)).warnings) == 2


async def test_many_documents_are_warned_of(tiny: Engine):
    """More than a thousand documents are scored, and the caller told that fewer are answered sooner."""
    result = await RealReranker(tiny).ask(RerankRequest("tiny", "q", ["good"] * 1001))
    (warning,) = result.warnings
    assert re.findall(r"[\d,]*\d", warning) == ["1,001", "1,000"]
    assert result.search_units == 11


async def test_windows_can_be_billed(tiny: Engine):
    """With windows billed, a long document counts for as many as it has."""
    document = "good " * (3 * tiny.context)
    request = RerankRequest("tiny", "q", [document] * 40)
    assert (await RealReranker(tiny).ask(request)).search_units == 1
    assert (await RealReranker(tiny, bill_windows=True).ask(request)).search_units == 2


async def test_windows_can_be_limited(tiny: Engine):
    """A limit on windows cuts a document there, and says so in tokens."""
    long = "good " * (3 * tiny.context)
    query = tiny.query("q")
    result = await RealReranker(tiny).ask(RerankRequest("tiny", "q", [long, "good"], max_windows_per_doc=1))
    (warning,) = result.warnings
    assert re.fullmatch(f"document 0 .* {query.window} tokens", warning)
    assert result.input_tokens == tiny.context + tiny.encode(query, ["good"], 9).pair_tokens[0]
