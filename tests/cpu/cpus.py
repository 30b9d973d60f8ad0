"""CPUs that this machine is not: a program is shown fewer instruction sets than there are, at full speed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HIDDEN = {"avx": "SSE", "vnni": "AVX-512 without VNNI", "avx512": "AVX2 without VNNI"}
"""The oldest instruction set hidden, along with all newer ones, and the CPU that then remains."""
_SOURCE = Path(__file__).with_name("hide.c")
_SEEN = "from numpy._core._multiarray_umath import __cpu_features__ as f; print(*(n for n in f if f[n]))"


def library(folder: Path) -> Path:
    """Return what hides instruction sets, compiled. Skips the test where that cannot be done."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("wants Linux and a C compiler")
    made = folder / "hide.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", made, _SOURCE, "-ldl"], check=True)
    environment = hiding("avx", made)
    seen = subprocess.run([sys.executable, "-c", _SEEN], env=environment, capture_output=True, text=True, check=False)
    if seen.returncode or "AVX" in seen.stdout.split():
        pytest.skip("this machine's CPU or kernel does not let CPUID fault (arch_prctl, ARCH_CPUID)")
    return made


def hiding(what: str, made: Path) -> dict[str, str]:
    """Return the environment of a process that is to see less."""
    return os.environ | {"HIDE_CPU": what, "LD_PRELOAD": str(made)}
