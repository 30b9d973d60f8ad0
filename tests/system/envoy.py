"""A real Envoy in front of replicas, as deploy/README.md says to set it up."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from tests.clients import until

COMMAND = Path(__file__).parents[2] / ".tools" / "bin" / "envoy"
_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP_FRONT = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_POLICIES = "type.googleapis.com/envoy.extensions.load_balancing_policies"
LEAST_REQUEST = {"@type": f"{_POLICIES}.least_request.v3.LeastRequest"}
WEIGHTED = {
    "@type": f"{_POLICIES}.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin",
    "blackout_period": "0s",  # A test need not wait until reports have settled.
}
_MANY = 65536
_ELSEWHERE = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


class Envoy:
    """A proxy with one cluster, the replicas."""

    def __init__(
        self,
        addresses: Sequence[str],
        folder: Path,
        policy: dict[str, str] = LEAST_REQUEST,
        limited: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        """Prepare it to balance over `addresses` by `policy`; it runs from `with` to its end.

        `limited` returns its listener with limits on clients.
        """
        self._config, self._admin_file = folder / "envoy.json", folder / "admin"
        self._config.write_text(json.dumps(_config(addresses, policy, limited(_listener()))))
        self._replicas = len(addresses)

    @property
    def healthy(self) -> int:
        """Replicas that it sends calls to."""
        return int(self._stat("membership_healthy"))

    def _stat(self, name: str) -> int:
        name = f"cluster.replicas.{name}"
        (line,) = httpx.get(f"{self._admin}/stats", params={"filter": f"^{name}$"}).text.splitlines()
        return int(line.removeprefix(f"{name}: "))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                *(COMMAND, "--config-path", self._config, "--admin-address-path", self._admin_file),
                *("--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
            ]
        )
        try:
            until(lambda: self._admin_file.exists() and bool(self._admin_file.read_text()), "an Envoy")
            self._admin = f"http://{self._admin_file.read_text()}"
            until(lambda: self.healthy == self._replicas, "healthy replicas")
            (listener,) = httpx.get(f"{self._admin}/listeners?format=json").json()["listener_statuses"]
            address = listener["local_address"]["socket_address"]
            self.address = f"{address['address']}:{address['port_value']}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _config(addresses: Sequence[str], policy: dict[str, str], listener: dict[str, Any]) -> dict[str, Any]:
    return {
        "admin": {"address": _address("127.0.0.1:0")},
        "static_resources": {"listeners": [listener], "clusters": [_cluster(addresses, policy)]},
    }


def _listener() -> dict[str, Any]:
    retry = {
        # A server that stops cancels the calls that it has not looked at yet.
        "retry_on": "unavailable,cancelled,connect-failure,reset",
        "num_retries": 1,
        "retry_host_predicate": [{"name": "elsewhere", "typed_config": {"@type": _ELSEWHERE}}],
        "host_selection_retry_max_attempts": 20,  # A dead replica has the fewest requests: it is often drawn again.
    }
    routes = [
        # Whether there is a replica that serves is for the proxy to find out. One that drains would say no for all.
        {"match": {"prefix": "/grpc.health.v1.Health/"}, "direct_response": {"status": 404}},
        {"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s", "retry_policy": retry}},
    ]
    front = {
        "@type": _HTTP_FRONT,
        "stat_prefix": "front",
        "codec_type": "HTTP2",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {
        "address": _address("127.0.0.1:0"),
        "filter_chains": [{"filters": [{"name": "front", "typed_config": front}]}],
    }


def _cluster(addresses: Sequence[str], policy: dict[str, str]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(address)}} for address in addresses]
    alive = {"interval": "1s", "timeout": "1s"}
    health = {"grpc_health_check": {"service_name": "rerank.v2.RerankService"}}
    return {
        "name": "replicas",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "replicas", "endpoints": [{"lb_endpoints": endpoints}]},
        "load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "lb", "typed_config": policy}}]},
        "health_checks": [
            # Without the second one, the first calls come a minute before the second check.
            {"interval": "0.5s", "no_traffic_interval": "0.5s"}
            | {"timeout": "2s", "unhealthy_threshold": 1, "healthy_threshold": 1}
            | health
        ],
        # A replica that dies takes all that it has under way with it, which may be much of all there is. The replicas
        # know whom to refuse; 1,024 requests, which is the default, would be all.
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY}
                | {"retry_budget": {"budget_percent": {"value": 50}, "min_retry_concurrency": 100}}
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": alive}},
            }
        },
    }


def _address(address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}
