"""The command line. What a command takes is imported when it is chosen: no command pays for another's."""

import argparse
import sys
from collections.abc import Callable
from importlib.metadata import version

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
    for name, (what, declare) in _COMMANDS.items():
        command = commands.add_parser(name, help=what)
        if name in sys.argv[1:]:
            declare(command)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except KeyboardInterrupt:  # Of a command that does not end by itself in words, as the service does.
        sys.exit(_INTERRUPTED)


def _declare_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_serve)


def _declare_bench(parser: argparse.ArgumentParser) -> None:
    from service.bench.command import add_arguments, load

    benches = parser.add_subparsers(required=True, metavar="WHAT")
    load_parser = benches.add_parser("load", help="requests that come whether or not the service keeps up")
    add_arguments(load_parser)
    load_parser.set_defaults(run=load)


def _declare_convert(parser: argparse.ArgumentParser) -> None:
    from service.convert.command import add_arguments, convert

    add_arguments(parser)
    parser.set_defaults(run=convert)


def _declare_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_models)


def _serve(_: argparse.Namespace) -> int:
    import asyncio

    from service.engine.errors import ModelError
    from service.net.http_server import AddressError
    from service.net.reloading_file import FileError
    from service.server import serve
    from service.settings import Settings, SettingsError
    from service.telemetry.log import configure_logging

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


def _cannot_start(why: Exception) -> int:
    print(f"rerankd: {why}", file=sys.stderr)
    return _CANNOT_START


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": ("run the service until SIGTERM or SIGINT", _declare_serve),
    "bench": ("measure the service, in a process of its own", _declare_bench),
    "convert": ("make a model faster: int8, row by row", _declare_convert),
    "models": ("list the models that this machine has", _declare_models),
}
"""What each command is for, and what declares its options."""
