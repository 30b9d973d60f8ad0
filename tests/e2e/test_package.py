"""The wheel installs and serves in any folder, with all of its files and no others."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.process import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT], check=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_stubs_and_the_model_and_no_tests(wheel: Path) -> None:
    """The wheel has all that runs, the licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "rerank/v2/rerank_pb2.py",
        "rerank/v2/rerank_pb2.pyi",
        "rerank/v2/rerank_pb2_grpc.py",
        "rerank/v2/rerank.proto",
        "tei/v1/tei_pb2.py",
        "tei/v1/tei_pb2.pyi",
        "tei/v1/tei_pb2_grpc.py",
        "tei/v1/tei.proto",
        "service/models/minilm-rerank/model.onnx",
        "service/models/minilm-rerank/README.md",
        "service/py.typed",
        "scheduler/core.py",
        "rerankd_client/py.typed",
        "rerankd_client/protos.binpb",
    ):
        assert name in names
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"rerank", "rerankd_client", "scheduler", "service", "tei"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_package_serves_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, and run from elsewhere, the package serves its own model."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    there = environment() | {"PYTHONPATH": str(site)}
    serve = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"],
        cwd=elsewhere,
        env=there,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert serve.stdout
    lines = [serve.stdout.readline() for _ in range(3)]
    serve.terminate()
    serve.communicate(timeout=600)
    assert [line.partition(" on ")[0] for line in lines] == ["rerankd: gRPC", "rerankd: HTTP", "rerankd: admin"]
    assert serve.returncode == 0
    program = "import service.client, rerankd_client, rerank.v2.rerank_pb2 as stubs\n"
    program += "for module in (service, rerankd_client, stubs): print(module.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env=there,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [file.startswith(str(site)) for file in where.stdout.split()] == [True] * 3
