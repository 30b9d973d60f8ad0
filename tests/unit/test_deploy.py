"""What the image and the manifests promise, checked without a registry and without a cluster."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.settings import PREFIX, Settings

yaml = pytest.importorskip("yaml", reason="PyYAML reads the manifests")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
SERVICE = "rerank.v2.RerankService"
USER = 65532
EXIT_MARGIN_S = 5
"""What a pod needs for its exit after the longest drain."""

Object = dict[str, Any]


def kustomize(folder: Path) -> list[Object]:
    """Render a kustomization."""
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def one(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """Return the only object of a kind, or the one with a name."""
    (found,) = (o for o in objects if o["kind"] == kind and name in {None, o["metadata"]["name"]})
    return found


@pytest.fixture(scope="module")
def kubectl() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so the manifests cannot be rendered")
    command = ["kubectl", "version", "--client", "--output=json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    version = json.loads(done.stdout or "{}").get("kustomizeVersion", "v0")
    if int(version.removeprefix("v").partition(".")[0]) < 5:
        pytest.skip("kubectl is too old: the manifests need the kustomize 5 that is part of newer ones")


@pytest.fixture(scope="module")
def objects(kubectl: None) -> list[Object]:
    return kustomize(BASE)


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


@pytest.fixture(scope="module")
def environment(objects: list[Object], container: Object) -> dict[str, str]:
    """Return the variables a container starts with."""
    (source,) = container["envFrom"]
    values = dict(one(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for variable in container["env"]:
        field = variable["valueFrom"]["resourceFieldRef"]
        assert (field["resource"], field["divisor"]) == ("limits.cpu", "1")
        values[variable["name"]] = container["resources"]["limits"]["cpu"]
    return values


@pytest.fixture
def settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return what the program makes of those variables."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_objects_fit_any_namespace(objects: list[Object]) -> None:
    """Every object has a name and the recommended labels, and leaves the namespace to whoever applies it."""
    assert sorted(o["kind"] for o in objects) == [
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Service",
        "Service",
        "ServiceAccount",
    ]
    for entry in objects:
        metadata = entry["metadata"]
        assert re.fullmatch(r"rerankd(-[a-z0-9]+)*", metadata["name"])
        assert "namespace" not in metadata
        recommended = {"name", "instance", "version", "component", "managed-by"}
        assert {f"app.kubernetes.io/{label}" for label in recommended} <= metadata["labels"].keys()


def test_selectors_find_the_pods(objects: list[Object], template: Object, pod: Object) -> None:
    """Every selector matches the pods' labels and holds nothing that a release changes."""
    (spread,) = pod["topologySpreadConstraints"]
    selectors = [spread["labelSelector"]["matchLabels"]]
    selectors += [
        one(objects, kind)["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")
    ]
    selectors += [o["spec"]["selector"] for o in objects if o["kind"] == "Service"]
    assert len(selectors) == 5
    for selector in selectors:
        assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
        assert selector.items() <= template["metadata"]["labels"].items()


def test_manifests_run_this_version(objects: list[Object], container: Object) -> None:
    """The image tag and the version label are the version of this checkout."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert container["image"] == f"rerankd:{version}"
    assert {o["metadata"]["labels"]["app.kubernetes.io/version"] for o in objects} == {version}


def test_program_accepts_the_settings(environment: dict[str, str], settings: Settings) -> None:
    """Every variable is a setting that the program knows, with a value it takes, and none rests on a default."""
    assert environment.keys() == {
        f"{PREFIX}{name}"
        for name in (
            "GRPC_ADDRESS",
            "HTTP_ADDRESS",
            "ADMIN_ADDRESS",
            "ALLOW_ANONYMOUS",
            "DRAIN_SECONDS",
            "WORKERS",
        )
    }
    assert settings.allow_anonymous
    assert settings.workers == 2


def test_other_services_cannot_add_settings(pod: Object) -> None:
    """No variable appears in the pod because a Service of the namespace has a name that begins like a setting's."""
    assert pod["enableServiceLinks"] is False


