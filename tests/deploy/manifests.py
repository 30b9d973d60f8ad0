"""The manifests as kustomize renders them."""

from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import ROOT, run

KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPONENTS = sorted(folder.name for folder in (KUBERNETES / "components").iterdir())
OVERLAYS = sorted(folder.name for folder in (KUBERNETES / "overlays").iterdir())
ALL = "all"
"""The base with all components that go together: two autoscalers do not."""

NAMES = ["base", *COMPONENTS, ALL, *OVERLAYS, "model-fetch"]
SERVING = [name for name in NAMES if name != "model-fetch"]
"""Those that run the service."""

Object = dict[str, Any]


def render(kubectl: str, folder: Path) -> list[Object]:
    """Return the objects of a kustomization."""
    done = run(kubectl, "kustomize", folder)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning: kustomize will not always take this"
    return list(yaml.safe_load_all(done.stdout))


def kustomization(components: list[str]) -> str:
    """Return a kustomization of the base with components, for a folder beside it."""
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../base"],
            "components": [f"../components/{name}" for name in components],
        }
    )


def one(objects: list[Object], kind: str, name: str = "rerankd") -> Object:
    """Return the object of a kind and a name."""
    (found,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def pod_of(objects: list[Object]) -> Object:
    """Return what a pod of the Deployment is made of."""
    return one(objects, "Deployment")["spec"]["template"]["spec"]


def container_of(objects: list[Object]) -> Object:
    """Return its only container."""
    (container,) = pod_of(objects)["containers"]
    return container


def environment_of(objects: list[Object]) -> dict[str, str]:
    """Return the variables that the container starts with."""
    (source,) = container_of(objects)["envFrom"]
    return one(objects, "ConfigMap", source["configMapRef"]["name"])["data"] | {
        variable["name"]: container_of(objects)["resources"]["limits"]["cpu"]
        for variable in container_of(objects).get("env") or []
    }
