"""A clone of what is committed, for a new user: an empty home, an empty folder, one pip, and no word of a CI."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.bench.process import addresses
from tests.process import environment

ROOT = Path(__file__).parents[2]
_OURS = ("CI", "HF_", "MAKE", "MFLAGS", "ORT_", "OTEL_", "PYTEST_", "PYTHON", "RERANKD_", "VIRTUAL_ENV", "XDG_")
"""Prefixes of variables that a new user does not have. Those that locate the package index stay."""


@dataclass(frozen=True)
class Clone:
    """A clone of the repository and a home."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, **more: str) -> str:
        """Return what a command says, to its end. Raises AssertionError with all of it."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    @contextmanager
    def serving(self, *command: str | Path, **more: str) -> Iterator[dict[str, str]]:
        """Give where a command serves, by API, and interrupt it as Ctrl-C does. Raises AssertionError."""
        ports = {name: value for name, value in environment().items() if name.startswith("RERANKD_")}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | ports | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        try:
            found, said = addresses(process.stdout)
            assert len(found) == 3, f"{command} did not serve:\n{said}"
            yield found
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)


def cloned(folder: Path) -> Clone:
    """Clone what is committed into a folder, beside an empty home."""
    home = folder / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "rerankd"], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return Clone(folder / "rerankd", kept | {"HOME": str(home)})


def python_with(pip: str, folder: Path) -> Path:
    """Return a Python whose new environments come with that pip, as they do of a release that brings it."""
    wheels, python = folder / "wheels", folder / "python3"
    real = Path(sys.executable).resolve()
    download = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(wheels))
    subprocess.run([sys.executable, *download, pip], check=True)
    install = f"-m pip install --quiet --disable-pip-version-check --no-index --no-deps {next(wheels.iterdir())}"
    python.write_text(
        f'#!/bin/sh -e\n"{real}" "$@"\n'
        f'if [ "$1 $2" = "-m venv" ]; then for folder; do :; done; "$folder/bin/python" {install}; fi\n'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python
