"""The flags of a CPU tell its instructions, and the slower way is taken where they are unknown."""

import platform
from pathlib import Path

import pytest

from service.engine.cpu import instructions, overflows, rounds_by_shape


def a_cpu(machine: str, flags: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what the kernel says of a CPU, a file that is missing where it says nothing."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if flags:
        (folder / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: fma vnni\nflags\t\t: {flags}\n")
    return folder / "cpuinfo"


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
    assert overflows(a_cpu(machine, flags, tmp_path, monkeypatch)) == expected


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu fma avx2", False),
        ("x86_64", "fpu avx fma4", True),
        ("i686", None, True),
        ("aarch64", "fp asimd", False),
    ],
)
def test_rounds_by_shape(
    machine: str, flags: str | None, expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The shape of a product moves its last bits on x86 unless it is known to multiply and add in one step."""
    assert rounds_by_shape(a_cpu(machine, flags, tmp_path, monkeypatch)) == expected


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu fma avx2 avx512f avx512_vnni", "AVX-512, with VNNI"),
        ("x86_64", "fpu fma avx2 avx512f", "AVX-512, without VNNI"),
        ("AMD64", "fpu fma avx2 avx_vnni", "AVX2, with VNNI"),
        ("x86_64", "fpu fma avx2", "AVX2, without VNNI"),
        ("x86_64", "fpu avx", "neither AVX-512 nor AVX2, without VNNI"),
        ("x86_64", None, "x86 with unknown features"),
        ("aarch64", "fp asimd", "aarch64"),
    ],
)
def test_instructions(machine: str, flags: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A report of a speed says what the CPU could do."""
    assert instructions(a_cpu(machine, flags, tmp_path, monkeypatch)) == expected
