"""The command line."""

import argparse
import asyncio
import sys
from importlib.metadata import version

from service.bench.load import add_arguments, load
from service.bench.urgent import urgent
from service.engine import ModelError
from service.server import AddressError, serve
from service.settings import Settings, SettingsError
from service.telemetry import configure_logging
from service.watched import FileError

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
    bench = commands.add_parser("bench", help="measure the service, in a process of its own")
    benches = bench.add_subparsers(required=True, metavar="WHAT")
    benches.add_parser("urgent", help="one urgent request at a time under bulk work, and a flood").set_defaults(
        run=lambda _: asyncio.run(urgent())
    )
    load_parser = benches.add_parser("load", help="requests that come whether or not the service keeps up")
    add_arguments(load_parser)
    load_parser.set_defaults(run=load)
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


def _serve(_: argparse.Namespace) -> int:
    configure_logging()
    try:
        asyncio.run(serve(Settings.load()))
    except (SettingsError, FileError, ModelError, AddressError) as error:
        print(f"rerankd: {error}", file=sys.stderr)
        return _CANNOT_START
    return 0
