"""The limits that deploy/kubernetes sets at a Gateway, as Envoy Gateway translates them for its Envoy."""

from pathlib import Path
from typing import Any

import yaml

_KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
CLIENTS = _KUBERNETES / "gateway-limits" / "client-traffic-policy.yaml"
ROUTE = _KUBERNETES / "components" / "gateway" / "grpc-traffic-policy.yaml"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SECONDS = {"Second": 1, "Minute": 60, "Hour": 3600}
_ADDRESSES_MAX = 10_000  # As Envoy Gateway has it since its issue 9973; before, Envoy's default of 20 was in force.

Object = dict[str, Any]


def spec(policy: Path) -> Object:
    """Return the spec of a policy."""
    return yaml.safe_load(policy.read_text(encoding="utf-8"))["spec"]


def bytes_of(quantity: str) -> int:
    """Return the number of bytes of a quantity of Kubernetes."""
    return int(quantity[:-2]) * _UNITS[quantity[-2:]]


def limited(listener: Object) -> Object:
    """Return a listener of HTTP/2 with the limits of the policies."""
    clients = spec(CLIENTS)
    connection, http = clients["connection"], clients["timeout"]["http"]
    ((front,),) = (chain["filters"] for chain in listener["filter_chains"])
    (router,) = front["typed_config"]["http_filters"]
    limit = connection["connectionLimit"]
    manager = front["typed_config"] | {
        "use_remote_address": True,  # The address of a caller is that of its connection.
        "http2_protocol_options": _http2(clients["http2"]),
        "common_http_protocol_options": {
            "idle_timeout": http["idleTimeout"],
            "max_connection_duration": limit["maxConnectionDuration"],
            "max_stream_duration": limit["maxStreamDuration"],
        },
        "request_timeout": http["requestReceivedTimeout"],
        "stream_idle_timeout": http["streamIdleTimeout"],
        "http_filters": [_rates(spec(ROUTE)["rateLimit"]["local"]["rules"]), router],
    }
    return listener | {
        "per_connection_buffer_limit_bytes": bytes_of(connection["bufferLimit"]),
        "max_connections_to_accept_per_socket_event": connection["maxAcceptPerSocketEvent"],
        "filter_chains": [{"filters": [_connections(limit["value"]), front | {"typed_config": manager}]}],
    }


def _http2(http2: Object) -> Object:
    return {
        "max_concurrent_streams": http2["maxConcurrentStreams"],
        "initial_stream_window_size": bytes_of(http2["initialStreamWindowSize"]),
        "initial_connection_window_size": bytes_of(http2["initialConnectionWindowSize"]),
        "override_stream_error_on_invalid_http_message": http2["onInvalidMessage"] == "TerminateStream",
    }


def _connections(most: int) -> Object:
    kind = f"{_FILTERS}.network.connection_limit.v3.ConnectionLimit"
    return {"name": "connections", "typed_config": {"@type": kind, "stat_prefix": "front", "max_connections": most}}


def _rates(rules: list[Object]) -> Object:
    """Return the filter that limits the requests of each address; Envoy Gateway sets it by route."""
    all_of_them = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    rates = {
        "@type": f"{_FILTERS}.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "front",
        "filter_enabled": all_of_them,
        "filter_enforced": all_of_them,
        "max_dynamic_descriptors": _ADDRESSES_MAX,
        "always_consume_default_token_bucket": False,
        "token_bucket": {"max_tokens": 2**32 - 1, "tokens_per_fill": 2**32 - 1, "fill_interval": "1s"},
        "rate_limits": [{"actions": _asked(rule)} for rule in rules],
        "descriptors": [_descriptor(rule) for rule in rules],
    }
    return {"name": "rates", "typed_config": rates}


def source(rule: Object) -> str:
    """Return the network, in CIDR notation, whose addresses each have the rate of a rule."""
    ((found,),) = (selector.values() for selector in rule["clientSelectors"])
    assert found["type"] == "Distinct"
    return found["value"]


def _asked(rule: Object) -> list[Object]:
    network, _, bits = source(rule).partition("/")
    version = "v6" if ":" in network else "v4"
    return [{"masked_remote_address": {f"{version}_prefix_mask_len": int(bits)}}, {"remote_address": {}}]


def _descriptor(rule: Object) -> Object:
    entries = [{"key": "masked_remote_address", "value": source(rule)}, {"key": "remote_address"}]
    requests, seconds = rule["limit"]["requests"], _SECONDS[rule["limit"]["unit"]]
    bucket = {"max_tokens": requests, "tokens_per_fill": requests, "fill_interval": f"{seconds}s"}
    return {"entries": entries, "token_bucket": bucket}
