"""All manifests are valid, and agree with the program."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from service.settings import PREFIX, Settings
from tests.deploy import tools
from tests.deploy.manifests import ALL, NAMES, SERVING, Object, container_of, environment_of, one, pod_of

CUSTOM = {
    "BackendTrafficPolicy",
    "Certificate",
    "ClientTrafficPolicy",
    "GRPCRoute",
    "HTTPRoute",
    "PodMonitor",
    "PrometheusRule",
    "ScaledObject",
}
"""Kinds without a schema here."""
OLDEST = "1.30"
"""The oldest version of Kubernetes that README.md supports."""
EXIT_MARGIN_S = 5


@pytest.fixture(scope="session")
def written(rendered: dict[str, list[Object]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the objects of kinds that Kubernetes defines to files."""
    folder = tmp_path_factory.mktemp("rendered")
    files = {name: folder / f"{name}.yaml" for name in rendered}
    for name, file in files.items():
        file.write_text(yaml.safe_dump_all(o for o in rendered[name] if o["kind"] not in CUSTOM))
    return files


@pytest.mark.parametrize("version", [["-k", OLDEST], []], ids=["oldest", "newest"])
def test_kubernetes_takes_every_object(written: dict[str, Path], version: list[str]) -> None:
    """Every field of every object is valid in the oldest supported and the newest known version."""
    done = tools.run(tools.tool("kubernetes-validate"), "--strict", *version, *written.values())
    assert done.returncode == 0, done.stdout + done.stderr
    passed = (done.stdout + done.stderr).count(" passed for resource ")
    assert passed == sum(len(list(yaml.safe_load_all(file.read_text()))) for file in written.values())


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (["production"], []),
        # The overlay decides on network policies.
        (["base", ALL, "hpa", "dev", "model-fetch"], ["CKV2_K8S_6"]),
    ],
    ids=["production", "others"],
)
def test_checkov_finds_nothing(written: dict[str, Path], tmp_path: Path, names: list[str], more: list[str]) -> None:
    """All Kubernetes checks of checkov pass, except those that checkov.yaml skips with a reason."""
    for name in names:
        (tmp_path / f"{name}.yaml").symlink_to(written[name])
    settings = yaml.safe_load((Path(__file__).parent / "checkov.yaml").read_text())
    skipped = ",".join(settings["skip-check"] + more)
    options = ("--framework", "kubernetes", "--output", "json", "--skip-check", skipped)
    done = tools.run(tools.tool("checkov"), "--directory", tmp_path, *options)
    found = json.loads(done.stdout)
    assert [(f["check_id"], f["resource"]) for f in found["results"]["failed_checks"]] == []
    assert found["summary"]["passed"] > 80
    assert found["summary"]["parsing_errors"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_objects_fit_any_namespace(rendered: dict[str, list[Object]], name: str) -> None:
    """The name of every object begins with that of the service, and no object sets a namespace."""
    for entry in rendered[name]:
        metadata = entry["metadata"]
        assert metadata["name"].startswith("rerankd")
        assert "namespace" not in metadata
        assert metadata["name"].startswith("rerankd-model") or "app.kubernetes.io/name" in metadata["labels"]


@pytest.mark.parametrize("name", [*SERVING, "model-fetch"])
def test_the_image_is_of_this_version(rendered: dict[str, list[Object]], name: str) -> None:
    """All images have the version of this checkout."""
    version = tomllib.loads((tools.ROOT / "pyproject.toml").read_text())["project"]["version"]
    (runs,) = (o for o in rendered[name] if o["kind"] in {"Deployment", "Job"})
    (container,) = runs["spec"]["template"]["spec"]["containers"]
    assert container["image"].rpartition(":")[2] == version


@pytest.mark.parametrize("name", SERVING)
def test_the_program_takes_its_settings(
    rendered: dict[str, list[Object]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program accepts every setting of every pod, and the grace period covers the drain."""
    for variable, value in environment_of(rendered[name]).items():
        monkeypatch.setenv(variable, value)
    settings = Settings.load()
    pod, container = pod_of(rendered[name]), container_of(rendered[name])
    leave_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert leave_s + settings.drain_seconds + EXIT_MARGIN_S < pod["terminationGracePeriodSeconds"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "grpc": settings.grpc_address.port,
        "http": settings.http_address.port,
        "admin": settings.admin_address.port,
    }
    unknown = {v for v in environment_of(rendered[name]) if not v.startswith(PREFIX)}
    assert unknown <= {"HF_HOME", "HF_HUB_OFFLINE"}


@pytest.mark.parametrize("name", SERVING)
def test_files_in_settings_are_mounted(rendered: dict[str, list[Object]], name: str) -> None:
    """Every path in a setting is on a volume that is mounted read-only and without subPath."""
    mounts = container_of(rendered[name])["volumeMounts"]
    volumes = {volume["name"] for volume in pod_of(rendered[name])["volumes"]}
    for value in environment_of(rendered[name]).values():
        if value.startswith("/"):
            (mount,) = (m for m in mounts if value == m["mountPath"] or Path(value).parent == Path(m["mountPath"]))
            assert mount["readOnly"] is True
            assert "subPath" not in mount
            assert mount["name"] in volumes


@pytest.mark.parametrize("name", SERVING)
def test_selectors_find_the_pods(rendered: dict[str, list[Object]], name: str) -> None:
    """All selectors match the pods of the Deployment, by labels that no release changes."""
    objects = rendered[name]
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [o["spec"]["selector"] for o in objects if o["kind"] == "Service"]
    selectors += [
        o["spec"]["selector"]["matchLabels"]
        for o in objects
        if o["kind"] in {"Deployment", "PodDisruptionBudget", "PodMonitor"}
    ]
    selectors += [o["spec"]["podSelector"]["matchLabels"] for o in objects if o["kind"] == "NetworkPolicy"]
    selectors += [s["labelSelector"]["matchLabels"] for s in pod_of(objects)["topologySpreadConstraints"]]
    for selector in selectors:
        assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
        assert selector.items() <= labels.items()
