"""The client as a distribution of its own, where the service is not installed."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import files
from itertools import chain
from pathlib import Path

import pytest
from trustme import CA

import rerankd_client
import service.client
from tests.certificates import Secret, issued
from tests.examples import SMALL
from tests.process import RunningService

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CLIENT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "client" / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```\n\n```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
"""The programs of the README, each with what it prints."""
REQUIRED = ("grpcio", "protobuf", "typing-extensions")
"""The requirements of the client, and their requirements."""
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
PLAIN, SECURE = "127.0.0.1:50051", "rerankd.example:50051"
BYTES_MAX = 100_000
CERTIFICATES = CA()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `make client` does, in a checkout where nothing is generated yet."""
    folder = tmp_path_factory.mktemp("client")
    generated = shutil.ignore_patterns("*_pb2*", "*.binpb", "__pycache__")
    for name in ("client", "protos"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=generated)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    build = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", folder / "client")
    subprocess.run(build, check=True)
    (found,) = (folder / "dist").iterdir()
    return found


@pytest.fixture(scope="module")
def about(wheel: Path) -> Message:
    """Return the metadata of the wheel."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(opened.read(name).decode())


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has the client, and nothing else but what it requires."""
    folder = tmp_path_factory.mktemp("application")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*PIP, f"--python={python}", "install", "--no-deps", "--no-index", wheel], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    for file in chain.from_iterable(files(name) or () for name in REQUIRED):
        if ".." not in file.parts:  # Nothing of these is outside of site-packages but programs.
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).symlink_to(file.locate())
    subprocess.run([*PIP, f"--python={python}", "check"], check=True, stdout=subprocess.DEVNULL)
    return python


@pytest.fixture(scope="module")
def addresses(running: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve, and over TLS to those with the key of the README, and give where, by the addresses of the README."""
    folder = tmp_path_factory.mktemp("secure")
    secret, keys = Secret(folder / "tls"), folder / "keys"
    secret.show(issued(CERTIFICATES))
    keys.write_text("search:s3cret\n", encoding="utf-8")
    service = RunningService.start(**secret.settings(), api_keys_file=keys, model=SMALL)
    yield {PLAIN: running.grpc, SECURE: service.grpc}
    assert service.stop() == 0


def test_the_wheel_holds_the_client_alone(wheel: Path) -> None:
    """The wheel is small, and holds nothing but the client, its types, the descriptors of the wire and the licence."""
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
        licences = [name for name in opened.namelist() if name.endswith("licenses/LICENSE")]
        assert [opened.read(name) for name in licences] == [(ROOT / "LICENSE").read_bytes()]
    modules = {f"rerankd_client/{path.name}" for path in (ROOT / "client" / "rerankd_client").glob("*.py")}
    assert names == modules | {"rerankd_client/py.typed", "rerankd_client/protos.binpb"}
    assert wheel.stat().st_size < BYTES_MAX


def test_it_requires_two_packages(about: Message) -> None:
    """Nothing but grpcio and protobuf is installed with the client."""
    required = [re.split(r"[^\w-]", one)[0] for one in about.get_all("Requires-Dist", [])]
    assert sorted(required) == ["grpcio", "protobuf"]


def test_it_has_the_version_of_the_service(about: Message) -> None:
    """Service and client are released together, from one place."""
    assert (about["Name"], about["Version"]) == ("rerankd-client", PROJECT["project"]["version"])
    assert about["License-Expression"] == PROJECT["project"]["license"]
    assert about["Requires-Python"] == PROJECT["project"]["requires-python"]
    assert CLIENT["build-system"] == PROJECT["build-system"]


def test_both_names_are_one_client() -> None:
    """The package `service.client` is the same code, to the class."""
    assert service.client.__all__ == rerankd_client.__all__
    for name in rerankd_client.__all__:
        assert getattr(service.client, name) is getattr(rerankd_client, name)


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_the_programs_of_the_readme_run_where_only_the_client_is(
    python: Path, addresses: dict[str, str], program: str, printed: str, tmp_path: Path
) -> None:
    """Each program prints what the README says, blocking, for asyncio, and over TLS with a key."""
    (tmp_path / "ca.pem").write_bytes(CERTIFICATES.cert_pem.bytes())
    here = program.replace(PLAIN, addresses[PLAIN]).replace(SECURE, addresses[SECURE])
    run = subprocess.run(
        [python, "-I", "-c", here], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    assert (run.returncode, run.stdout) == (0, printed), run.stderr


def test_the_readme_holds_programs_that_all_run() -> None:
    """No program of the README is left out above, and both clients, keys and TLS are among them."""
    programs = [program for program, _ in PROGRAMS]
    assert len(programs) == README.count("```python\n")
    for name in (" RerankClient(", " AsyncRerankClient(", SECURE, "RerankError", "priority=", "timeout_s="):
        assert any(name in program for program in programs)
