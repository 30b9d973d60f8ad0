"""Both APIs speak TLS to those who show the right certificate, and take new files without a restart."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from rerank.v2 import rerank_pb2_grpc
from trustme import CA, LeafCert

from rerankd_client import AsyncRerankClient, RerankClient
from tests.certificates import CERT, CLIENT_CA, KEY, Secret, chain, issued, needs_openssl, over_grpc, over_http, shown
from tests.clients import body, message, metric, stub, unseen, until
from tests.examples import DOCUMENTS, QUERY, SMALL
from tests.process import PATIENT, RunningService, failed_start

TEXT = "some words to read " * 20
ROOT, OTHER_ROOT = CA(), CA()
CLIENTS, OTHERS = CA(), CA()
BRANCH = CA().create_child_ca()
"""Signed by a root that the server is not told of."""


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Serve whoever speaks TLS."""
    secret = Secret(tmp_path_factory.mktemp("tls"))
    secret.show(issued(ROOT))
    with RunningService.start(**secret.settings(), model=SMALL) as running:
        yield running


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Serve those that show a certificate."""
    secret = Secret(tmp_path_factory.mktemp("mtls"))
    secret.show(issued(ROOT), CLIENTS, BRANCH)
    with RunningService.start(**secret.settings(), model=SMALL, tls_client_ca_file=secret[CLIENT_CA]) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Secret, RunningService]]:
    """Serve with a certificate that tests replace."""
    secret = Secret(tmp_path_factory.mktemp("changing"))
    secret.show(issued(ROOT))
    with RunningService.start(**secret.settings(), **PATIENT, workers=1) as running:
        yield secret, running


@pytest.fixture
def changing(shared: tuple[Secret, RunningService]) -> tuple[Secret, RunningService]:
    """Give that service, with a certificate signed by ROOT."""
    secret, running = shared
    secret.show(leaf := issued(ROOT))
    _until_shown(running, leaf)
    return shared


def _grpc(running: RunningService, credentials: grpc.ChannelCredentials, **changes: object) -> Any:
    with grpc.secure_channel(running.grpc, credentials) as channel:
        return rerank_pb2_grpc.RerankServiceStub(channel).Rerank(message(**changes), timeout=600)


def _http(running: RunningService, context: ssl.SSLContext, **changes: object) -> httpx.Response:
    return httpx.post(f"{running.http}/v2/rerank", json=body(**changes), verify=context, timeout=600)


def _addresses(running: RunningService) -> list[str]:
    return [running.grpc, running.http.removeprefix("https://")]


def test_both_apis_answer_over_tls(encrypted: RunningService) -> None:
    """Clients that trust the server's root are answered alike over both APIs, in the client library, too."""

    async def asked() -> object:
        async with AsyncRerankClient(encrypted.grpc, credentials=over_grpc(ROOT)) as client:
            return (await client.rerank(QUERY, DOCUMENTS)).results

    found = [(r.index, r.relevance_score) for r in _grpc(encrypted, over_grpc(ROOT)).results]
    answer = _http(encrypted, over_http(ROOT)).json()
    with RerankClient(encrypted.grpc, credentials=over_grpc(ROOT)) as client:
        results = client.rerank(QUERY, DOCUMENTS).results
    assert found == [(r["index"], r["relevance_score"]) for r in answer["results"]]
    assert found == [(r.index, r.relevance_score) for r in results]
    assert results == asyncio.run(asked())


def test_nothing_is_said_without_encryption(encrypted: RunningService) -> None:
    """A client that does not encrypt fails on both APIs; metrics and probes stay plain."""
    with stub(encrypted.grpc) as rpc, pytest.raises(grpc.RpcError) as caught:
        rpc.Rerank(message(), timeout=600)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{encrypted.http.replace('https', 'http')}/v2/rerank", json=body(), timeout=600)
    assert httpx.get(f"{encrypted.admin}/readyz", timeout=600).status_code == 200


def test_a_client_that_trusts_somebody_else_hangs_up(encrypted: RunningService) -> None:
    """The server shows the certificate it was given, which other roots do not vouch for."""
    with pytest.raises(grpc.RpcError):
        _grpc(encrypted, over_grpc(OTHER_ROOT))
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        _http(encrypted, over_http(OTHER_ROOT))


@needs_openssl
@pytest.mark.parametrize("api", [0, 1])
def test_what_is_older_than_tls_1_2_is_refused(encrypted: RunningService, api: int) -> None:
    """TLS 1.2 is spoken, 1.1 is not, over either API."""
    connect = ["openssl", "s_client", "-cipher", "DEFAULT:@SECLEVEL=0", "-alpn", "h2", "-connect"]
    made = [
        subprocess.run(
            [*connect, _addresses(encrypted)[api], f"-tls1_{version}"],
            input=b"",
            capture_output=True,
            check=False,
        ).returncode
        == 0
        for version in (1, 2)
    ]
    assert made == [False, True]


@pytest.mark.parametrize("own", [None, issued(OTHERS), issued(ROOT)], ids=["none", "unknown", "of the server's root"])
def test_clients_without_the_right_certificate_are_refused(mutual: RunningService, own: LeafCert | None) -> None:
    """With a CA for clients, nobody is answered whose certificate it has not signed."""
    with pytest.raises(grpc.RpcError) as caught:
        _grpc(mutual, over_grpc(ROOT, own))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.TransportError):
        _http(mutual, over_http(ROOT, own))