def test_ports_lead_to_the_listeners(
    objects: list[Object], template: Object, container: Object, settings: Settings
) -> None:
    """The container's ports are those the program listens on, and Services and the scraper lead to them."""
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
    """The pod meets the restricted security profile, writes only to its scratch volume and carries no token."""
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
    """A pod gets the time to leave the Services, to drain for as long as it may, and to exit."""
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
    """Neither a rollout nor a node drain takes more than one of several pods, and spreading never blocks one."""
    spec = one(objects, "Deployment")["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    (spread,) = pod["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")


def test_overlay_of_the_readme_asks_for_keys(kubectl: None, tmp_path: Path) -> None:
    """The overlay in README.md turns anonymous use off and names a file in the Secret, mounted as a directory."""
    (overlay,) = re.findall(r"^```yaml\n(.*?)^```", (DEPLOY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    shutil.copytree(BASE, tmp_path / "base")
    folder = tmp_path / "overlays" / "keys"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(overlay)
    rendered = kustomize(folder)

    data = one(rendered, "ConfigMap")["data"]
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


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments, continued lines joined."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.fixture(scope="module")
def image(dockerfile: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the instructions of the last stage, which is the one that ships."""
    last = max(index for index, (word, _) in enumerate(dockerfile) if word == "FROM")
    return dockerfile[last:]


def test_signals_reach_the_program(image: list[tuple[str, str]]) -> None:
    """The program is PID 1, started without a shell."""
    assert [json.loads(rest) for word, rest in image if word == "ENTRYPOINT"] == [["rerankd"]]
    assert [json.loads(rest) for word, rest in image if word == "CMD"] == [["serve"]]


def test_image_is_not_root(image: list[tuple[str, str]]) -> None:
    """The image's user is a number, the same as in the manifests."""
    assert [rest for word, rest in image if word == "USER"] == [f"{USER}:{USER}"]


def test_base_is_chosen(dockerfile: list[tuple[str, str]]) -> None:
    """Both stages start from the one base that a build may choose, and no tag is `latest` or missing."""
    assert [rest.split()[0] for word, rest in dockerfile if word == "FROM"] == ["${BASE}", "${BASE}"]
    (base,) = (rest.removeprefix("BASE=") for word, rest in dockerfile if word == "ARG" and rest.startswith("BASE="))
    tag = base.rpartition("/")[2].partition(":")[2]
    assert tag
    assert tag != "latest"


def test_image_takes_only_the_environment(dockerfile: list[tuple[str, str]], image: list[tuple[str, str]]) -> None:
    """What is copied exists and is in the build context; the last stage copies only what the first one built."""
    copies = [rest.split() for word, rest in dockerfile if word == "COPY"]
    sources = [source.rstrip("/") for copy in copies if not copy[0].startswith("--from=") for source in copy[:-1]]
    assert sources
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert [rest for word, rest in image if word in {"COPY", "ADD"}] == ["--from=build /opt/rerankd /opt/rerankd"]
    assert not [rest for word, rest in image if word == "RUN"]


def test_context_leaves_secrets_and_stubs_out() -> None:
    """The build context holds only what is named, and no stub that was generated outside the build."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    last_taken = max(index for index, line in enumerate(lines) if line.startswith("!"))
    for stub in (
        "protos/rerank/v2/rerank_pb2.py",
        "protos/rerank/v2/rerank_pb2_grpc.py",
        "protos/rerank/v2/rerank_pb2.pyi",
    ):
        assert any(fnmatch.fnmatch(stub, line) for line in lines[last_taken + 1 :])


def test_dependencies_are_checked_against_hashes(dockerfile: list[tuple[str, str]]) -> None:
    """Whatever the image installs besides the project itself is checked against the lock file's hashes."""
    installs = [
        command for word, rest in dockerfile if word == "RUN" for command in rest.split("&&") if " install " in command
    ]
    assert len(installs) == 2
    locked, project = installs
    assert "--require-hashes" in locked
    assert "--requirement requirements.txt" in locked
    assert "--no-deps" in project
    assert project.split()[-1] == "."


def test_image_keeps_the_programs_defaults(image: list[tuple[str, str]]) -> None:
    """The image sets no setting, so it opens nothing beyond loopback by itself; it exposes the default ports."""
    assert not [rest for word, rest in image if word in {"ENV", "ARG"} and PREFIX in rest]
    (exposed,) = (rest.split() for word, rest in image if word == "EXPOSE")
    defaults = (Settings.model_fields[f"{name}_address"].default for name in ("grpc", "http", "admin"))
    assert exposed == [str(address.port) for address in defaults]


def test_commands_of_the_readme_name_real_files() -> None:
    """Every path below deploy/ that a command of README.md uses exists."""
    commands = re.findall(r"^```sh\n(.*?)^```", (DEPLOY / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    paths = re.findall(r"deploy/\S+", "".join(commands))
    assert paths
    for path in paths:
        assert (ROOT / path).exists()
