"""`python -m tests.hostile.fuzz`: feed readers of untrusted bytes with inputs that reach ever more branches."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from unittest.mock import Mock

CORPUS: dict[str, tuple[bytes, ...]] = {
    "bodies": (
        b'\x00{"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "priority": 3}',
        b'\x01{"query": "q", "documents": [{"a": 1, "b": [true, null]}], "rank_fields": ["a"], "return_documents": 1}',
        b'\x02{"model": "m", "query": "q", "documents": [{"text": "a"}], "provider": {}}',
        b'\x03{"query": "q", "texts": ["a", "b"], "raw_scores": true, "truncate": true, "return_text": true}',
    ),
    "documents": ('{"a": "😀\\ud83d\\ue000", "b": {"c": [1e9, "x: y", "\\u0085"]}}'.encode(), b'{"text": "a"}'),
    "keys": (b"a:key priority=3 rate=5 models=m,n\n# note\n", b"b:sha256:" + b"ab" * 32 + b"\n", b"b: priority=5"),
    "metadata": (b"999", b"-1", "٣".encode(), b"1" * 13),
}
"""The first inputs of each reader."""
_BYTES_MAX = 4096


def bodies() -> Callable[[bytes], object]:
    """Read a body of the API form that the first byte chooses."""
    import asyncio  # noqa: PLC0415

    from service.errors import ServiceError  # noqa: PLC0415
    from service.rerank.limits import Limits  # noqa: PLC0415
    from service.rerank.priority_executor import PriorityExecutor  # noqa: PLC0415
    from service.rest.decode import Decoder  # noqa: PLC0415
    from service.rest.routes import ROUTES  # noqa: PLC0415

    limits = Limits(10_000, pairs_max=10_000, message_bytes=2**20, stream_bytes=2**22)
    decoder = Decoder(PriorityExecutor(1, 1000, "parse"), limits)
    loop = asyncio.new_event_loop()

    def read(raw: bytes) -> None:
        with suppress(ServiceError):
            body, texts = loop.run_until_complete(decoder.read(ROUTES[raw[0] % len(ROUTES)], bytearray(raw[1:]), 0))
            assert all(isinstance(text, str) for text in texts)
            assert len(texts) == len(body.ranked)
            body.to_request(texts, 0)

    return lambda raw: read(raw or b"\0")


def documents() -> Callable[[bytes], object]:
    """Render an object as YAML, which reads back as what it was."""
    import yaml  # noqa: PLC0415
    from pydantic_core import from_json  # noqa: PLC0415

    from service.errors import ServiceError  # noqa: PLC0415
    from service.rest.document_text import text_of  # noqa: PLC0415

    def render(raw: bytes) -> None:
        try:
            document = from_json(raw, allow_inf_nan=False)
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        try:
            text = text_of(document, 0)
        except ServiceError:
            return
        assert isinstance(text, str)
        if not (document.keys() <= {"text", "image"} and isinstance(document.get("text"), str)) and _plain(document):
            assert yaml.safe_load(text) == document

    return render


def _plain(value: object) -> bool:
    """Return whether YAML has one way to read this: texts and whole numbers of printable ASCII."""
    if isinstance(value, dict):
        return all(_plain(key) and _plain(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_plain, value))
    return isinstance(value, int | None) or (isinstance(value, str) and value.isascii() and value.isprintable())


def keys() -> Callable[[bytes], object]:
    """Read a keys file, and ask it with and without what is in it."""
    from service.access.api_keys import ApiKeys  # noqa: PLC0415
    from service.errors import UnauthenticatedError  # noqa: PLC0415
    from service.net.reloading_file import FileError  # noqa: PLC0415

    path = Path(gettempdir()) / f"rerankd-fuzz-{os.getpid()}"

    def ask(raw: bytes) -> None:
        path.write_bytes(raw)
        with suppress(FileError):
            known = ApiKeys(path)
            first = raw.partition(b":")[2].split()[:1]
            for key in ("", "none", *(one.decode(errors="replace") for one in first)):
                with suppress(UnauthenticatedError):
                    assert known.caller(f"Bearer {key}", None, "192.0.2.1") is not None

    return ask


def metadata() -> Callable[[bytes], object]:
    """Read the priority of a call."""
    from service.errors import InvalidRequestError  # noqa: PLC0415
    from service.grpc_api.metadata import lane  # noqa: PLC0415

    def read(raw: bytes) -> None:
        context = Mock(invocation_metadata=lambda: (("x-priority", raw.decode(errors="replace")), ("x-bin", raw)))
        with suppress(InvalidRequestError):
            assert isinstance(lane(context, 0), int)

    return read


READERS = {reader.__name__: reader for reader in (bodies, documents, keys, metadata)}


def _fuzz(name: str, seconds: int, folder: str) -> None:
    """Feed one reader in this process, which ends with status 0 if no input made it fail."""
    import atheris  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415

    with atheris.instrument_imports(include=["service"]):
        reader = READERS[name]()
    arguments = [f"-max_total_time={seconds}", f"-max_len={_BYTES_MAX}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *arguments, f"-artifact_prefix={folder}/", "-print_final_stats=1", folder], reader)
    atheris.Fuzz()


def main() -> int:
    """Feed each reader for some seconds, in a process of its own; return 1 if an input made one fail."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="time for each reader (default: %(default)s)")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        _fuzz(options.reader, options.seconds, options.folder)
    if not find_spec("atheris"):
        print("readers are not fuzzed: atheris is not installed")  # noqa: T201
        return 0
    return sum(_failed(name, options.seconds) for name in READERS) > 0


def _failed(name: str, seconds: int) -> bool:
    """Feed a reader, print how that went, and return whether an input made it fail."""
    with TemporaryDirectory() as folder:
        for number, content in enumerate(CORPUS[name]):
            (Path(folder) / f"first-{number}").write_bytes(content)
        command = (sys.executable, "-m", "tests.hostile.fuzz", "--reader", name, "--folder", folder)
        ended = subprocess.run((*command, "--seconds", str(seconds)), capture_output=True, text=True, check=False)
        said = ended.stdout + ended.stderr
        runs = re.search(r"number_of_executed_units: (\d+)", said)
        branches = re.findall(r"cov: (\d+)", said)
        found = f"{runs and runs[1]} inputs, {branches[-1] if branches else 0} branches"
        print(f"{name}: {found}, status {ended.returncode}", flush=True)  # noqa: T201
        if ended.returncode:
            print(said[-5000:])  # noqa: T201
        return bool(ended.returncode)


if __name__ == "__main__":
    sys.exit(main())
