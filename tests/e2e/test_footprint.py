"""No program writes a file that it was not told to, or contacts anybody but its callers."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.clients import post
from tests.examples import SMALL
from tests.process import COMMAND, RunningService, run
from tests.unit.service.full_precision import a_layered_graph
from tests.unit.service.models import LOGITS, a_directory

STRACE = shutil.which("strace")
ASKS = """
import sys
from rerankd_client import RerankClient
with RerankClient(sys.argv[1]) as client:
    print(client.rerank("a query", ["a document", "another"]).results)
"""
_ADDRESS = re.compile(r'(?:connect|sendto|bind)\(.*inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"')


class Place:
    """An empty home, an empty folder for temporary files and one to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        for name in ("home", "tmp", "work"):
            (folder / name).mkdir()

    def watched(self, *command: object) -> list[str]:
        """Return a command of which each network address is written down, where there is strace."""
        strace = [STRACE, "-D", "-f", "-qq", "-e", "trace=connect,sendto,bind", "-o", str(self.calls)] if STRACE else []
        return [*strace, *map(str, command)]

    def files(self) -> list[str]:
        """Return all files there are."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(file for file in found if file != self.calls.name)

    def strangers(self) -> set[str]:
        """Return the addresses that are not of this machine's loopback."""
        hosts = _ADDRESS.findall(self.calls.read_text()) if STRACE else []
        return {host for host in hosts if host != "::1" and not host.removeprefix("::ffff:").startswith("127.")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give a place to which processes are new."""
    place = Place(tmp_path)
    for name in ("CI", "HF_HOME", "HF_HUB_CACHE", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return place


def ran(place: Place, *command: object) -> str:
    """Return what a program says that is watched to its end."""
    ended = run(*place.watched(*command), cwd=place.folder / "work")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_service(place: Place) -> None:
    """The service writes no file, talks to its callers only, and each line of its log is JSON."""
    with RunningService.start(*place.watched(COMMAND, "serve")) as running:
        assert post(running.http).status_code == 200
    assert place.files() == []
    assert place.strangers() == set()
    assert [json.loads(line)["event"] for line in running.settled_log().splitlines()].count("call") == 1


@pytest.mark.parametrize("home", ["/dev/null/none", "/proc/none", ""])
def test_no_home(home: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home that can be written to, all is the same."""
    monkeypatch.setenv("HOME", home)
    with RunningService.start(model=SMALL) as running:
        assert post(running.http).status_code == 200
    assert place.files() == []
    assert all(json.loads(line) for line in running.settled_log().splitlines())


def test_models(place: Place) -> None:
    """`rerankd models` writes no file and contacts nobody."""
    assert "minilm-rerank" in ran(place, COMMAND, "models")
    assert place.files() == []
    assert place.strangers() == set()


def test_convert(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`rerankd convert` writes the new model and nothing else."""
    model = a_directory(tmp_path_factory.mktemp("model") / "whole", graph=a_layered_graph().SerializeToString())
    pairs = model / "pairs.jsonl"
    pairs.write_text(json.dumps({"query": "q", "documents": list(LOGITS)}))
    ran(place, COMMAND, "convert", model, place.folder / "work" / "out", "--pairs", pairs)
    assert all(file.startswith("work/out/") for file in place.files())
    assert place.strangers() == set()


def test_the_client(place: Place, running: RunningService) -> None:
    """The client talks to the server it is told of, and writes no file."""
    assert "relevance_score" in ran(place, sys.executable, "-c", ASKS, running.grpc)
    assert place.files() == []
    assert place.strangers() == set()
