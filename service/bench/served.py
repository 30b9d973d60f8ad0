"""The service in a process of its own, asked by who looks at the answers afterwards."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from math import nan
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.corpus import Question

_METHOD = f"/{pb.DESCRIPTOR.services_by_name['RerankService'].full_name}/Rerank"
_OPTIONS = (("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1))
_PATIENCE_S = 100.0
_APIS = 3


class Answered(NamedTuple):
    """Some questions, asked at the same time."""

    took_s: float
    """Until the last answer was there."""
    answers: list[bytes]
    """In the order of the questions."""

    def scores(self) -> list[list[float]]:
        """Return the scores of each answer, in the order of the documents."""
        return [
            [result.relevance_score for result in sorted(response.results, key=lambda result: result.index)]
            for response in map(pb.RerankResponse.FromString, self.answers)
        ]


class Served:
    """A connection to a service."""

    def __init__(self, channel: grpc.aio.Channel, pid: int) -> None:
        self._pid = pid
        # Bytes out and bytes in: what the client does not do, it does not take from the service's cores.
        self._rerank: Any = channel.unary_unary(_METHOD)

    async def ask(self, questions: list[Question]) -> Answered:
        """Ask all at once. Raises AioRpcError."""
        start = perf_counter()
        calls = [self._rerank(question.raw, timeout=_PATIENCE_S) for question in questions]
        answers = await asyncio.gather(*calls)
        return Answered(perf_counter() - start, answers)

    async def try_to_ask(self, question: Question, timeout_s: float) -> None:
        """Ask, and take whatever comes."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._rerank(question.raw, timeout=timeout_s)

    def memory_kb(self) -> float:
        """Return the memory that the process has, as far as it is not paged out; NaN where nobody tells."""
        try:
            status = Path(f"/proc/{self._pid}/status").read_text(encoding="utf-8")
        except OSError:
            return nan
        return float(status.partition("VmRSS:")[2].split()[0])


@contextlib.asynccontextmanager
async def served(*program: str, **settings: object) -> AsyncIterator[Served]:
    """Start a program that serves, `rerankd serve` unless told, on free ports, and stop it in the end."""
    given = {f"{api}_address": "127.0.0.1:0" for api in ("grpc", "http", "admin")} | settings
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(program or ("-m", "service", "serve")),
        env=os.environ | {f"RERANKD_{name.upper()}": str(value) for name, value in given.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout  # noqa: S101
        lines = "".join([(await process.stdout.readline()).decode() for _ in range(_APIS)])
        found = re.search(r"gRPC on (\S+)", lines)
        if not found:
            raise SystemExit("the service did not start; `rerankd serve` says why")
        async with grpc.aio.insecure_channel(found[1], options=_OPTIONS) as channel:
            yield Served(channel, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
