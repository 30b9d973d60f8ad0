"""The command line."""

import argparse
import asyncio
import sys
from importlib.metadata import version

from service.bench import engine as engine_bench
from service.bench.load import add_arguments, load
from service.bench.urgent import urgent
from service.convert import command as conversion
from service.engine.errors import ModelError
from service.net.http_server import AddressError
from service.net.reloading_file import FileError
from service.server import serve
from service.settings import EMBEDDED_MODEL, Settings, SettingsError
from service.telemetry.log import configure_logging

_CANNOT_START = 1
_INTERRUPTED = 130  # As of a program that SIGINT ended.


def main() -> None:
    """Run `rerankd`; exit 0 after a clean drain, 1 if it cannot start, 2 if called wrongly, 130 if interrupted."""
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
    engine_parser = benches.add_parser("engine", help="what ONNX Runtime alone does, and what comes of it when served")
    engine_bench.add_arguments(engine_parser)
    engine_parser.set_defaults(run=engine_bench.engine)
    convert = commands.add_parser("convert", help="make a model faster: int8, row by row")
    conversion.add_arguments(convert)
    convert.set_defaults(run=conversion.convert)
    models = commands.add_parser("models", help="list the models that this machine has")
    models.add_argument("--json", action="store_true", help="for programs")
    models.set_defaults(run=_models)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except KeyboardInterrupt:  # Of a command that does not end by itself in words, as the service does.
        sys.exit(_INTERRUPTED)


def _serve(_: argparse.Namespace) -> int:
    configure_logging()
    try:
        asyncio.run(serve(Settings.load()))
    except (SettingsError, FileError, ModelError, AddressError) as error:
        print(f"rerankd: {error}", file=sys.stderr)
        return _CANNOT_START
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from service.hub.inventory import as_json, catalogue, table  # noqa: PLC0415  # As in location.py.

    try:
        entries = catalogue(EMBEDDED_MODEL, [source.location for source in Settings.load().sources])
    except SettingsError as error:
        print(f"rerankd: {error}", file=sys.stderr)
        return _CANNOT_START
    print(as_json(entries) if arguments.json else table(entries))
    return 0
