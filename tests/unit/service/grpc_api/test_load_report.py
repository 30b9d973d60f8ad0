"""The trailers of every call report a load that rises with the backlog."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from base64 import b64decode
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from rerank.v2.load_report_pb2 import LoadReport

from scheduler import Shed
from service.grpc_api.load_report import TRAILER
from service.grpc_api.rerank import SERVICE as V2
from service.grpc_api.tei import INFO
from service.grpc_api.tei import RERANK as TEI
from tests.unit.service.grpc_api.grpc_client import REQUEST, TEXTS, Api

ROOT = Path(__file__).parents[4]
BODIES: dict[str, dict[str, object]] = {
    f"{V2}/Rerank": {"query": "q", "documents": TEXTS},
    f"{V2}/RerankStream": {"request": {"query": "q", "documents": TEXTS}},
    f"{TEI}/Rerank": {"query": "q", "texts": TEXTS},
    f"{TEI}/RerankStream": {"query": "q", "text": TEXTS[0]},
    f"{V2}/ListModels": {},
    f"{INFO}/Info": {},
}


async def trailers(api: Api, method: str, **body: object) -> dict[str, str]:
    """Return how a call ends, as it is on the wire: the library keeps the report to its own balancers."""
    buf = Path(sys.executable).with_name("buf")
    flags = ("--protocol", "grpc", "--http2-prior-knowledge", "--verbose", "--schema", ROOT / "protos")
    url = f"http://{api.address}/{method}"
    process = await asyncio.create_subprocess_exec(
        buf, "curl", *flags, "--data", json.dumps(body), url, stdout=PIPE, stderr=PIPE
    )
    _, told = await process.communicate()
    lines = re.findall(r"^buf: < \(#1\) ([\w-]+): (.*)$", told.decode(), re.MULTILINE)
    return {name.lower(): value for name, value in lines}


def report_of(trailers: dict[str, str]) -> LoadReport:
    """Return the report among the trailers of a call."""
    return LoadReport.FromString(b64decode(trailers[TRAILER] + "=="))


def loaded(api: Api, pressure: float) -> None:
    """Give the API this much to do."""
    api.reranker.pressure = pressure


def test_on_the_wire():
    """The report is, byte by byte, what balancers look for: field 6 the rate, field 9 the utilisation, both doubles."""
    wire = LoadReport(rps_fractional=2.0, application_utilization=0.5).SerializeToString()
    assert wire == b"\x31\x00\x00\x00\x00\x00\x00\x00\x40\x49\x00\x00\x00\x00\x00\x00\xe0\x3f"


@pytest.mark.parametrize("method", BODIES)
async def test_answered(method: str, api: Api):
    """Every method says how busy the server is when it has answered."""
    loaded(api, 0.4)
    ended = await trailers(api, method, **BODIES[method])
    assert ended["grpc-status"] == "0"
    assert report_of(ended).application_utilization == 0.5


async def test_refused(api: Api):
    """A refused call says it, too, beside why it was refused and when to come back."""
    loaded(api, 0.75)
    api.reranker.answer = Shed(2.5)
    ended = await trailers(api, f"{V2}/Rerank", query="q", documents=TEXTS)
    assert ended["grpc-status"] == str(StatusCode.UNAVAILABLE.value[0])
    assert report_of(ended).application_utilization == 0.1 + 0.75
    assert ended["grpc-retry-pushback-ms"] == "2500"
    status = Status.FromString(b64decode(ended["grpc-status-details-bin"] + "=="))
    assert [detail.TypeName() for detail in status.details] == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]


async def test_no_key(locked: Api):
    """The answer to a call without a key reports the load, too."""
    loaded(locked, 0.4)
    ended = await trailers(locked, f"{V2}/Rerank")
    assert ended["grpc-status"] == str(StatusCode.UNAUTHENTICATED.value[0])
    assert report_of(ended).application_utilization == 0.5


async def test_not_loaded_yet():
    """Before there is a model, no load is reported."""
    async with Api(ready=False) as api:
        ended = await trailers(api, f"{V2}/Rerank", query="q", documents=TEXTS)
    assert ended["grpc-status"] == str(StatusCode.UNAVAILABLE.value[0])
    assert TRAILER not in ended


@pytest.mark.parametrize("pressure", [0.0, 0.5, 1.25])
async def test_utilisation(pressure: float, api: Api):
    """The more work a server holds, the higher its utilisation; it is never 0, which would hide the report."""
    loaded(api, pressure)
    told = report_of(await trailers(api, f"{V2}/ListModels"))
    assert told == LoadReport(rps_fractional=1, application_utilization=0.1 + pressure)


async def test_weights_go_by_the_load_alone(api: Api):
    """A server that had many calls and one that had few report the same, so that either gets more as it is idle."""
    loaded(api, 0.5)
    before = report_of(await trailers(api, f"{V2}/ListModels"))
    for _ in range(20):
        await api.stub.Rerank(REQUEST)
    assert report_of(await trailers(api, f"{V2}/ListModels")) == before
