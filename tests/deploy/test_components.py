"""Each component makes its documented changes, and is compatible with the others."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from service.telemetry.admin import create_admin
from service.telemetry.metrics import Metrics
from tests.deploy.manifests import ALL, SERVING, Object, container_of, environment_of, one, pod_of
from tests.deploy.tools import ROOT

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.mark.parametrize("name", ["network-policy", "production", ALL])
def test_the_network_lets_in_only_whom_it_names(rendered: dict[str, list[Object]], name: str) -> None:
    """Only clients reach the APIs, only monitoring reaches the admin port, and pods reach only DNS."""
    spec = one(rendered[name], "NetworkPolicy")["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    reached = {port["port"]: rule["from"] for rule in spec["ingress"] for port in rule["ports"]}
    assert reached.keys() == {"grpc", "http", "admin"} == {p["name"] for p in container_of(rendered[name])["ports"]}
    for port, peers in reached.items():
        for peer in peers:
            chosen = {**peer.get("podSelector", {}), **peer.get("namespaceSelector", {})}
            assert chosen["matchLabels"], "an empty selector is everybody"
        from_monitoring = "kubernetes.io/metadata.name" in peers[0].get("namespaceSelector", {}).get("matchLabels", {})
        assert from_monitoring is (port == "admin")
    (egress,) = spec["egress"]
    assert {(port["port"], port["protocol"]) for port in egress["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert egress["to"]


@pytest.mark.parametrize("name", ["monitoring", "production", ALL])
def test_pods_are_scraped_where_they_publish(rendered: dict[str, list[Object]], name: str) -> None:
    """The monitor scrapes the admin port under the job name of all queries, and Grafana finds the dashboard."""
    monitor = one(rendered[name], "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
    labels = one(rendered[name], "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert (
        labels[monitor["spec"]["jobLabel"]] == monitor["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "rerankd"
    )
    dashboard = one(rendered[name], "ConfigMap", "rerankd-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"].keys() == {"rerankd.json"}


@pytest.mark.parametrize("name", SERVING)
def test_probes_are_what_the_kubelet_can_speak(rendered: dict[str, list[Object]], name: str) -> None:
    """Probes use gRPC without TLS, and with TLS the existing paths of the admin port."""
    container = container_of(rendered[name])
    encrypted = "RERANKD_TLS_CERT_FILE" in environment_of(rendered[name])
    assert encrypted is (name in {"mtls", ALL})
    kind = "httpGet" if encrypted else "grpc"
    assert all(container[probe].keys() & {"httpGet", "grpc"} == {kind} for probe in PROBES)
    if encrypted:
        asked = [container[probe]["httpGet"] for probe in PROBES]
        assert [probe["path"] for probe in asked] == ["/readyz", "/readyz", "/livez"]
        routes = create_admin(Metrics(), alive=lambda: True, ready=lambda: True).routes
        known = {route.path for route in routes if isinstance(route, Route)}
        assert {probe["path"] for probe in asked} <= known
        assert {probe["port"] for probe in asked} == {"admin"}


def test_services_say_what_is_spoken(rendered: dict[str, list[Object]]) -> None:
    """Names of ports with TLS do not claim a plain protocol."""
    protocols = {o["metadata"]["name"]: o["spec"]["ports"][0] for o in rendered["mtls"] if o["kind"] == "Service"}
    assert "appProtocol" not in protocols["rerankd-grpc"]
    assert protocols["rerankd-http"]["appProtocol"] == "https"


def test_certificates_are_where_the_program_looks(rendered: dict[str, list[Object]]) -> None:
    """The certificate names the Services, and fills the mounted Secret, which the program can read."""
    certificate = one(rendered["mtls"], "Certificate")["spec"]
    (volume,) = (v for v in pod_of(rendered["mtls"])["volumes"] if v["name"] == "tls")
    assert volume["secret"] == {"secretName": certificate["secretName"], "defaultMode": 0o440}
    services = {o["metadata"]["name"] for o in rendered["mtls"] if o["kind"] == "Service"}
    assert {name.partition(".")[0] for name in certificate["dnsNames"]} == services
    environment = environment_of(rendered["mtls"])
    files = {Path(value).name for name, value in environment.items() if name.startswith("RERANKD_TLS_")}
    assert files == {"tls.crt", "tls.key", "ca.crt"}  # What cert-manager writes.
    assert certificate["usages"] == ["server auth"]


def test_routes_lead_to_the_services(rendered: dict[str, list[Object]]) -> None:
    """Both routes lead to existing ports of Services, under separate hosts."""
    objects = rendered["gateway"]
    routes = {kind: one(objects, kind)["spec"] for kind in ("GRPCRoute", "HTTPRoute")}
    for route in routes.values():
        for backend in (b for rule in route["rules"] for b in rule["backendRefs"]):
            (port,) = one(objects, "Service", backend["name"])["spec"]["ports"]
            assert backend["port"] == port["port"]
    assert not set(routes["GRPCRoute"]["hostnames"]) & set(routes["HTTPRoute"]["hostnames"])


def test_the_gateway_asks_once_elsewhere(rendered: dict[str, list[Object]]) -> None:
    """Each route balances by least requests, and retries any refusal of a pod once."""
    objects = rendered["gateway"]
    said = {"GRPCRoute": ("rerankd-grpc", "unavailable"), "HTTPRoute": ("rerankd-http", "retriable-status-codes")}
    for kind, (name, refusal) in said.items():
        policy = one(objects, "BackendTrafficPolicy", name)["spec"]
        assert policy["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": kind, "name": "rerankd"}]
        assert policy["loadBalancer"] == {"type": "LeastRequest"}
        assert policy["retry"]["numRetries"] == 1
        assert refusal in policy["retry"]["retryOn"]["triggers"]
        assert (policy["retry"]["retryOn"].get("httpStatusCodes") == [503]) is (refusal == "retriable-status-codes")
    health = one(objects, "BackendTrafficPolicy", "rerankd-grpc")["spec"]["healthCheck"]["active"]
    assert health["grpc"]["service"] == container_of(objects)["readinessProbe"]["grpc"]["service"]


def test_routes_name_services_that_are_served(rendered: dict[str, list[Object]]) -> None:
    """The gateway passes exactly the gRPC services of the wire contract."""
    (rule,) = one(rendered["gateway"], "GRPCRoute")["spec"]["rules"]
    defined = set()
    for file in (ROOT / "protos").rglob("*.proto"):
        package = re.findall(r"^package (\S+);", file.read_text(), re.MULTILINE)
        defined |= {f"{package[0]}.{name}" for name in re.findall(r"^service (\w+)", file.read_text(), re.MULTILINE)}
    assert {match["method"]["service"] for match in rule["matches"]} == defined


def test_a_gpu_runs_one_batch_at_a_time(rendered: dict[str, list[Object]]) -> None:
    """A pod with a GPU does not size its workers by CPUs, and a rollout needs no spare GPU."""
    container = container_of(rendered["gpu"])
    assert container["resources"]["limits"]["nvidia.com/gpu"] == container["resources"]["requests"]["nvidia.com/gpu"]
    assert "RERANKD_WORKERS" not in environment_of(rendered["gpu"])
    assert environment_of(rendered["gpu"])["RERANKD_PROVIDER"] == "cuda"
    assert one(rendered["gpu"], "Deployment")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 0,
        "maxUnavailable": 1,
    }


def test_models_are_read_where_they_were_written(rendered: dict[str, list[Object]]) -> None:
    """The Job fills the volume of the pods at the same path, and no Service or policy selects it."""
    job = one(rendered["model-fetch"], "Job", "rerankd-model-fetch")
    claim = one(rendered["model-fetch"], "PersistentVolumeClaim", "rerankd-models")
    pod = job["spec"]["template"]["spec"]
    (volume,) = (v for v in pod["volumes"] if "persistentVolumeClaim" in v)
    (read,) = (v for v in pod_of(rendered["model-volume"])["volumes"] if "persistentVolumeClaim" in v)
    claims = {v["persistentVolumeClaim"]["claimName"] for v in (volume, read)}
    assert claims == {claim["metadata"]["name"]}
    home = environment_of(rendered["model-volume"])["HF_HOME"]
    assert {"name": "HF_HOME", "value": home} in pod["containers"][0]["env"]
    selector = one(rendered["base"], "Deployment")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= job["spec"]["template"]["metadata"]["labels"].items()


def test_production_asks_for_keys(rendered: dict[str, list[Object]]) -> None:
    """In production a request needs a key, and a pod without the keys does not start."""
    environment = environment_of(rendered["production"])
    assert environment["RERANKD_ALLOW_ANONYMOUS"] == "false"
    (volume,) = (v for v in pod_of(rendered["production"])["volumes"] if v["name"] == "api-keys")
    assert volume["secret"]["optional"] is False
    (mount,) = (m for m in container_of(rendered["production"])["volumeMounts"] if m["name"] == "api-keys")
    assert str(Path(environment["RERANKD_API_KEYS_FILE"]).parent) == mount["mountPath"]
    kinds = {o["kind"] for o in rendered["production"]}
    assert {"NetworkPolicy", "PodMonitor", "PrometheusRule", "ScaledObject", "PodDisruptionBudget"} <= kinds
    assert one(rendered["production"], "ScaledObject")["spec"]["minReplicaCount"] >= 3


def test_development_is_one_small_pod(rendered: dict[str, list[Object]]) -> None:
    """In development there is one pod, and no disruption budget blocks its eviction."""
    assert one(rendered["dev"], "Deployment")["spec"]["replicas"] == 1
    assert "PodDisruptionBudget" not in {o["kind"] for o in rendered["dev"]}
    assert container_of(rendered["dev"])["resources"]["limits"]["cpu"].isdecimal()
