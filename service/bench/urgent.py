"""How fast an urgent request is answered while bulk work saturates the service."""

import asyncio
import contextlib
import statistics
import sys
from collections import Counter
from time import perf_counter

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from service.bench.process import started
from service.bench.workload import message, texts

_MODEL = "rerank-v3.5"
_TRIES = 20
_TRIES_LOADED = 60  # They wait for what is left of a batch, which is anything between nothing and all of it.
_URGENT_DOCUMENTS = 5
_BULK_DOCUMENTS = 100
_BULK_IN_FLIGHT = 12
_FLOOD = 300
_PATIENCE_S = 20.0


async def urgent() -> int:
    """Print the measurements; return 0 if the urgent request kept its bound and every refusal carried advice."""
    async with started() as process, grpc.aio.insecure_channel(process.grpc) as channel:
        stub = rerank_pb2_grpc.RerankServiceStub(channel)  # type: ignore[no-untyped-call]
        _progress("unloaded: a request of 5 documents in lane 0")
        await _urgent(stub, 3)
        alone = statistics.median(await _urgent(stub, _TRIES))

        _progress(f"loaded: the same while {_BULK_IN_FLIGHT} requests of 100 documents are always in lane 900")
        count, seconds = await process.batches()
        bulk = [asyncio.create_task(_bulk_forever(stub, n)) for n in range(_BULK_IN_FLIGHT)]
        await asyncio.sleep(2)
        loaded = statistics.median(await _urgent(stub, _TRIES_LOADED))
        for task in bulk:
            task.cancel()
        more, longer = await process.batches()
        await asyncio.gather(*bulk, return_exceptions=True)
        batch = (longer - seconds) / (more - count)

        _progress(f"flooded: {_FLOOD} requests of 100 documents at once, in lanes 0 to 999")
        outcomes = await _flood(stub)

    bound = alone + batch
    print(f"{'urgent request, alone':44}{alone * 1000:9.1f} ms   median of {_TRIES}")
    print(f"{'one batch of the bulk load':44}{batch * 1000:9.1f} ms   mean")
    print(f"{'urgent request, under the bulk load':44}{loaded * 1000:9.1f} ms   median of {_TRIES_LOADED}")
    print(f"{'  over (alone + one batch), at most 1.3':44}{loaded / bound:9.2f}")
    for outcome, count_of_it in sorted(outcomes.items()):
        print(f"{'flood: ' + outcome:44}{count_of_it:9d}")
    kept = loaded <= 1.3 * bound and not outcomes["refused without advice"]
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


def _request(documents: int, lane: int, seed: int) -> pb.RerankRequest:
    return message(_MODEL, texts(documents, seed), lane)


async def _urgent(stub: rerank_pb2_grpc.RerankServiceStub, tries: int) -> list[float]:
    took = []
    for attempt in range(tries):
        request = _request(_URGENT_DOCUMENTS, 0, attempt)
        # Not in step with the batches: some tries come early in one, some late.
        await asyncio.sleep(0.05 + 0.0618 * attempt % 0.1)
        start = perf_counter()
        await stub.Rerank(request, timeout=_PATIENCE_S)
        took.append(perf_counter() - start)
    return took


async def _bulk_forever(stub: rerank_pb2_grpc.RerankServiceStub, number: int) -> None:
    request = _request(_BULK_DOCUMENTS, 900, 1000 + number)
    while True:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await stub.Rerank(request, timeout=_PATIENCE_S)


async def _flood(stub: rerank_pb2_grpc.RerankServiceStub) -> Counter[str]:
    """Send far more than fits at once; count how each request ended."""

    async def one(number: int) -> str:
        try:
            await stub.Rerank(_request(_BULK_DOCUMENTS, number * 617 % 1000, number), timeout=_PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return "not answered in time"
            # The synchronous form understands what the asynchronous client raises; the asynchronous one does not.
            status = rpc_status.from_call(error)  # type: ignore[arg-type]
            advised = status is not None and any(detail.Is(RetryInfo.DESCRIPTOR) for detail in status.details)
            return "refused with advice" if advised else "refused without advice"
        return "answered"

    return Counter(await asyncio.gather(*(one(number) for number in range(_FLOOD))))


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)
