"""The public names of the client with their types, which `make check` holds them to; nothing here is run.

A line with `type: ignore` is a mistake that types have to find: mypy reports an ignored line without an error.
"""

from collections.abc import Sequence
from typing import assert_type

import grpc

from rerankd_client import AsyncRerankClient, Options, Ranked, Ranking, RerankClient, RerankError


def clients() -> None:
    """Make clients with all that they take."""
    credentials = grpc.ssl_channel_credentials(b"", b"", b"")
    RerankClient("a:1")
    RerankClient("a:1", key="k", name="n", model="m", timeout_s=1.5, credentials=credentials)
    AsyncRerankClient("a:1", key=None, name=None, model="m", timeout_s=1, credentials=None)
    RerankClient("a:1", "k")  # type: ignore[call-arg]
    RerankClient(target=None)  # type: ignore[arg-type]
    AsyncRerankClient("a:1", timeout_s="1")  # type: ignore[arg-type]
    AsyncRerankClient("a:1", timeout=1)  # type: ignore[call-arg]


def calls(client: RerankClient, documents: tuple[str, ...]) -> None:
    """Ask for all that a call may ask for."""
    with client as same:
        assert_type(same, RerankClient)
    options: Options = {"top_n": 1, "priority": None}
    assert_type(client.rerank("q", documents, **options), Ranking)
    ranking = client.rerank("q", ["d"], model="m", top_n=1, max_tokens_per_doc=1, priority=0, timeout_s=1)
    assert_type(ranking, Ranking)
    client.close()
    client.rerank("q")  # type: ignore[call-arg]
    client.rerank("q", [b"d"])  # type: ignore[list-item]
    client.rerank("q", ["d"], priority="urgent")  # type: ignore[arg-type]
    client.rerank("q", ["d"], top_k=1)  # type: ignore[call-arg]


async def calls_of_asyncio(client: AsyncRerankClient) -> None:
    """Await the same."""
    async with client as same:
        assert_type(same, AsyncRerankClient)
    assert_type(await client.rerank("q", ["d"], model=None, top_n=1, max_tokens_per_doc=1, priority=999), Ranking)
    await client.close()
    len(client.rerank("q", ["d"]).results)  # type: ignore[attr-defined]
    await client.rerank("q", ["d"], timeout="1")  # type: ignore[call-arg]


def results(ranking: Ranking, error: RerankError) -> None:
    """Read what comes back, and change nothing."""
    assert_type(ranking.id, str)
    assert_type(ranking.results, Sequence[Ranked])
    assert_type(ranking.results[0].index, int)
    assert_type(ranking.results[0].relevance_score, float)
    assert_type(ranking.search_units, int)
    assert_type(ranking.input_tokens, int)
    assert_type(ranking.cached_tokens, int | None)
    assert_type(ranking.warnings, Sequence[str])
    assert_type(error.code, grpc.StatusCode)
    assert_type(error.reason, str)
    assert_type(error.retry_after_s, float | None)
    assert_type(str(error), str)
    ranking.results[0].relevance_score = 1.0  # type: ignore[misc]
    len(ranking.documents)  # type: ignore[attr-defined]
