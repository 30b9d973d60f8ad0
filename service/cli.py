"""The command line."""

import argparse
import asyncio
import sys
from importlib.metadata import version

from service.bench import bench
from service.engine import ModelError
from service.identity import KeysFileError
from service.server import AddressError, serve
from service.settings import Settings, SettingsError
from service.telemetry import configure_logging

_CANNOT_START = 1


def main() -> None:
    """Run `rerankd`; exit 0 after a clean drain, 1 if it cannot start, 2 if called wrongly."""
    parser = argparse.ArgumentParser(
        prog="rerankd",
        description="Rerank service over gRPC and REST; settings come from RERANKD_ variables.",
    )
    parser.add_argument("--version", action="version", version=f"rerankd {version('rerankd')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the service until SIGTERM or SIGINT").set_defaults(run=_serve)
    commands.add_parser("bench", help="measure urgent requests under load, on a process of its own").set_defaults(
        run=lambda: asyncio.run(bench())
    )
    arguments = parser.parse_args()
    sys.exit(arguments.run())


def _serve() -> int:
    configure_logging()
    try:
        asyncio.run(serve(Settings.load()))
    except (SettingsError, KeysFileError, ModelError, AddressError) as error:
        print(f"rerankd: {error}", file=sys.stderr)
        return _CANNOT_START
    return 0
