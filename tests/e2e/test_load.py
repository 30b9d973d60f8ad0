"""More work than the machine can do."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

from service.bench import measure
from service.bench.client import Client, Ending
from service.bench.process import Process
from service.bench.run import play
from service.bench.workload import trace
from service.progress import Progress
from tests.clients import body, message, metric, post, stub, unseen, until
from tests.process import RunningService

TEXT = "The history of the river and the capital of the state, its trade and its laws. " * 4


@pytest.fixture(scope="module")
def process() -> Iterator[RunningService]:
    """Serve with one worker and room for one second of work."""
    service = RunningService.start(workers=1, backlog_seconds=1)
    yield service
    assert service.stop() == 0


@pytest.fixture
def small(process: RunningService) -> RunningService:
    """Give that service with nothing left to do."""
    until(lambda: metric(process.admin, "rerank_jobs") == 0, "idle")
    return process


def test_under_pressure_the_least_urgent_is_shed_with_advice_and_the_most_urgent_answered(
    small: RunningService,
) -> None:
    """Of twenty bulk requests some are shed, each told when to come back, and a lane-0 request is answered."""

    def bulk(number: int) -> grpc.RpcError | None:
        with stub(small.grpc) as service:
            try:
                service.Rerank(message(documents=unseen(TEXT, 60), priority=500 + number), timeout=600)
            except grpc.RpcError as error:
                return error
            return None

    shed = metric(small.admin, "rerank_shed_total")
    with ThreadPoolExecutor(20) as pool:
        crowd = [pool.submit(bulk, number) for number in range(20)]
        until(lambda: metric(small.admin, "rerank_pressure") > 0.5, "pressure")
        assert post(small.http, priority=0).status_code == 200
        refused = [error for error in (future.result() for future in crowd) if error]
    assert 0 < len(refused) < 20
    for error in refused:
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert isinstance(error, grpc.Call)
        status = rpc_status.from_call(error)
        assert status
        info, retry = ErrorInfo(), RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.reason == "SHED"
        assert status.details[1].Unpack(retry)
        pushback = dict[str, str | bytes](error.trailing_metadata())["grpc-retry-pushback-ms"]
        assert 50 <= int(pushback) <= 59_000
        assert int(pushback) == retry.retry_delay.ToMilliseconds()
    assert metric(small.admin, "rerank_shed_total") - shed == len(refused)


def test_a_shed_answer_over_rest_says_when_to_come_back(small: RunningService) -> None:
    """A request that cannot meet its deadline is refused at once with Retry-After in whole seconds."""
    with ThreadPoolExecutor(1) as pool:
        bulk = pool.submit(post, small.http, documents=unseen(TEXT, 300), priority=5)
        until(lambda: metric(small.admin, "rerank_backlog_seconds") > 0.5, "backlog")
        late = httpx.post(
            f"{small.http}/v2/rerank",
            json=body(documents=unseen("short", 1), priority=9),  # In time on any machine, were it alone.
            headers={"x-request-timeout-ms": "400"},
        )
        bulk.result()
    assert late.status_code == 503
    assert 1 <= int(late.headers["retry-after"]) <= 59
    assert int(late.headers["retry-after-ms"]) >= 50


def test_work_is_dropped_when_its_caller_leaves(small: RunningService) -> None:
    """A closed REST connection and a cancelled gRPC call take their waiting pairs with them."""
    with httpx.Client(timeout=600) as client, pytest.raises(httpx.ReadTimeout):
        client.post(f"{small.http}/v2/rerank", json=body(documents=unseen(TEXT, 400)), timeout=0.5)
    until(lambda: metric(small.admin, "rerank_jobs") == 0, "the REST job is gone")
    with stub(small.grpc) as service:
        call = service.Rerank.future(message(documents=unseen(TEXT, 400)))
        until(lambda: metric(small.admin, "rerank_jobs") == 1, "the gRPC job is there")
        call.cancel()
        until(lambda: metric(small.admin, "rerank_jobs") == 0, "the gRPC job is gone")
    assert metric(small.admin, "rerank_pairs_waiting") == 0
    assert '"outcome": "CANCELLED"' in small.settled_log()


def test_a_request_whose_deadline_passes_is_told_so(small: RunningService) -> None:
    """A deadline that cannot be met ends in a refusal or DEADLINE_EXCEEDED, and leaves nothing behind."""
    with stub(small.grpc) as service, pytest.raises(grpc.RpcError) as caught:
        service.Rerank(message(documents=unseen(TEXT, 400)), timeout=0.3)
    assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    until(lambda: metric(small.admin, "rerank_jobs") == 0, "the job is gone")


def test_probes_stay_green_under_load(small: RunningService) -> None:
    """Liveness and readiness follow progress, not load."""
    with stub(small.grpc) as service:
        calls = [service.Rerank.future(message(documents=unseen(TEXT, 60), priority=n)) for n in range(30)]
        until(lambda: metric(small.admin, "rerank_pressure") > 0.5, "pressure")
        assert httpx.get(f"{small.admin}/livez", timeout=600).status_code == 200
        assert httpx.get(f"{small.admin}/readyz", timeout=600).status_code == 200
        for call in calls:
            call.cancel()


def test_one_urgent_request_waits_for_one_batch_at_most(small: RunningService) -> None:
    """With a thousand documents in lane 900 under way, five documents in lane 0 are answered long before them."""
    finished: dict[str, float] = {}

    def send(name: str, **changes: object) -> None:
        with stub(small.grpc) as service:
            service.Rerank(message(**changes), timeout=600)
        finished[name] = time.monotonic()

    bulk = threading.Thread(target=send, args=("bulk",), kwargs={"documents": unseen("a b c", 1000), "priority": 900})
    bulk.start()
    until(lambda: metric(small.admin, "rerank_workers_busy") == 1, "the bulk is running")
    before = metric(small.admin, "rerank_inference_seconds_count")
    send("urgent", priority=0)
    batches = metric(small.admin, "rerank_inference_seconds_count") - before
    bulk.join()
    assert finished["urgent"] < finished["bulk"]
    # The batch that was running, its own, and those that came between the answers and the counting.
    assert batches <= 8


@pytest.mark.long
async def test_far_over_capacity_the_urgent_are_answered_and_bulk_is_shed(running: RunningService) -> None:
    """At four times its capacity the service does as much as ever, for the urgent first, and advises whom it sheds."""
    runs = []
    async with Client.connected(Process(running.grpc)) as client:
        model = await client.model()
        able = await measure.capacity(client, model, seconds=1, seed=1)
        # In less of a hurry, bulk could wait until the few seconds are over.
        deadlines = able.deadlines | {"bulk": 4 * able.alone_s["bulk"]}
        for load in (0.5, 4):
            requests = trace(model, load=load, tokens_s=able.tokens_s, deadlines=deadlines, seconds=4, seed=1)
            runs.append(await play(client, requests, load=load, seconds=4, progress=Progress()))
    calm, over = runs
    assert over.of("middle").share(Ending.IN_TIME) > over.of("bulk").share(Ending.IN_TIME)
    assert over.of("bulk").count(Ending.ADVISED) > 0
    for run in runs:
        assert run.of("urgent").share(Ending.IN_TIME) >= 0.9
        assert run.count(Ending.UNADVISED) == run.count(Ending.FAILED) == 0
    # Not less than before, but for the noise of a machine that others use too.
    assert over.goodput >= 0.8 * calm.goodput
