"""Instruction sets of the CPU, as far as they change scores or speed."""

import platform
from pathlib import Path

_X86 = {"x86_64", "amd64", "i686", "i386"}
_CPUINFO = Path("/proc/cpuinfo")


def overflows(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether sums of products of eight bits are cut to 16 bits on the way, so that scores would be wrong.

    They are on x86 without the VNNI instructions, unless weights are bounded (columns.py). ONNX Runtime has a slower
    way that holds them in full; where nothing is known of the CPU, that is the right one.
    """
    return _is_x86() and not any("vnni" in flag for flag in _flags(cpuinfo))


def rounds_by_shape(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether the shape of a product moves its last bits, whatever the graph.

    It does on x86 without the FMA instructions: with those hidden (tests/cpu), pairs of all nine families scored
    otherwise alone than in a batch, and alike once all were filled up to the same lengths.
    """
    return _is_x86() and "fma" not in _flags(cpuinfo)


def instructions(cpuinfo: Path = _CPUINFO) -> str:
    """Return the widest instruction set for products of bytes that the CPU has, as far as is known."""
    if not _is_x86():
        return platform.machine()
    flags = _flags(cpuinfo)
    if not flags:
        return "x86, of an unknown kind"
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX-512 nor AVX2"
    return f"{wide}, {'without' if overflows(cpuinfo) else 'with'} VNNI"


def _is_x86() -> bool:
    return platform.machine().lower() in _X86


def _flags(cpuinfo: Path) -> set[str]:
    """Return the features that the kernel names, none where it names none."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
