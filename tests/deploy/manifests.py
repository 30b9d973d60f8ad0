"""The manifests as kustomize renders them."""

from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import ROOT, run

KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted(folder.name for folder in (KUBERNETES / "components").iterdir())
OVERLAYS = sorted(folder.name for folder in (KUBERNETES / "overlays").iterdir())
ALL = "all"
"""The base with all compatible components; the two autoscalers exclude each other."""

APART = ["gateway-limits", "model-fetch"]
"""Folders that are applied by themselves."""
SERVING = ["base", *COMPONENTS, ALL, *OVERLAYS]
"""Names of the renderings that hold the Deployment of the service."""
NAMES = [*SERVING, *APART]

Object = dict[str, Any]


def render(kubectl: str, folder: Path) -> list[Object]:
    """Return the objects that a kustomization renders."""
    done = run(kubectl, "kustomize", folder)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning: kustomize will not always take this"
    return list(yaml.safe_load_all(done.stdout))


def kustomization(components: list[str]) -> str:
    """Return a kustomization of the base with components, for a directory beside it."""
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../base"],
            "components": [f"../components/{name}" for name in components],
        }
    )


def one(objects: list[Object], kind: str, name: str = "rerankd") -> Object:
    """Return the object with this kind and name."""
    (found,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def pod_of(objects: list[Object]) -> Object:
    """Return the pod template of the Deployment."""
    return one(objects, "Deployment")["spec"]["template"]["spec"]


def container_of(objects: list[Object]) -> Object:
    """Return the only container of the pod template."""
    (container,) = pod_of(objects)["containers"]
    return container


def environment_of(objects: list[Object]) -> dict[str, str]:
    """Return the environment variables of the container."""
    (source,) = container_of(objects)["envFrom"]
    return one(objects, "ConfigMap", source["configMapRef"]["name"])["data"] | {
        variable["name"]: container_of(objects)["resources"]["limits"]["cpu"]
        for variable in container_of(objects).get("env") or []
    }
