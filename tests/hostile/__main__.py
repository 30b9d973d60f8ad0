"""`python -m tests.hostile`: attack the real service, and print what it took."""

import argparse
import asyncio
import shutil
import sys
from fnmatch import fnmatch

from tests.hostile import report
from tests.hostile.attacks import ATTACKS
from tests.hostile.trial import trial
from tests.system.envoy import COMMAND


def main() -> int:
    """Run the attacks, one after the other; return 1 if one of them exceeds a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="length of each attack (default: %(default)g)")
    parser.add_argument("--only", default="*", help="names or patterns, comma separated, such as 'half_sent*'")
    parser.add_argument(
        "--front", action="store_true", help="put Envoy, with the limits of deploy/kubernetes, before the gRPC port"
    )
    parser.add_argument("--list", action="store_true", help="print the names, and do nothing")
    options = parser.parse_args()
    chosen = [one for name, one in ATTACKS.items() if any(fnmatch(name, p) for p in options.only.split(","))]
    if options.list or not chosen:
        print("\n".join(one.name for one in chosen) or f"no such attack; there are {', '.join(ATTACKS)}")  # noqa: T201
        return not chosen
    if options.front and not COMMAND.exists():
        parser.error("no Envoy here: `make tools` sets it up")
    results = []
    for one in chosen:
        if one.program and not shutil.which(one.program):
            print(f"{one.name} is skipped: {one.program} is not on this machine", file=sys.stderr)  # noqa: T201
            continue
        if one.tls and options.front:
            print(f"{one.name} is skipped: this Envoy speaks no TLS", file=sys.stderr)  # noqa: T201
            continue
        print(f"{one.name} ...", file=sys.stderr)  # noqa: T201
        results.append(asyncio.run(trial(one, options.seconds, front=options.front)))
        if len(chosen) > 1:
            print(report.text(results[-1:]), file=sys.stderr, flush=True)  # noqa: T201
    print(report.text(results))  # noqa: T201
    return not all(result.kept for result in results)


if __name__ == "__main__":
    sys.exit(main())
