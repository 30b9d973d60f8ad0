"""The settings of the component `mtls` demand client certificates, but not from probes."""

from pathlib import Path

import grpc
import httpx
import pytest
from rerank.v2 import rerank_pb2_grpc
from trustme import CA

from service.settings import PREFIX
from tests.certificates import Secret, issued, over_grpc
from tests.clients import message
from tests.deploy.manifests import Object, container_of, environment_of
from tests.process import RunningService


def test_clients_need_a_certificate_and_probes_do_not(rendered: dict[str, list[Object]], tmp_path: Path) -> None:
    """Clients need a certificate; probes pass without one."""
    authority, stranger = CA(), CA()
    secret = Secret(tmp_path / "tls")
    secret.show(issued(authority), authority)
    settings = {
        name.removeprefix(PREFIX).lower(): value.replace("/etc/rerankd/tls", str(tmp_path / "tls"))
        for name, value in environment_of(rendered["mtls"]).items()
        if name.startswith(f"{PREFIX}TLS_")
    }
    assert len(settings) == 3
    running = RunningService.start(**settings)
    try:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            path = container_of(rendered["mtls"])[probe]["httpGet"]["path"]
            assert httpx.get(f"{running.admin}{path}").status_code == 200
        with grpc.secure_channel(running.grpc, over_grpc(authority, issued(authority))) as channel:
            assert rerank_pb2_grpc.RerankServiceStub(channel).Rerank(message(), timeout=600).results
        with grpc.secure_channel(running.grpc, over_grpc(authority, issued(stranger))) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                rerank_pb2_grpc.RerankServiceStub(channel).Rerank(message(), timeout=600)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        assert running.stop() == 0
