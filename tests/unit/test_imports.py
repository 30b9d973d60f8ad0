"""Each package and module imports from layers below its own, and each library has its place."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCHEDULER_LAYERS = (
    ("policy", "heap", "worker"),
    ("values", "prefix_sums"),
    ("cost",),
    ("job", "ledger", "forecast", "watchdog", "turns", "share_cap", "company"),
    ("fair_queue", "rotation"),
    ("lanes",),
    ("admission", "batching"),
    ("core",),
    ("errors", "clock"),
    ("pending",),
    ("dispatcher",),
    ("__init__",),
)
"""The modules of the scheduler from the bottom up: each imports from layers below its own."""
SERVICE_LAYERS = (
    ("errors", "net", "progress", "memory", "signals"),
    ("engine", "access"),
    ("hub", "rerank"),
    ("telemetry", "convert", "settings"),
    ("calls", "loading"),
    ("rest", "grpc_api"),
    ("server",),
    ("bench",),
    ("cli",),
    ("__main__",),
)
"""The packages and modules of the service from the bottom up: each imports itself and layers below its own."""
ALONE = {"client", "__init__"}
"""Import nothing else of the service."""
ONLY_IN: dict[str, set[str]] = {
    "onnxruntime": {"service.engine.runtime"},
    "tokenizers": {"service.engine"},
    "numpy": {"service.engine", "service.convert"},
    "onnx": {"service.convert"},
    "grpc": {"service.grpc_api", "service.errors", "service.bench"},
    "grpc_health": {"service.grpc_api"},
    "grpc_reflection": {"service.grpc_api"},
    "grpc_status": {"service.grpc_api"},
    "opentelemetry": {"service.telemetry.tracing"},
    "rerank": {"service.grpc_api", "service.bench"},
    "rerankd_client": {"service.client"},
    "tei": {"service.grpc_api"},
    "fastapi": {"service.rest"},
    "prometheus_client": {"service.telemetry"},
    "structlog": {"service.telemetry"},
    "pydantic_settings": {"service.settings"},
    "asyncio_throttle": {"service.access.rate_limit"},
    "h11": {"service.net.framing", "service.net.http_connection"},
    "uvicorn": {"service.net.http_server", "service.net.http_connection"},
    "huggingface_hub": {"service.hub"},
    "matplotlib": {"service.bench.plot"},
    "tests": set(),  # They are not installed.
}
"""Libraries, and the modules or packages that may import them; a library that is not named here is free."""


def modules(package: str, root: Path = ROOT) -> dict[str, ast.Module]:
    """Return the syntax trees of a package by module name."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


SCHEDULER, SERVICE = modules("scheduler"), modules("service")
CLIENT = modules("rerankd_client", ROOT / "client")


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


