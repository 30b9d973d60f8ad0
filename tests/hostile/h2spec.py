"""`python -m tests.hostile.h2spec`: run the program h2spec against the gRPC port, and tell what it finds anew."""

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.process import RunningService

PROGRAM = "h2spec"
_INSTALL = "go install github.com/summerwind/h2spec/cmd/h2spec@latest"
_TEST = re.compile(r'<testcase package="([^"]*)" classname="(.*?)" time="[^"]*">(.*?)</testcase>', re.DOTALL)
"""In its report, which is no XML where it quotes what the server says with a GOAWAY."""
_PATIENCE_S = 2
"""For an answer. A test that expects one waits this long where the server rightly or wrongly says nothing."""
NO_CALL = "its request is no call of gRPC, so that it is answered with a status and reset, not with a page"
STRICT = "the library closes the connection on a PING with flags or bits that RFC 9113 lets it ignore"
LENIENT = "the library ignores, or ends the stream for, what RFC 9113 calls an error of the connection"
UNCHECKED = (
    "the library does not check the header, and nothing reads it: it has routed by path, or waits for the message"
)
NO_TABLE = "it adds to a header table of no size, without the update that RFC 7541, section 4.2, asks of it"
"""This ends the connection, and passes for an answer in each test that expects one to be ended."""
EXPLAINED: dict[str, tuple[int, str]] = {
    **dict.fromkeys(("generic/3.9", "http2/6.10"), (1, NO_CALL)),
    **dict.fromkeys(("generic/3.2", "generic/3.10"), (2, NO_CALL)),
    **dict.fromkeys(("generic/3.1", "generic/4"), (3, NO_CALL)),
    "generic/3.3": (5, NO_CALL),
    "generic/2": (4, NO_TABLE),
    **dict.fromkeys(("generic/3.4", "http2/7"), (1, NO_TABLE)),
    "generic/5": (15, NO_CALL),
    "http2/4.1": (2, STRICT),
    "http2/4.2": (2, NO_CALL),
    "http2/6.5.3": (1, NO_CALL),
    "http2/6.9.2": (2, NO_CALL),
    **dict.fromkeys(("http2/5.1.2", "http2/5.4.1", "http2/6.2", "http2/6.7", "http2/6.8"), (1, LENIENT)),
    **dict.fromkeys(("http2/5.1.1", "http2/5.3.1", "http2/6.3", "http2/6.4"), (2, LENIENT)),
    **dict.fromkeys(("http2/6.1", "http2/6.9.1"), (3, LENIENT)),
    "http2/5.1": (10, LENIENT),
    **dict.fromkeys(("http2/8.2", "hpack/5.2"), (1, LENIENT)),
    "http2/8.1.2": (1, UNCHECKED),
    "http2/8.1.2.1": (3, UNCHECKED),
    **dict.fromkeys(("http2/8.1.2.2", "http2/8.1.2.6"), (2, UNCHECKED)),
    "http2/8.1.2.3": (7, UNCHECKED),
}
"""The most failures in each section of h2spec 2.6, against grpcio 1.85, and why they stay."""


def main() -> int:
    """Print the failures by section; return 1 if a section has more of them than are explained."""
    if not shutil.which(PROGRAM):
        print(f"HTTP/2 is not checked: {PROGRAM} is not on this machine; {_INSTALL}")  # noqa: T201
        return 0
    with RunningService.start(workers=1) as service, TemporaryDirectory() as folder:
        host, _, port = service.grpc.rpartition(":")
        report = Path(folder) / "report.xml"
        command = (PROGRAM, "-h", host, "-p", port, "-o", str(_PATIENCE_S), "-j", str(report))
        subprocess.run(command, capture_output=True, check=False, timeout=900)
        tests = _TEST.findall(report.read_text(encoding="utf-8", errors="replace"))
    failed = defaultdict(list)
    for section, name, found in tests:
        if "<error>" in found or "<failure>" in found:
            failed[section].append(name)
    new = {section: names for section, names in failed.items() if len(names) > EXPLAINED.get(section, (0, ""))[0]}
    found = f"{len(tests)} tests, {sum(map(len, failed.values()))} failed"
    print(f"h2spec: {found}, in these sections anew: {new or 'none'}")  # noqa: T201
    for section, names in failed.items():
        print(f"- {section}: {len(names)}: {EXPLAINED.get(section, (0, 'NOT EXPLAINED'))[1]}")  # noqa: T201
    return bool(new) or not tests


if __name__ == "__main__":
    sys.exit(main())
