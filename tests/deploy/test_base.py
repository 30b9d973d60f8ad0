"""The base gives pods the right settings, probes, privileges and time to drain."""

import os
import re
import shutil
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings
from tests.deploy import tools
from tests.deploy.manifests import KUBERNETES, Object, environment_of, one, render
from tests.deploy.tools import ROOT

DEPLOY = ROOT / "deploy"
SERVICE = "rerank.v2.RerankService"
USER = 65532
EXIT_MARGIN_S = 5
"""Seconds that a pod needs to exit after the longest drain."""


@pytest.fixture(scope="module")
def objects(rendered: dict[str, list[Object]]) -> list[Object]:
    return rendered["base"]


@pytest.fixture(scope="module")
def template(objects: list[Object]) -> Object:
    return one(objects, "Deployment")["spec"]["template"]


@pytest.fixture(scope="module")
def pod(template: Object) -> Object:
    return template["spec"]


@pytest.fixture(scope="module")
def container(pod: Object) -> Object:
    (container,) = pod["containers"]
    return container


@pytest.fixture
def settings(objects: list[Object], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings that the program reads from these variables."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment_of(objects).items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_other_services_cannot_add_settings(pod: Object) -> None:
    """Service links are off, so that a Service named like a setting adds no variable to the pod."""
    assert pod["enableServiceLinks"] is False


def test_ports_lead_to_the_listeners(
    objects: list[Object], template: Object, container: Object, settings: Settings
) -> None:
    """Container ports are those of the program, and Services and the scraper use them."""
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {
        "grpc": settings.grpc_address.port,
        "http": settings.http_address.port,
        "admin": settings.admin_address.port,
    }
    assert {settings.grpc_address.host, settings.http_address.host, settings.admin_address.host} == {"0.0.0.0"}  # noqa: S104

    (grpc,) = one(objects, "Service", "rerankd-grpc")["spec"]["ports"]
    assert one(objects, "Service", "rerankd-grpc")["spec"]["clusterIP"] == "None"
    assert (grpc["port"], grpc["targetPort"], grpc["appProtocol"]) == (ports["grpc"], "grpc", "kubernetes.io/h2c")

    (http,) = one(objects, "Service", "rerankd-http")["spec"]["ports"]
    assert (http["port"], http["targetPort"], http["appProtocol"]) == (ports["http"], "http", "http")

    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "true"
    assert annotations["prometheus.io/port"] == str(ports["admin"])
    assert annotations["prometheus.io/path"] == "/metrics"


def test_probes_ask_the_right_names(container: Object, settings: Settings) -> None:
    """Startup and readiness wait for a warm model; liveness follows progress and is slower to act than readiness."""
    port = settings.grpc_address.port
    assert container["startupProbe"]["grpc"] == {"port": port, "service": SERVICE}
    assert container["readinessProbe"]["grpc"] == {"port": port, "service": SERVICE}
    assert container["livenessProbe"]["grpc"] == {"port": port, "service": "liveness"}

    def patience(probe: str) -> int:
        return container[probe]["periodSeconds"] * container[probe]["failureThreshold"]

    assert patience("readinessProbe") < patience("livenessProbe") < patience("startupProbe")


def test_pod_is_restricted(objects: list[Object], pod: Object, container: Object) -> None:
    """The pod meets the restricted security profile, writes only to its scratch volume and has no token."""
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == USER
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()

    writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert [m["mountPath"] for m in container["volumeMounts"] if m["name"] in writable] == ["/tmp"]  # noqa: S108
    assert all("emptyDir" in volumes[name] for name in writable)

    account = one(objects, "ServiceAccount")
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert pod["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False


def test_grace_period_covers_the_drain(pod: Object, container: Object, settings: Settings) -> None:
    """The grace period covers leaving the Services, the longest drain, and the exit."""
    leave_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert leave_s > 0
    assert leave_s + settings.drain_seconds + EXIT_MARGIN_S < pod["terminationGracePeriodSeconds"]


def test_resources_are_guaranteed(container: Object) -> None:
    """Requests equal limits, in whole CPUs, so the pod is in the Guaranteed class."""
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"].keys() == {"cpu", "memory"}
    assert resources["limits"]["cpu"].isdecimal()


def test_disruptions_leave_replicas(objects: list[Object], pod: Object) -> None:
    """A rollout or a node drain takes at most one of several pods, and spreading never blocks scheduling."""
    spec = one(objects, "Deployment")["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    (spread,) = pod["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")


def test_overlay_of_the_readme_asks_for_keys(tmp_path: Path) -> None:
    """The overlay in README.md disables anonymous use, and mounts the keys of the Secret as a directory."""
    (overlay,) = re.findall(r"^```yaml\n(.*?)^```", (DEPLOY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    shutil.copytree(KUBERNETES / "base", tmp_path / "base")
    folder = tmp_path / "overlays" / "keys"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(overlay)
    rendered = render(tools.kubectl(), folder)

    data = environment_of(rendered)
    assert data["RERANKD_ALLOW_ANONYMOUS"] == "false"
    pod = one(rendered, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (volume,) = (v for v in pod["volumes"] if "secret" in v)
    (mount,) = (m for m in container["volumeMounts"] if m["name"] == volume["name"])
    assert volume["secret"]["secretName"] == "rerankd-api-keys"
    assert volume["secret"]["optional"] is True
    assert str(Path(data["RERANKD_API_KEYS_FILE"]).parent) == mount["mountPath"]
    assert mount["readOnly"] is True
    assert "subPath" not in mount


def test_commands_of_the_readme_name_real_files() -> None:
    """Every path below deploy/ that a command of README.md uses exists."""
    commands = re.findall(r"^```sh\n(.*?)^```", (DEPLOY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    paths = re.findall(r"deploy/\S+", "".join(commands))
    assert paths
    for path in paths:
        assert (ROOT / path).exists()
