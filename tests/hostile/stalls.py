"""`python -m tests.hostile.stalls`: urgent calls beside the messages that take longest to read."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import grpc
from rerank.v2 import rerank_pb2 as pb

from service.bench.client import channel
from service.bench.goal import quantile
from service.bench.process import launch, variables
from tests.bench.lag import late_s
from tests.hostile.honest import MODEL

_SIZE = 31 * 2**20  # Just below the limit of a message.
_RERANK = "/rerank.v2.RerankService/Rerank"
_BATCH_S, _MORE_S = 0.05, 0.05
"""An urgent call may wait for one batch, and for as long again for the message beside it."""
_GAP_S = 0.05
_EVERY_S = 0.05
_PATIENCE_S = 10.0
_FAR = "".join(map(chr, range(0x10000, 0x10000 + 980_000)))
_TEXT = 7 * 2**20  # Bytes of a text just below the limit.


def _texts(unit: str) -> list[str]:
    """Return texts of a unit that fill a message."""
    return [unit * (_TEXT // len(unit.encode()))] * (_SIZE // _TEXT)


def _grpc(documents: list[str] | None = None, raw: bytes = b"") -> bytes:
    """Return a message in the last lane."""
    return pb.RerankRequest(model=MODEL, query="q", documents=documents or [], priority=900).SerializeToString() + raw


def _json(documents: object, **more: object) -> bytes:
    """Return a body, with escapes for all but ASCII."""
    return json.dumps({"query": "q", "documents": documents, **more}).encode()


def _nested(value: object, levels: int = 13) -> object:
    return value if levels == 0 else [_nested(value, levels - 1)]


GRPC: dict[str, Callable[[], bytes]] = {
    "empty documents": lambda: _grpc(raw=b"\x1a\x00" * (_SIZE // 2)),
    "unknown fields": lambda: _grpc(["one"], b"\x98\x06\x01" * (_SIZE // 3)),
    "empty groups": lambda: _grpc(["one"], b"\x9b\x06\x9c\x06" * (_SIZE // 4)),
    "texts of far characters": lambda: _grpc(_texts("😀")),
    "texts of letters, one far": lambda: _grpc([text + "😀" for text in _texts("a")]),
    "10,000 texts": lambda: _grpc(["word " * 600] * 10_000),
    "a megabyte of emoji": lambda: _grpc(["😀" * 250_000]),
    "a text of one word": lambda: _grpc(["a" * 2**20]),
    "a text of marks": lambda: _grpc(["e\u0301\u0308" * 2**18]),
    "a text of Hangul": lambda: _grpc(["한" * 2**19]),
}
REST: dict[str, Callable[[], bytes]] = {
    "surrogate escapes": lambda: _json(["😀" * (_TEXT // 12)] * (_SIZE // _TEXT)),
    "escaped quotes": lambda: _json(['"' * (_TEXT // 2)] * (_SIZE // _TEXT)),
    "short texts": lambda: _json(["😀 " * 2] * 9_999, unknown=["😀" * 2] * 90_000),
    "many values": lambda: _json(["one"], unknown=[[]] * 149_000),
    "long numbers": lambda: _json(["one"], unknown=[10**4000] * 1000),
    "an object of far characters": lambda: _json([{"a": _FAR[:500_000]}]),
    "objects of emoji": lambda: _json([{"a": "😀" * 500_000}] * 5),
    "objects of many values": lambda: _json([{"a": ["v"] * 4900}] * 30),
    "indentation": lambda: _json([{"a": _nested("a\n" * 250_000)}] * 40),
    "rank_fields": lambda: _json([{"a": "b"}], rank_fields=[f"x{number}" for number in range(140_000)]),
}


class Row(NamedTuple):
    """The urgent calls beside one kind of message."""

    name: str
    sent: int
    alone_s: float
    beside_s: float
    gap_s: float

    @property
    def kept(self) -> bool:
        """True within the limits."""
        return self.sent > 0 and self.beside_s <= self.alone_s + _BATCH_S + _MORE_S and self.gap_s <= _GAP_S


def _send(name: str, rpc: str, http: str, seconds: float) -> int:
    """Send one kind of message again and again; return how many were answered, in any way."""
    end, sent = monotonic() + seconds, 0
    make = GRPC.get(name) or REST[name]
    raw = make()
    with grpc.insecure_channel(rpc, options=[("grpc.max_send_message_length", -1)]) as connection:
        while monotonic() < end:
            try:
                if name in GRPC:
                    call: Any = connection.unary_unary(_RERANK)
                    call(raw, timeout=_PATIENCE_S)
                else:
                    headers = {"content-type": "application/json", "x-priority": "900"}
                    urlopen(Request(f"http://{http}/v1/rerank", raw, headers), timeout=_PATIENCE_S).close()
            except (grpc.RpcError, OSError):
                pass  # Refused or given up.
            sent += 1
    return sent


async def _urgent(connection: grpc.aio.Channel, ends: Callable[[], bool]) -> list[float]:
    """Make urgent calls until `ends`; return the seconds of each."""
    call: Any = connection.unary_unary(_RERANK)
    took: list[float] = []
    while not ends():
        raw = pb.RerankRequest(model=MODEL, query="q", documents=[f"a short text {len(took)}"]).SerializeToString()
        start = perf_counter()
        await call(raw, timeout=_PATIENCE_S)
        took.append(perf_counter() - start)
        await asyncio.sleep(max(_EVERY_S - took[-1], 0))
    return took


async def _measured(names: list[str], seconds: float, ticks: Path) -> list[Row]:
    command = [sys.executable, "-m", "tests.bench.lag", str(ticks)]
    service, address = launch(command, os.environ | variables({"cache_mb": 0}), subprocess.DEVNULL)
    assert service.stdout is not None
    threading.Thread(target=service.stdout.read, daemon=True).start()  # A log that nobody reads stops the service.
    spans: list[tuple[float, float]] = []
    rows = []
    with service:
        try:
            async with channel(address["gRPC"]) as connection:
                for name in names:
                    end = monotonic() + seconds / 2
                    alone = await _urgent(connection, lambda end=end: monotonic() > end)  # type: ignore[misc]
                    sender = subprocess.Popen(  # noqa: ASYNC220
                        [
                            sys.executable,
                            "-m",
                            __spec__.name,
                            "--send",
                            name,
                            address["gRPC"],
                            address["HTTP"],
                            str(seconds),
                        ],
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                    start = monotonic()
                    beside = await _urgent(connection, lambda sender=sender: sender.poll() is not None)  # type: ignore[misc]
                    spans.append((start, monotonic()))
                    sent = int(sender.communicate()[0] or 0)
                    rows.append(Row(name, sent, quantile(alone, 0.99), quantile(beside, 0.99), 0))
        finally:
            service.terminate()
            service.wait()
    return [row._replace(gap_s=late_s(ticks, *span, 1)) for row, span in zip(rows, spans, strict=True)]


def main() -> int:
    """Measure each kind; return 1 if one exceeds a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.stalls", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of each kind (default: %(default)g)")
    parser.add_argument("--only", nargs="*", default=[*GRPC, *REST], help="names of kinds (default: all)")
    parser.add_argument("--send", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        name, rpc, http, seconds = options.send
        print(_send(name, rpc, http, float(seconds)))  # noqa: T201
        return 0
    with TemporaryDirectory() as folder:
        rows = asyncio.run(_measured(options.only, options.seconds, Path(folder) / "ticks"))
    print(f"{'message':28} {'sent':>5} {'alone':>8} {'beside':>8} {'at most':>8} {'gap':>8}  p99 and longest gap in ms")  # noqa: T201
    for row in rows:
        times = (row.alone_s, row.beside_s, row.alone_s + _BATCH_S + _MORE_S, row.gap_s)
        numbers = " ".join(f"{1000 * time:8.1f}" for time in times)
        print(f"{row.name:28} {row.sent:5} {numbers}  {'kept' if row.kept else 'MISSED'}")  # noqa: T201
    return not all(row.kept for row in rows)


if __name__ == "__main__":
    sys.exit(main())
