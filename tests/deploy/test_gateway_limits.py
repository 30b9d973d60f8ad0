"""The limits of the Gateway are those of the service, and at the Gateway of the routes."""

from itertools import chain

import pytest

from service.grpc_api import server
from service.net import connections
from service.rerank.transfer import TRANSFER_S
from service.settings import Settings
from tests.deploy.manifests import Object, one
from tests.system.gateway import source

DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
ROUTES = {"rerankd-grpc": "GRPCRoute", "rerankd-http": "HTTPRoute"}


@pytest.fixture(scope="module")
def limits(rendered: dict[str, list[Object]]) -> Object:
    """Return the spec of the policy of the Gateway."""
    (policy,) = rendered["gateway-limits"]
    assert policy["kind"] == "ClientTrafficPolicy"
    return policy["spec"]


def seconds(duration: str) -> float:
    """Return the seconds of a duration, which all are in seconds."""
    assert duration.endswith("s")
    return float(duration.removesuffix("s"))


def test_limits_are_at_the_gateway_of_the_routes(rendered: dict[str, list[Object]], limits: Object) -> None:
    """The policy is for the Gateway that both routes name, which has another namespace."""
    (target,) = limits["targetRefs"]
    assert (target["group"], target["kind"]) == ("gateway.networking.k8s.io", "Gateway")
    for kind in ROUTES.values():
        (parent,) = one(rendered["gateway"], kind)["spec"]["parentRefs"]
        assert parent == {"name": target["name"], "namespace": "gateway"}


def test_connections_and_streams_are_those_of_a_pod(limits: Object) -> None:
    """A proxy takes no more connections than a pod takes from it, and a connection has as many calls."""
    connection = limits["connection"]["connectionLimit"]
    assert connection["value"] < connections._SHARE * DEFAULTS["max_connections"]
    assert seconds(connection["maxConnectionDuration"]) == DEFAULTS["max_connection_age_seconds"]
    assert limits["http2"]["maxConcurrentStreams"] == dict(server._OPTIONS)["grpc.max_concurrent_streams"]


def test_times_are_those_of_the_service(rendered: dict[str, list[Object]], limits: Object) -> None:
    """A request has the time that the service gives it, and no call ends before its deadline."""
    http = limits["timeout"]["http"]
    assert seconds(http["requestReceivedTimeout"]) == TRANSFER_S
    assert seconds(http["idleTimeout"]) == DEFAULTS["http_idle_seconds"]
    waits_s = DEFAULTS["max_timeout_seconds"] + TRANSFER_S
    assert seconds(http["streamIdleTimeout"]) == waits_s
    assert seconds(limits["connection"]["connectionLimit"]["maxStreamDuration"]) == TRANSFER_S + waits_s
    for name in ROUTES:
        policy = one(rendered["gateway"], "BackendTrafficPolicy", name)["spec"]
        assert seconds(policy["timeout"]["http"]["requestTimeout"]) == waits_s


def test_each_address_has_a_rate(rendered: dict[str, list[Object]]) -> None:
    """Every address of both families has the same rate, over both routes, to itself."""
    policies = (one(rendered["gateway"], "BackendTrafficPolicy", name)["spec"] for name in ROUTES)
    rules = list(chain.from_iterable(policy["rateLimit"]["local"]["rules"] for policy in policies))
    assert [source(rule) for rule in rules] == ["0.0.0.0/0", "::/0"] * len(ROUTES)
    assert len({tuple(rule["limit"].items()) for rule in rules}) == 1
