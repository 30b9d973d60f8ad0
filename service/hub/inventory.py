"""The list of local models."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.hub.id import HubId
from service.hub.location import locate

_HEAD = ("MODEL", "REVISION", "SIZE", "CONTEXT", "ONNX FILES")
_COMMIT_DIGITS = 12  # Enough to tell commits apart.


@dataclass(frozen=True, slots=True)
class Entry:
    """A local model, or a configured model that is missing."""

    model: str
    """Its value for `RERANKD_MODEL`."""
    configured: bool
    commit: str | None = None
    """The commit hash on the hub; None for a directory."""
    refs: tuple[str, ...] = ()
    """Branches and tags that pointed at the commit when last downloaded."""
    bytes: int = 0
    """Total size of its files."""
    context: int | None = None
    graphs: tuple[str, ...] = ()
    problem: str | None = None
    """The reason why it cannot be served; None if it can."""

    def is_of(self, model: HubId) -> bool:
        """Return whether it has this repository and revision, whatever the graph."""
        return self.model.partition("@")[0] == model.repository and model.revision in (*self.refs, self.commit)


def catalogue(embedded: Path, configured: Sequence[Path | HubId]) -> list[Entry]:
    """Return the embedded model, the configured models, and the servable models in the hub's cache."""
    paths = dict.fromkeys([embedded, *(model for model in configured if isinstance(model, Path))])
    entries = [_entry(str(path), partial(locate, path), configured=path in configured) for path in paths]
    wanted = [model for model in configured if isinstance(model, HubId)]
    cached = [replace(entry, configured=any(map(entry.is_of, wanted))) for entry in _cached()]
    missing = [model for model in wanted if not any(entry.is_of(model) for entry in cached)]
    entries += [
        Entry(str(model), configured=True, problem="not in the cache; `rerankd serve` downloads it")
        for model in missing
    ]
    return entries + [entry for entry in cached if entry.configured or not entry.problem]


def table(entries: Sequence[Entry]) -> str:
    """Return the models as a text table."""
    rows = [("", *_HEAD), *(_row(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", "* configured in RERANKD_MODEL or RERANKD_EXTRA_MODELS"])


def as_json(entries: Sequence[Entry]) -> str:
    """Return the models as a JSON array."""
    return json.dumps([asdict(entry) for entry in entries], indent=2)


def _cached() -> Iterator[Entry]:
    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:  # No model was ever downloaded.
        return
    for repository in sorted(repositories, key=lambda repository: repository.repo_id):
        if repository.repo_type != "model":
            continue
        for revision in sorted(repository.revisions, key=lambda revision: revision.commit_hash):
            refs = tuple(sorted(revision.refs))
            name = HubId(repository.repo_id, next(iter(refs), revision.commit_hash))
            entry = _entry(str(name), partial(_read, revision.snapshot_path))
            yield replace(entry, commit=revision.commit_hash, refs=refs)


def _read(snapshot: Path) -> ModelDirectory:
    # Any graph will do: a setting can name one that is not the usual one.
    return ModelDirectory.read(snapshot, graph=next(snapshot.rglob("*.onnx"), None))


def _entry(model: str, read: Callable[[], ModelDirectory], *, configured: bool = False) -> Entry:
    try:
        directory = read()
    except ModelError as error:
        return Entry(model, configured, problem=str(error))
    files = [path for path in directory.path.rglob("*") if path.is_file()]
    return Entry(
        model,
        configured,
        bytes=sum(path.stat().st_size for path in files),
        context=directory.context,
        graphs=tuple(sorted(str(path.relative_to(directory.path)) for path in files if path.suffix == ".onnx")),
    )


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        "*" if entry.configured else "",
        entry.model,
        (entry.commit or "")[:_COMMIT_DIGITS],
        f"{entry.bytes / 1e6:.1f} MB" if entry.bytes else "",
        str(entry.context or ""),
        entry.problem or ", ".join(entry.graphs),
    )
