"""Fixtures of the deployment tests."""

import shutil

import pytest

from tests.deploy import tools
from tests.deploy.manifests import ALL, APART, COMPONENTS, KUBERNETES, OVERLAYS, Object, kustomization, render


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    """Render everything that can be applied, by name: the base, the base with each and all components, the overlays."""
    kubectl = tools.kubectl()
    root = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    shutil.copytree(KUBERNETES, root)
    combined = {name: [name] for name in COMPONENTS} | {ALL: [name for name in COMPONENTS if name != "hpa"]}
    for name, components in combined.items():
        (root / name).mkdir(exist_ok=True)
        (root / name / "kustomization.yaml").write_text(kustomization(components))
    folders = {name: root / name for name in ("base", *APART)}
    folders |= {name: root / name for name in combined} | {name: root / "overlays" / name for name in OVERLAYS}
    return {name: render(kubectl, folder) for name, folder in folders.items()}
