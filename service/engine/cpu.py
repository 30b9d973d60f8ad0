"""What this machine's CPU does to products of eight bits."""

import platform
from pathlib import Path

_X86 = {"x86_64", "amd64", "i686", "i386"}


def overflows(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether sums of such products are cut to 16 bits on the way, so that scores would be wrong.

    They are on x86 without the VNNI instructions, where ONNX Runtime has a slower way that holds them in full; where
    nothing is known, the slower way is the right one.
    """
    if platform.machine().lower() not in _X86:
        return False
    try:
        return "vnni" not in cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
