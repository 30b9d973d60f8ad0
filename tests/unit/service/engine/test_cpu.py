"""Tests of what is known of the CPU."""

import platform
from pathlib import Path

import pytest

from service.engine.cpu import overflows


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512f", True),
        ("x86_64", "fpu avx2 avx512_vnni", False),
        ("AMD64", "fpu avx2 avx_vnni", False),
        ("AMD64", None, True),
        ("aarch64", "fp asimd", False),
        ("arm64", None, False),
    ],
)
def test_overflows(machine: str, flags: str | None, expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Products overflow on x86 unless it is known to have the instructions that hold them."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    cpuinfo = tmp_path / "cpuinfo"
    if flags:
        cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert overflows(cpuinfo) == expected