@pytest.mark.parametrize("ca", [CLIENTS, BRANCH], ids=["root", "branch"])
def test_clients_with_the_right_certificate_are_answered(mutual: RunningService, ca: CA) -> None:
    """A client is let in if a CA of the file has signed its certificate, be it a root or signed by another."""
    own = issued(ca)
    assert _grpc(mutual, over_grpc(ROOT, own)).results
    assert _http(mutual, over_http(ROOT, own)).status_code == 200
    with RerankClient(mutual.grpc, credentials=over_grpc(ROOT, own)) as client:
        assert client.rerank(QUERY, DOCUMENTS).results


def _swap(secret: Secret, leaf: LeafCert) -> None:
    secret.show(leaf)


def _overwrite(secret: Secret, leaf: LeafCert) -> None:
    secret[CERT].write_bytes(chain(leaf))
    secret[KEY].write_bytes(leaf.private_key_pem.bytes())


def _until_shown(running: RunningService, leaf: LeafCert) -> None:
    def is_shown() -> bool:
        return {shown(address) for address in _addresses(running)} == {leaf.cert_chain_pems[0].bytes()}

    until(is_shown, "new connections see the certificate")


@pytest.mark.parametrize("replace", [_swap, _overwrite])
def test_new_connections_see_a_new_certificate(
    changing: tuple[Secret, RunningService], replace: Callable[[Secret, LeafCert], None]
) -> None:
    """After the files are replaced, new connections see the new certificate, and old ones go on as they were."""
    secret, running = changing
    with grpc.secure_channel(running.grpc, over_grpc(ROOT)) as channel, ThreadPoolExecutor() as threads:
        rpc = rerank_pb2_grpc.RerankServiceStub(channel)
        call = rpc.Rerank.future(message(documents=unseen(TEXT, 200), priority=900), timeout=600)
        rest = threads.submit(_http, running, over_http(ROOT), documents=unseen(TEXT, 200), priority=900)
        until(lambda: metric(running.admin, "rerank_jobs") == 2, "both calls are under way")
        replace(secret, new := issued(OTHER_ROOT))
        _until_shown(running, new)
        assert _grpc(running, over_grpc(OTHER_ROOT), documents=["one"]).results
        assert _http(running, over_http(OTHER_ROOT), documents=["one"]).status_code == 200
        assert metric(running.admin, "rerank_jobs") == 2
        assert len(call.result().results) == 200
        assert rpc.Rerank(message(), timeout=600).results
        assert rest.result().status_code == 200


def test_files_that_cannot_be_used_change_nothing(changing: tuple[Secret, RunningService]) -> None:
    """While new files cannot be used, the old certificate is shown, and the log says why, once for each change."""
    secret, running = changing
    good, other = issued(ROOT), issued(ROOT)
    secret.show(good)
    _until_shown(running, good)
    before = len(running.log())
    for text in (b"", b"not a certificate", chain(good)[:300]):
        secret.put(tls_crt=text, tls_key=other.private_key_pem.bytes())
    until(lambda: "certificates in PEM" in running.log()[before:], "the log says why")
    secret.put(tls_crt=chain(other), tls_key=good.private_key_pem.bytes())
    until(lambda: "cannot be used with TLS certificate file" in running.log()[before:], "the log says why")
    for _ in range(3):
        assert {shown(address) for address in _addresses(running)} == {good.cert_chain_pems[0].bytes()}
    assert _grpc(running, over_grpc(ROOT)).results
    log = running.log()[before:]
    assert log.count("certificates in PEM") == 1
    assert log.count("cannot be used with TLS certificate file") == 1
    secret.show(other)
    _until_shown(running, other)


@needs_openssl
def test_a_certificate_that_grpc_does_not_take_ends_the_start(tmp_path: Path) -> None:
    """The start ends if only the standard library can use a key, and the message does not blame the port alone."""
    secret = Secret(tmp_path)
    secret.show(issued(ROOT))
    command = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=x", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:secp256k1", "-keyout", str(secret[KEY]), "-out", str(secret[CERT])]
    subprocess.run(command, check=True, capture_output=True)
    said = failed_start(**secret.settings()).splitlines()[-1]
    assert "gRPC" in said
    assert str(secret[CERT]) in said


def test_clients_that_do_not_listen_do_not_hold_a_drain_up(tmp_path: Path) -> None:
    """A connection that is open and silent when the service stops is closed like one without TLS."""
    secret = Secret(tmp_path)
    secret.show(issued(ROOT))
    running = RunningService.start(**secret.settings(), model=SMALL)
    with httpx.Client(verify=over_http(ROOT)) as idle:
        assert idle.get(f"{running.http}/openapi.json").status_code == 200
        assert running.stop() == 0
    assert "exceeded" not in running.log()


def test_a_start_that_cannot_succeed_says_why(tmp_path: Path) -> None:
    """Files that cannot be used end the start with status 1 and a sentence that names them."""
    secret = Secret(tmp_path)
    secret.show(issued(ROOT))
    said = failed_start(**secret.settings() | {"tls_client_ca_file": "/dev/null"})
    assert said.startswith("rerankd: TLS client CA file /dev/null ")
