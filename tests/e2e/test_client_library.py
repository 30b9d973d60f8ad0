"""The client for other services, against real processes."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from rerankd_client import AsyncRerankClient, RerankClient, RerankError
from tests.clients import metric, unseen
from tests.examples import DOCUMENTS, QUERY
from tests.process import RunningService

TEXT = "The history of the river and the capital of the state, its trade and its laws. " * 4


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Serve to those with a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("ann:s3cret\nbulk:sl0w priority=100\n")
    running = RunningService.start(api_keys_file=keys)
    yield running
    assert running.stop() == 0


def test_both_clients_give_the_same_typed_ranking(service: RunningService) -> None:
    """The blocking client and the one for asyncio return the documents in order, with what it took."""

    async def asked() -> object:
        async with AsyncRerankClient(service.grpc, key="s3cret") as client:
            return (await client.rerank(QUERY, DOCUMENTS, top_n=2, priority=7)).results

    with RerankClient(service.grpc, key="s3cret") as client:
        ranking = client.rerank(QUERY, DOCUMENTS, top_n=2, priority=7)
        assert [ranked.index for ranked in client.rerank(QUERY, DOCUMENTS).results[:2]] == [
            ranked.index for ranked in ranking.results
        ]
    assert len(ranking.results) == 2
    assert ranking.results[0].relevance_score > ranking.results[1].relevance_score
    assert ranking.id
    assert (ranking.search_units, ranking.warnings) == (1, ())
    assert ranking.input_tokens > 0
    assert asyncio.run(asked()) == ranking.results


@pytest.mark.parametrize(
    ("key", "options", "reason", "code"),
    [
        (None, {}, "UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED),
        ("wrong", {}, "UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED),
        ("s3cret", {"model": "none"}, "UNKNOWN_MODEL", grpc.StatusCode.NOT_FOUND),
        ("s3cret", {"top_n": 0}, "OUT_OF_RANGE", grpc.StatusCode.INVALID_ARGUMENT),
        ("sl0w", {"priority": 99}, "FORBIDDEN", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_a_failed_call_says_why(
    service: RunningService, key: str | None, options: dict[str, Any], reason: str, code: grpc.StatusCode
) -> None:
    """Both clients raise one error that carries the server's reason."""

    async def asked() -> None:
        async with AsyncRerankClient(service.grpc, key=key) as client:
            await client.rerank(QUERY, DOCUMENTS, **options)

    with RerankClient(service.grpc, key=key) as client, pytest.raises(RerankError) as caught:
        client.rerank(QUERY, DOCUMENTS, **options)
    assert (caught.value.reason, caught.value.code) == (reason, code)
    with pytest.raises(RerankError) as caught:
        asyncio.run(asked())
    assert (caught.value.reason, caught.value.code) == (reason, code)


def test_a_key_for_bulk_work_gets_its_lane_without_asking(service: RunningService) -> None:
    """A key that may not ask for urgent lanes is served in the best it may have when the call does not say."""
    with RerankClient(service.grpc, key="sl0w") as client:
        assert client.rerank(QUERY, DOCUMENTS).results
        assert client.rerank(QUERY, DOCUMENTS, priority=100).results
    assert '"lane": 100' in service.settled_log()


def test_lists_too_large_for_a_message_are_streamed(service: RunningService) -> None:
    """Seventy megabytes of documents are answered like any others, in order."""
    documents = ["word " * 10_000 for _ in range(1_400)]
    documents[1_234] = DOCUMENTS[0]
    with RerankClient(service.grpc, key="s3cret", timeout_s=100) as client:
        ranking = client.rerank(QUERY, documents, top_n=1, max_tokens_per_doc=8)
    assert ranking.results[0].index == 1_234
    assert ranking.search_units == 14


@pytest.mark.long
def test_what_is_shed_is_asked_again_when_the_server_says() -> None:
    """Callers that are shed under load are served in the end, without a word from them."""
    service = RunningService.start(workers=1, backlog_seconds=1)
    try:
        with RerankClient(service.grpc, timeout_s=60) as client, ThreadPoolExecutor(6) as pool:
            calls = [pool.submit(client.rerank, "q", unseen(TEXT, 50), priority=500 + i) for i in range(6)]
            assert [len(call.result().results) for call in calls] == [50] * 6
        assert metric(service.admin, "rerank_shed_total") > 0
    finally:
        assert service.stop() == 0


def test_a_loop_of_eight_threads_sees_no_refusal() -> None:
    """A lone caller, however its threads crowd, is served at once: nobody else is there to leave room for."""
    service = RunningService.start()
    try:
        with RerankClient(service.grpc) as client, ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(client.rerank, "q", unseen(TEXT, 50)) for _ in range(24)]
            assert [len(call.result().results) for call in calls] == [50] * 24
        assert metric(service.admin, "rerank_shed_total") == 0
    finally:
        assert service.stop() == 0


def test_a_server_that_is_gone_is_not_asked(service: RunningService) -> None:
    """With two addresses of which one answers, every call is answered."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # Bound, but nobody listens.
        target = f"ipv4:{service.grpc},127.0.0.1:{closed.getsockname()[1]}"
        with RerankClient(target, key="s3cret") as client:
            for _ in range(20):
                assert client.rerank(QUERY, DOCUMENTS).results