def part(module: str) -> str:
    """Return the package or module directly in the service that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def wrong(importer: str, tree: ast.AST) -> list[str]:
    """Return what a module of the service imports that it may not."""
    layer = {name: number for number, names in enumerate(SERVICE_LAYERS) for name in names}
    own = part(importer)
    found = []
    for imported in imports(tree):
        allowed = next((where for library, where in ONLY_IN.items() if within(imported, library)), None)
        if allowed is not None and not any(within(importer, place) for place in allowed):
            found.append(f"{importer} imports {imported}")
        other = part(imported) if within(imported, "service") else own
        if other not in {own, "__init__"} and (own in ALONE or layer.get(other, -1) >= layer[own]):
            found.append(f"{importer} imports {imported}")
    return found


def reads_environment(tree: ast.AST) -> bool:
    """Tell whether a module reads the environment."""
    names = {"environ", "environb", "getenv", "getenvb"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return bool(names & attributes) or any(name.rpartition(".")[2] in names for name in imports(tree))


def test_all_modules_are_found():
    """All packages are looked at whole."""
    assert {"scheduler.core", "scheduler.__init__"} <= set(SCHEDULER)
    assert {"service.errors", "service.engine", "service.engine.pair_layout", "service.rest.app"} <= set(SERVICE)
    assert {"service.grpc_api", "service.grpc_api.tei"} <= set(SERVICE)
    assert {"rerankd_client.__init__", "rerankd_client.client"} <= set(CLIENT)


def test_scheduler_stands_alone():
    """The scheduler imports the standard library and its own modules, and only those at its edge know asyncio."""
    found = []
    for name, tree in SCHEDULER.items():
        tops = {imported.partition(".")[0] for imported in imports(tree)}
        found += [f"{name} imports {top}" for top in tops - sys.stdlib_module_names - {"scheduler"}]
        if name not in {"scheduler.clock", "scheduler.dispatcher", "scheduler.worker"}:
            impure = tops & {"asyncio", "concurrent", "threading", "time", "random", "datetime", "os", "queue"}
            found += [f"{name} imports {top}" for top in impure]
    assert found == []


def test_client_stands_alone():
    """The client imports the standard library, grpcio and protobuf, and nothing of the service or its stubs."""
    found = [
        f"{name} imports {imported}"
        for name, tree in CLIENT.items()
        for imported in imports(tree)
        if imported.partition(".")[0] not in sys.stdlib_module_names
        and not any(within(imported, package) for package in ("grpc", "google.protobuf", "rerankd_client"))
    ]
    assert found == []


def test_scheduler_points_down():
    """Inside the scheduler, a module imports from layers below its own, and never the package as a whole."""
    layer = {f"scheduler.{name}": number for number, names in enumerate(SCHEDULER_LAYERS) for name in names}
    assert set(SCHEDULER) == set(layer), "give each module its layer"
    found = []
    for name, tree in SCHEDULER.items():
        for imported in imports(tree):
            upward = layer.get(imported, -1) >= layer[name]
            if upward or (imported == "scheduler" and name != "scheduler.__init__"):
                found.append(f"{name} imports {imported}")
    assert found == []


def test_service_points_down():
    """In the service, each library has its place, and a package imports itself and layers below its own."""
    assert {part(name) for name in SERVICE} == {name for names in SERVICE_LAYERS for name in names} | ALONE
    assert [arrow for name, tree in SERVICE.items() for arrow in wrong(name, tree)] == []


def test_environment():
    """Only the settings read the environment; others write to it, and benchmarks hand it to the service."""
    readers = {name for name, tree in SERVICE.items() if reads_environment(tree)}
    assert readers == {"service.settings", "service.cli", "service.engine.runtime", "service.bench.process"}


def test_scheduler_by_its_public_names():
    """The service takes from the scheduler what the package offers, and the one container that both use."""
    inside = {imported for tree in SERVICE.values() for imported in imports(tree) if imported in SCHEDULER}
    assert inside <= {"scheduler.heap"}


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("service.rerank.reranker", "import numpy"),
        ("service.rerank.reranker", "from numpy.typing import NDArray"),
        ("service.rerank.reranker", "def f():\n    from tokenizers import Tokenizer"),
        ("service.engine.engine", "from service.rerank.call import Call"),
        ("service.access.access", "from service.rerank import call"),
        ("service.client", "from service import errors"),
        ("service.client", "import grpc"),
        ("service.bench.client", "from rerankd_client import RerankClient"),
        ("service.server", "import grpc"),
        ("service.server", "import grpc.aio"),
        ("service.rerank.reranker", "from service import server"),
        ("service.rest.app", "from service.grpc_api.rerank import SERVICE"),
        ("service.rest.tei", "from tei.v1 import tei_pb2"),
        ("service.grpc_api.tei", "from service.rest.tei import TeiRequest"),
        ("service.grpc_api", "from service import rest"),
        ("service.bench.load", "from tests.bench import corpus"),
        ("service.convert.report", "from service.bench.table import markdown"),
    ],
)
def test_wrong_arrow_is_noticed(importer: str, line: str):
    """An import that breaks the rules is found, however it is written."""
    assert wrong(importer, ast.parse(line)) != []


@pytest.mark.parametrize("line", ["import os\nos.environ['X']", "from os import environ", "import os\nos.getenv('X')"])
def test_reading_the_environment_is_noticed(line: str):
    """The environment is not read unseen, however it is written."""
    assert reads_environment(ast.parse(line))
