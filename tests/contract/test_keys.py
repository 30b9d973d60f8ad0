"""With keys in use, every call needs a right one and is held to its rate; the file is read again when it changes."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from rerank.v2 import rerank_pb2 as pb

from tests.clients import health, until
from tests.contract.clients import (
    GOOD,
    PATH,
    SERVICE,
    TIMEOUT_S,
    GrpcClient,
    encoded,
    http_refusal,
    refused_call,
)
from tests.process import RunningService

RATE = 10
KEYS = {name: f"key-of-{name}" for name in ("plain", "busy-rest", "busy-grpc", "idle", "taken")}
HASHED = "key-of-hashed"
DIGEST = hashlib.sha256(HASHED.encode()).hexdigest()
LINES = ["# Who may ask.", "", *(f"{name}:{key}" for name, key in KEYS.items()), f"hashed:sha256:{DIGEST}"]
RPCS = ("Rerank", "RerankStream", "ListModels")
WRONG = {
    "none": None,
    "empty": "",
    "scheme-alone": "Bearer",
    "no-scheme": KEYS["plain"],
    "other-scheme": f"Basic {KEYS['plain']}",
    "other-key": "Bearer key-of-nobody",
    "longer": f"Bearer {KEYS['plain']}x",
    "shorter": f"Bearer {KEYS['plain'][:-1]}",
    "other-case": f"Bearer {KEYS['plain'].upper()}",
    "two-keys": f"Bearer {KEYS['plain']} {HASHED}",
    "name-and-key": f"Bearer plain:{KEYS['plain']}",
    "digest": f"Bearer {DIGEST}",
    "digest-as-in-the-file": f"Bearer sha256:{DIGEST}",
    "very-long": f"Bearer {'k' * 5000}",
}
RIGHT = {
    "plain": f"Bearer {KEYS['plain']}",
    "hashed": f"Bearer {HASHED}",
    "lower-case": f"bearer {KEYS['plain']}",
    "upper-case": f"BEARER {HASHED}",
}


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file with the keys."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def service(keys_file: Path) -> Iterator[RunningService]:
    """Return a service that asks for keys."""
    with RunningService.start(api_keys_file=keys_file, rate_limit=RATE) as service:
        yield service


def headers(authorization: str | None) -> dict[str, str]:
    """Return what carries a key; a name beside it gives nobody another identity."""
    return {"x-client-name": "idle"} | ({} if authorization is None else {"authorization": authorization})


def ask(rest: httpx.Client, authorization: str | None, path: str = PATH) -> httpx.Response:
    """Return the answer over REST."""
    return rest.post(path, content=encoded(GOOD), headers=headers(authorization))


def call(rpc: GrpcClient, authorization: str | None, method: str = "Rerank") -> bytes:
    """Return the encoded answer over gRPC. Raises grpc.RpcError."""
    request = pb.RerankRequest(**GOOD)
    sent = {
        "Rerank": request,
        "RerankStream": pb.RerankStreamRequest(request=request),
        "ListModels": pb.ListModelsRequest(),
    }
    metadata = tuple(headers(authorization).items())
    return rpc.call(f"/{SERVICE}/{method}", [sent[method].SerializeToString()], metadata=metadata)


def rewrite(path: Path, *lines: str) -> None:
    """Replace a file whole, as a mounted secret is."""
    beside = path.with_suffix(".new")
    beside.write_text("\n".join(lines), encoding="utf-8")
    beside.replace(path)


@pytest.mark.parametrize("authorization", WRONG.values(), ids=WRONG)
def test_a_wrong_key(authorization: str | None, rest: httpx.Client, rpc: GrpcClient) -> None:
    """Without a key, or with a wrong one, every route and RPC answers that and nothing else."""
    described: dict[str, Any] = rest.get("/openapi.json").json()["paths"]
    for path in (path for path, item in described.items() if "post" in item):
        answer = ask(rest, authorization, path)
        assert answer.status_code == 401
        http_refusal(answer)
        assert answer.headers["www-authenticate"] == "Bearer"
    for method in RPCS:
        refusal = refused_call(call, rpc, authorization, method)
        assert (refusal.code, refusal.reason) == (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        assert refusal.pushback_ms is None


@pytest.mark.parametrize("method", ["Rerank/Rerank", "Rerank/RerankStream", "Info/Info"])
def test_a_wrong_key_in_another_form(method: str, rpc: GrpcClient) -> None:
    """The form of text-embeddings-inference asks for the same keys."""
    for metadata in ((), (("authorization", "Bearer key-of-nobody"),)):
        refusal = refused_call(rpc.call, f"/tei.v1.{method}", [b""], metadata=metadata)
        assert (refusal.code, refusal.reason) == (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_a_right_key_in_another_form(rpc: GrpcClient) -> None:
    """And a right one passes there."""
    assert rpc.call("/tei.v1.Info/Info", [b""], metadata=(("authorization", f"Bearer {HASHED}"),))


def test_a_wrong_key_comes_first(rest: httpx.Client, rpc: GrpcClient) -> None:
    """Nobody without a key learns what is wrong with a request, or has its body read."""
    assert rest.post(PATH, content=b"{").status_code == 401
    assert rest.post(PATH, content=b"", headers={"content-type": "text/plain"}).status_code == 401
    assert rest.post(PATH, content=encoded(GOOD), headers={"x-request-timeout-ms": "soon"}).status_code == 401
    assert refused_call(rpc.rerank, b"\xff").code is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("authorization", RIGHT.values(), ids=RIGHT)
def test_a_right_key(authorization: str, rest: httpx.Client, rpc: GrpcClient) -> None:
    """A right key passes everywhere, written out or hashed in the file, with the scheme in any letter case."""
    assert ask(rest, authorization).status_code == 200
    for method in RPCS:
        assert call(rpc, authorization, method)


def test_probes_need_no_key(service: RunningService, rpc: GrpcClient) -> None:
    """Probes and metrics need no key."""
    answer = health(rpc.channel).Check(HealthCheckRequest(service=SERVICE), timeout=TIMEOUT_S)
    assert answer.status == HealthCheckResponse.SERVING
    for probe in ("/livez", "/readyz", "/metrics"):
        assert httpx.get(service.admin + probe, timeout=600).status_code == 200


def test_beyond_the_rate_over_rest(rest: httpx.Client) -> None:
    """A client over its rate is told when to ask again; others, and the same one after that time, are answered."""
    busy, others = f"Bearer {KEYS['busy-rest']}", f"Bearer {KEYS['idle']}"
    assert [ask(rest, busy).status_code for _ in range(RATE)] == [200] * RATE
    more = (ask(rest, busy) for _ in range(50 * RATE))
    answer = next(answer for answer in more if answer.status_code != 200)
    assert answer.status_code == 429
    http_refusal(answer)
    after = int(answer.headers["retry-after"])
    assert 1 <= after <= 59
    assert ask(rest, others).status_code == 200
    time.sleep(after)
    assert ask(rest, busy).status_code == 200


def test_beyond_the_rate_over_grpc(rpc: GrpcClient, rest: httpx.Client) -> None:
    """The same over gRPC, in its words; the two APIs count as one."""
    busy = f"Bearer {KEYS['busy-grpc']}"
    for _ in range(RATE):
        call(rpc, busy)
    refusal = refused_call(lambda: [call(rpc, busy) for _ in range(50 * RATE)])
    assert ask(rest, busy).status_code == 429
    assert (refusal.code, refusal.reason) == (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert refusal.retry_s is not None
    assert refusal.retry_s > 0
    assert refusal.pushback_ms == refusal.retry_s * 1000


def test_the_file_is_read_again(keys_file: Path, rest: httpx.Client, rpc: GrpcClient) -> None:
    """A key that is added passes and one that is taken away does not, without a restart."""
    added, taken = "Bearer key-of-added", f"Bearer {KEYS['taken']}"
    assert (ask(rest, added).status_code, ask(rest, taken).status_code) == (401, 200)
    rewrite(keys_file, *(line for line in LINES if not line.startswith("taken:")), "added:key-of-added")
    until(lambda: ask(rest, added).status_code == 200, "the new file counts")
    assert call(rpc, added)
    assert ask(rest, taken).status_code == 401
    assert refused_call(call, rpc, taken).code is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("lines", [("no separator",), ("name:sha256:abc",), ("name:",), ("# nobody",), ()])
def test_a_broken_file_changes_nothing(
    lines: tuple[str, ...], keys_file: Path, rest: httpx.Client, service: RunningService
) -> None:
    """A file that cannot be used leaves the keys as they were, until it can."""
    before = len(service.log())
    rewrite(keys_file, *lines)
    until(lambda: "reload failed" in service.log()[before:], "the file was looked at")
    assert ask(rest, f"Bearer {HASHED}").status_code == 200
    assert ask(rest, None).status_code == 401
    keys_file.unlink()
    assert ask(rest, "Bearer key-of-nobody").status_code == 401
    rewrite(keys_file, *LINES, f"back:key-{before}")
    until(lambda: ask(rest, f"Bearer key-{before}").status_code == 200, "the file counts again")
    assert ask(rest, f"Bearer {KEYS['idle']}").status_code == 200


def test_the_log_holds_no_key(service: RunningService) -> None:
    """The log names clients by the name of their key, and shows no key and no traceback."""
    log = service.log()
    assert '"client": "busy-grpc"' in log
    assert not any(key in log for key in (*KEYS.values(), HASHED, DIGEST, "Traceback"))
