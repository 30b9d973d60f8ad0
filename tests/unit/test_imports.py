"""Tests of who imports whom: the arrows of the architecture point one way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = (
    ("policy", "heap", "abort", "packing", "chance"),
    ("model", "worker"),
    ("cost",),
    ("admitted", "ledger", "usage", "watchdog"),
    ("fairness",),
    ("lanes",),
    ("admission", "batching"),
    ("core",),
    ("errors", "clock"),
    ("scored",),
    ("dispatcher",),
    ("__init__",),
)
"""The scheduler from the bottom up: a module imports from layers below its own."""
ONLY_IN: dict[str, set[str]] = {
    "onnxruntime": {"service.engine.runtime"},
    "tokenizers": {"service.engine"},
    "numpy": {"service.engine", "service.bench.raw"},
    "onnx": {"service.engine"},
    "grpc": {"service.grpc_api", "service.errors", "service.bench", "service.client"},
    "grpc_health": {"service.grpc_api"},
    "grpc_reflection": {"service.grpc_api"},
    "grpc_status": {"service.grpc_api", "service.bench"},
    "opentelemetry": {"service.tracing"},
    "rerank": {"service.grpc_api", "service.bench", "service.client"},
    "tei": {"service.grpc_api"},
    "fastapi": {"service.rest"},
    "prometheus_client": {"service.telemetry", "service.admin"},
    "structlog": {"service.telemetry"},
    "pydantic_settings": {"service.settings"},
    "asyncio_throttle": {"service.throttle"},
    "uvicorn": {"service.http_server"},
    "huggingface_hub": {"service.hub", "service.hub_error", "service.catalogue"},
    "service.server": {"service.cli", "service.bench"},
    "service.cli": {"service.__main__", "service.bench"},
    "service.settings": {"service.server", "service.cli", "service.bench"},
}
"""Who may import what; whatever is not named here is free."""
NOT_FROM: dict[str, set[str]] = {
    "service.grpc_api": {"service.rest"},
    "service.rest": {"service.grpc_api"},
    "service.engine": {"service.rerank", "service.grpc_api", "service.rest", "service.messages", "service.errors"},
    "service.rerank": {"service.grpc_api", "service.rest", "service.identity", "service.telemetry"},
    "service.messages": {"service.rerank", "service.engine", "service.grpc_api", "service.rest"},
    "service.errors": {"service"},
}
"""Who may not import what."""


def modules(package: str) -> dict[str, ast.Module]:
    """Return the syntax trees of a package by module name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


SCHEDULER, SERVICE = modules("scheduler"), modules("service")


def imports(tree: ast.AST) -> Iterator[str]:
    """Return the modules that a module imports anywhere, and the names that might be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    """Tell whether a module is `package` or inside of it."""
    return module == package or module.startswith(f"{package}.")


def wrong(importer: str, tree: ast.AST) -> list[str]:
    """Return what a module of the service imports that it may not."""
    found = []
    for imported in imports(tree):
        for what, who in ONLY_IN.items():
            if within(imported, what) and not any(within(importer, name) for name in (*who, what)):
                found.append(f"{importer} imports {imported}")
        for who, what in ((who, what) for who, all_of_it in NOT_FROM.items() for what in all_of_it):
            if within(importer, who) and within(imported, what):
                found.append(f"{importer} imports {imported}")
    return found


def reads_environment(tree: ast.AST) -> bool:
    """Tell whether a module reads the environment."""
    names = {"environ", "environb", "getenv", "getenvb"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(names & attributes) or any(name.rpartition(".")[2] in names for name in imports(tree))


def test_all_modules_are_found():
    """Both packages are looked at whole."""
    assert {"scheduler.core", "scheduler.__init__"} <= set(SCHEDULER)
    assert {"service.errors", "service.engine", "service.engine.template", "service.rest.app"} <= set(SERVICE)
    assert {"service.grpc_api", "service.grpc_api.tei"} <= set(SERVICE)


@pytest.mark.parametrize("name", SCHEDULER)
def test_scheduler_stands_alone(name: str):
    """The scheduler imports the standard library and itself, and nothing else."""
    tops = {imported.partition(".")[0] for imported in imports(SCHEDULER[name])}
    assert tops - sys.stdlib_module_names <= {"scheduler"}


@pytest.mark.parametrize("name", SCHEDULER)
def test_event_loop_at_the_edge(name: str):
    """Only the clock, the dispatcher and what runs on workers know that there is an event loop, a thread or a time."""
    tops = {imported.partition(".")[0] for imported in imports(SCHEDULER[name])}
    if name not in {"scheduler.clock", "scheduler.dispatcher", "scheduler.worker"}:
        assert not tops & {"asyncio", "concurrent", "threading", "time", "random", "datetime", "os", "queue"}


@pytest.mark.parametrize("name", SCHEDULER)
def test_scheduler_points_down(name: str):
    """Inside the scheduler, a module imports from layers below its own."""
    layer = {f"scheduler.{module}": number for number, layer in enumerate(LAYERS) for module in layer}
    assert name in layer, "give the module its layer"
    below = {imported for imported in imports(SCHEDULER[name]) if imported in layer}
    assert {imported for imported in below if layer[imported] >= layer[name]} == set()


@pytest.mark.parametrize("name", [name for name in SCHEDULER if name != "scheduler.__init__"])
def test_scheduler_names_its_modules(name: str):
    """Inside the scheduler, nothing is imported from the package as a whole, which would be a circle."""
    assert "scheduler" not in set(imports(SCHEDULER[name]))


@pytest.mark.parametrize("name", SERVICE)
def test_service_arrows(name: str):
    """Each library has one place in the service, and its parts keep to the arrows."""
    assert wrong(name, SERVICE[name]) == []


@pytest.mark.parametrize("name", [name for name in SERVICE if not within(name, "service.bench")])
def test_environment(name: str):
    """Only the settings read the environment; what imports ONNX Runtime writes to it."""
    assert reads_environment(SERVICE[name]) is (name in {"service.settings", "service.engine.runtime"})


@pytest.mark.parametrize("name", SERVICE)
def test_scheduler_by_its_front_door(name: str):
    """The service takes from the scheduler what the package offers, and the one container that both use."""
    inside = {imported for imported in imports(SERVICE[name]) if imported in SCHEDULER}
    assert inside <= {"scheduler.heap"}


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("service.rerank", "import numpy"),
        ("service.rerank", "from numpy.typing import NDArray"),
        ("service.rerank", "def f():\n    from tokenizers import Tokenizer"),
        ("service.server", "import grpc"),
        ("service.server", "import grpc.aio"),
        ("service.rerank", "from service import server"),
        ("service.rest.app", "from service.grpc_api.rerank import SERVICE"),
        ("service.rest.tei", "from tei.v1 import tei_pb2"),
        ("service.grpc_api.tei", "from service.rest.tei import TeiRequest"),
        ("service.grpc_api", "from service import rest"),
    ],
)
def test_wrong_arrow_is_noticed(importer: str, line: str):
    """An import that breaks the rules is found, however it is written."""
    assert wrong(importer, ast.parse(line)) != []


@pytest.mark.parametrize("line", ["import os\nos.environ['X']", "from os import environ", "import os\nos.getenv('X')"])
def test_reading_the_environment_is_noticed(line: str):
    """The environment is not read unseen, however it is written."""
    assert reads_environment(ast.parse(line))
