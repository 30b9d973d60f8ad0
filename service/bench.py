"""How fast an urgent request is answered while bulk work saturates the service: measured on a real process."""

import asyncio
import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

_TRIES = 20
_URGENT_DOCUMENTS = 5
_BULK_DOCUMENTS = 100
_BULK_IN_FLIGHT = 12
_FLOOD = 300
_PATIENCE_S = 20.0
_TEXT = (
    "the of and to in is was for on as with by at from city river capital state trade war king law music science "
    "water energy cell market price history language island mountain railway season team film novel theory"
)


async def bench() -> int:
    """Print the measurements; return 0 if the urgent request kept its bound and every refusal carried advice."""
    async with _service() as (stub, metrics):
        _progress("unloaded: a request of 5 documents in lane 0")
        await _urgent(stub, 3)
        alone = statistics.median(await _urgent(stub, _TRIES))

        _progress(f"loaded: the same while {_BULK_IN_FLIGHT} requests of 100 documents are always in lane 900")
        before = await metrics()
        bulk = [asyncio.create_task(_bulk_forever(stub, n)) for n in range(_BULK_IN_FLIGHT)]
        await asyncio.sleep(2)
        loaded = statistics.median(await _urgent(stub, _TRIES))
        for task in bulk:
            task.cancel()
        after = await metrics()
        await asyncio.gather(*bulk, return_exceptions=True)
        batch = (after["sum"] - before["sum"]) / (after["count"] - before["count"])

        _progress(f"flooded: {_FLOOD} requests of 100 documents at once, in lanes 0 to 999")
        outcomes = await _flood(stub)

    bound = alone + batch
    print(f"{'urgent request, alone':44}{alone * 1000:9.1f} ms   median of {_TRIES}")
    print(f"{'one batch of the bulk load':44}{batch * 1000:9.1f} ms   mean")
    print(f"{'urgent request, under the bulk load':44}{loaded * 1000:9.1f} ms   median of {_TRIES}")
    print(f"{'  over (alone + one batch), at most 1.3':44}{loaded / bound:9.2f}")
    for outcome, count in sorted(outcomes.items()):
        print(f"{'flood: ' + outcome:44}{count:9d}")
    kept = loaded <= 1.3 * bound and not outcomes["refused without advice"]
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


@contextlib.asynccontextmanager
async def _service() -> AsyncIterator[tuple[rerank_pb2_grpc.RerankServiceStub, Any]]:
    """Start a service on free ports; give a stub for it, and a way to read its batch times."""
    ports = {f"RERANKD_{api}_ADDRESS": "127.0.0.1:0" for api in ("GRPC", "HTTP", "ADMIN")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service",
        "serve",
        env=os.environ | ports,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout  # noqa: S101
        lines = [(await process.stdout.readline()).decode().split() for _ in ports]
        if not all(lines):
            raise SystemExit("the service did not start; `rerankd serve` says why")
        address = {line[1]: line[-1] for line in lines}

        async def metrics() -> dict[str, float]:
            reader, writer = await asyncio.open_connection(*address["admin"].rsplit(":", 1))
            writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = (await reader.read()).decode()
            writer.close()
            found = re.findall(r"^rerank_inference_seconds_(\w+) (\S+)", text, re.MULTILINE)
            return {name: float(value) for name, value in found}

        async with grpc.aio.insecure_channel(address["gRPC"]) as channel:
            yield rerank_pb2_grpc.RerankServiceStub(channel), metrics  # type: ignore[no-untyped-call]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _request(documents: int, lane: int, seed: int) -> pb.RerankRequest:
    chance = random.Random(seed)  # noqa: S311  # Texts, not secrets.

    def text() -> str:
        return " ".join(chance.choices(_TEXT.split(), k=min(400, round(chance.lognormvariate(4, 0.6)))))

    return pb.RerankRequest(
        model="rerank-v3.5", query="history of the capital", documents=[text() for _ in range(documents)], priority=lane
    )


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
