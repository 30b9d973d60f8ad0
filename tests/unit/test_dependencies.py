"""Every import is of a declared dependency, and every declared dependency is imported."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import files, packages_distributions
from itertools import chain

import pytest

from tests.unit.test_imports import CLIENT, SCHEDULER, SERVICE, imports
from tests.unit.test_locks import CLIENT_PROJECT, PROJECT, named

OWN = {"rerank", "rerankd_client", "scheduler", "service", "tei"}
TREES = {"service": SERVICE | SCHEDULER, "client": CLIENT}
DECLARED = {
    "service": named(
        [*PROJECT["project"]["dependencies"], *chain(*PROJECT["project"]["optional-dependencies"].values())]
    ),
    "client": named(CLIENT_PROJECT["project"]["dependencies"]),
}
"""The names of dependencies, those of extras among them."""

each_distribution = pytest.mark.parametrize("distribution", TREES)


installed = cache(packages_distributions)


def distributions(top: str) -> set[str]:
    """Return the distributions that have files in a package, by normalised names."""
    return named(list(installed().get(top, [])))


@cache
def held(distribution: str) -> set[str]:
    """Return the files of a distribution."""
    return {str(file) for file in files(distribution) or []}


def holds(distribution: str, module: str) -> bool:
    """Tell whether a distribution has a file for a module."""
    path = module.replace(".", "/")
    return not held(distribution).isdisjoint({f"{path}.py", f"{path}/__init__.py"})


def providers(module: str) -> set[str]:
    """Return the distributions that provide a module; of those that share its package, the one with its file."""
    sharing = distributions(module.partition(".")[0])
    return sharing if len(sharing) < 2 else {one for one in sharing if holds(one, module)}


def foreign(tree: ast.Module) -> Iterator[str]:
    """Return the modules of other distributions that a module imports."""
    for module in imports(tree):
        if module.partition(".")[0] not in sys.stdlib_module_names | OWN:
            yield module


@each_distribution
def test_each_import_is_declared(distribution: str):
    """Each module that is imported comes with a declared dependency, and not with what that happens to need."""
    found = {
        f"{name} imports {module} of {', '.join(providers(module))}"
        for name, tree in TREES[distribution].items()
        for module in foreign(tree)
        if not distributions(module.partition(".")[0]) or providers(module) - DECLARED[distribution]
    }
    assert sorted(found) == []


@each_distribution
def test_each_dependency_is_imported(distribution: str):
    """Nothing is installed along that no module imports."""
    modules = {module for tree in TREES[distribution].values() for module in foreign(tree)}
    assert sorted(DECLARED[distribution] - {one for module in modules for one in providers(module)}) == []
