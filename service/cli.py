"""The command line. Each command imports its dependencies when it runs, so that no command waits for another's."""

import argparse
import sys
from collections.abc import Callable
from importlib.metadata import version

_CANNOT_START = 1
_INTERRUPTED = 130  # Exit status that shells report after SIGINT.


def main() -> None:
    """Run `rerankd`. Exit status: 0 on success, 1 on failure, 2 on wrong usage, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="rerankd",
        description="Rerank service over gRPC and REST, configured by RERANKD_* environment variables.",
    )
    parser.add_argument("--version", action="version", version=f"rerankd {version('rerankd')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (purpose, declare) in _COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name in sys.argv[1:]:
            declare(command)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except KeyboardInterrupt:  # `serve` handles SIGINT itself; the other commands do not.
        sys.exit(_INTERRUPTED)


def _declare_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_serve)


def _declare_bench(parser: argparse.ArgumentParser) -> None:
    from service.bench.command import add_arguments, load

    benches = parser.add_subparsers(required=True, metavar="BENCHMARK")
    load_parser = benches.add_parser("load", help="open-loop load test: goodput and latency at several loads")
    add_arguments(load_parser)
    load_parser.set_defaults(run=load)


def _declare_convert(parser: argparse.ArgumentParser) -> None:
    from service.convert.command import add_arguments, convert

    add_arguments(parser)
    parser.set_defaults(run=convert)


def _declare_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_models)


def _serve(_: argparse.Namespace) -> int:
    import asyncio
    import os

    from service.signals import heed

    heed()  # Before the libraries, which take seconds to load.
    # The gRPC library writes to standard error itself: not in JSON, and blocking where nobody reads.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    from service.engine.errors import ModelError
    from service.net.http_server import AddressError
    from service.net.reloading_file import FileError
    from service.server import serve
    from service.settings import Settings, SettingsError
    from service.telemetry.logging_setup import configure_logging
    from service.telemetry.streams import ERRORS, OUTPUT

    sys.stdout, sys.stderr = OUTPUT, ERRORS
    configure_logging()
    try:
        asyncio.run(serve(Settings.load()))
    except (SettingsError, FileError, ModelError, AddressError) as error:
        return _cannot_start(error)
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from service.hub.inventory import as_json, catalogue, table
    from service.settings import EMBEDDED_MODEL, Settings, SettingsError

    try:
        entries = catalogue(EMBEDDED_MODEL, [source.location for source in Settings.load().sources])
    except SettingsError as error:
        return _cannot_start(error)
    print(as_json(entries) if arguments.json else table(entries))
    return 0


def _cannot_start(error: Exception) -> int:
    print(f"rerankd: {error}", file=sys.stderr)
    return _CANNOT_START


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": ("run the service until a signal ends it", _declare_serve),
    "bench": ("measure a service under load", _declare_bench),
    "convert": ("quantise a model to int8 for faster scoring", _declare_convert),
    "models": ("list the embedded, configured and cached models", _declare_models),
}
"""Purpose of each command, and the function that declares its options."""
