"""Instruction sets of the CPU that change scores or speed."""

import platform
from pathlib import Path

_X86 = {"x86_64", "amd64", "i686", "i386"}
_CPUINFO = Path("/proc/cpuinfo")


def overflows(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether the fast int8 kernels saturate at 16 bits, so that scores would be wrong.

    They saturate on x86 without VNNI, unless weights are bounded (columns.py). ONNX Runtime has a slower exact kernel.
    An x86 CPU of unknown features counts as one without VNNI.
    """
    return _is_x86() and not any("vnni" in flag for flag in _flags(cpuinfo))


def rounds_by_shape(cpuinfo: Path = _CPUINFO) -> bool:
    """Tell whether the shape of a matrix product changes its last bits in every graph.

    It does on x86 without FMA. With FMA hidden (tests/cpu), pairs of all nine model families scored differently alone
    and in a batch, and the same once all were padded to the same lengths.
    """
    return _is_x86() and "fma" not in _flags(cpuinfo)


def instructions(cpuinfo: Path = _CPUINFO) -> str:
    """Return the widest instruction set for int8 products, such as `AVX2, without VNNI`, or the name of the machine."""
    if not _is_x86():
        return platform.machine()
    flags = _flags(cpuinfo)
    if not flags:
        return "x86 with unknown features"
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX-512 nor AVX2"
    return f"{wide}, {'without' if overflows(cpuinfo) else 'with'} VNNI"


def _is_x86() -> bool:
    return platform.machine().lower() in _X86


def _flags(cpuinfo: Path) -> set[str]:
    """Return the CPU features that the kernel lists; empty if the file cannot be read."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
