"""Values out of range are refused over both APIs with the same fields and the same reason."""

import json
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from grpc import StatusCode

from tests.contract.clients import PATH, SECRET, GrpcClient, changed, grpc_refusal, refused, refused_call
from tests.process import RunningService

pytestmark = pytest.mark.usefixtures("unharmed")

LATE = changed(query=f"too late {SECRET}", documents=[f"{SECRET} {n}" for n in range(50)])
FINE: dict[str, dict[str, Any]] = {
    "query-nul": {"query": f"{SECRET}\0{SECRET}"},
    "query-1-mb": {"query": f"{SECRET} " * 170_000},
    "document-empty": {"documents": [""]},
    "document-blank": {"documents": [" \n\t", SECRET]},
    "document-nul": {"documents": ["\0", f"\0{SECRET}\0"]},
    "document-1-mb": {"documents": [f"{SECRET} " * 150_000]},
    "document-1-mb-one-word": {"documents": [SECRET * 200_000]},
    "document-noncharacters": {"documents": ["\ufffe\uffff\U0010ffff\u202e\u200d\ufeff"]},
    "top-n-int32-max": {"top_n": 2**31 - 1},
    "max-tokens-int32-max": {"max_tokens_per_doc": 2**31 - 1},
    "priority-999": {"priority": 999},
}


class Refused(NamedTuple):
    """An error in a request, and how both APIs refuse it."""

    changes: dict[str, Any]
    fields: tuple[str, ...] = ()
    """Fields that the refusal names."""
    status: int = 422
    code: StatusCode = StatusCode.INVALID_ARGUMENT
    reason: str = "OUT_OF_RANGE"


def outside(**changes: object) -> Refused:
    """Return a request with fields out of range, all of which are named."""
    return Refused(changes, tuple(changes))


def unknown(model: str) -> Refused:
    """Return a request for a model that is not served."""
    return Refused({"model": model}, (), 404, StatusCode.NOT_FOUND, "UNKNOWN_MODEL")


REFUSED = {
    "query-empty": outside(query=""),
    "query-blank": outside(query=" \t\r\n"),
    "query-unicode-white-space": outside(query="\u00a0\u2003\u3000"),
    "documents-none": outside(documents=[]),
    "documents-too-many": outside(documents=[SECRET] * 10_001),
    "top-n-0": outside(top_n=0),
    "top-n-negative": outside(top_n=-1),
    "top-n-int32-min": outside(top_n=-(2**31)),
    "max-tokens-0": outside(max_tokens_per_doc=0),
    "max-tokens-negative": outside(max_tokens_per_doc=-5),
    "priority-negative": outside(priority=-1),
    "priority-1000": outside(priority=1000),
    "priority-int32-max": outside(priority=2**31 - 1),
    "priority-int32-min": outside(priority=-(2**31)),
    "everything": outside(query=" ", documents=[], top_n=0, max_tokens_per_doc=0, priority=-1),
    "model-unknown": unknown(f"rerank-{SECRET}"),
    "model-empty": unknown(""),
    "model-other-case": unknown("RERANK-V3.5"),
    "model-nul": unknown("rerank-v3.5\0"),
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_odd_but_fine(changes: dict[str, Any], rest: httpx.Client, rpc: GrpcClient) -> None:
    """An odd request within the contract is answered over both APIs."""
    body = changed(**changes)
    assert rest.post(PATH, json=body).status_code == 200
    assert rpc.rerank(body).results


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refused(case: Refused, rest: httpx.Client, rpc: GrpcClient) -> None:
    """Both APIs refuse a field out of range, each in its own words, naming the same fields."""
    body = changed(**case.changes)
    refused(rest.post(PATH, json=body), case.status, *case.fields)
    refusal = refused_call(rpc.rerank, body)
    assert (refusal.code, refusal.reason, refusal.fields) == (case.code, case.reason, case.fields)
    assert SECRET not in refusal.message


def test_a_deadline_too_short(rpc: GrpcClient) -> None:
    """A call that cannot end in time is shed, with advice, or ends at its deadline, whichever is first."""
    with pytest.raises(grpc.RpcError) as caught:
        rpc.rerank(LATE, timeout=0.001)
    assert caught.value.code() in {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}
    if caught.value.code() is StatusCode.UNAVAILABLE:
        refusal = grpc_refusal(caught.value)
        assert refusal.reason == "SHED"
        assert refusal.pushback_ms is not None


def test_the_log(rest: httpx.Client, rpc: GrpcClient, running: RunningService) -> None:
    """The log is one JSON object a line, and holds no text and no key, not of answered calls either."""
    marked = changed(query=SECRET, documents=[SECRET])
    assert rest.post(PATH, json=marked, headers={"authorization": f"Bearer {SECRET}"}).status_code == 200
    assert rpc.rerank(marked, metadata=(("authorization", f"Bearer {SECRET}"),)).results
    entries = [json.loads(line) for line in running.settled_log().splitlines()]
    assert [entry["outcome"] for entry in entries][-2:] == ["OK", "OK"]
    assert SECRET not in running.settled_log()
