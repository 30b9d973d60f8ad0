"""Downloads of models from the hub, through its cache."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from huggingface_hub import (
    HfApi,
    constants,
    get_cached_repo_tree,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import CachedRepoTreeNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from service.engine.errors import ModelError
from service.engine.model_dir import listed, usual_graph
from service.engine.onnx_file import OnnxFile, OnnxFileError
from service.hub.errors import HubError
from service.hub.id import HubId

_NEEDED = ("config.json", "tokenizer.json")
_WANTED = (*_NEEDED, "tokenizer_config.json", "special_tokens_map.json")
constants.HF_HUB_DISABLE_TELEMETRY = True  # Telemetry would download a list of agents and report a match.
_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.INFO)  # Report each download once at start.


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The local files of a model at one commit."""

    directory: Path
    graph: Path
    commit: str


def fetch(model: HubId) -> Snapshot:
    """Download the files needed to serve a model that the cache lacks. Raises ModelError.

    On a terminal, standard error shows progress bars.
    """
    logging.getLogger("huggingface_hub").handlers.clear()  # Send its warnings to the root logger only.
    _LOG.info("model %s: asking %s", model, _source())
    try:
        snapshot = _fetch(model)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  # Three libraries raise many types.
        raise HubError.of(model, error) from None
    _LOG.info("model %s: commit %s, %s", model, snapshot.commit, snapshot.graph.name)
    return snapshot


def _fetch(model: HubId) -> Snapshot:
    repository = model.repository
    revision = HfApi(library_name="rerankd").resolve_revision(repository, revision=model.revision)
    with disable_progress_bars():
        # snapshot_download also caches the list of files, which shows without the hub which ones are missing.
        directory = Path(snapshot_download(repository, revision=revision, allow_patterns=["config.json"]))
    try:
        names = [file.path for file in get_cached_repo_tree(repository, revision=revision)]
    except CachedRepoTreeNotFoundError:  # Another program filled the cache, and the hub is unreachable.
        names = [path.relative_to(directory).as_posix() for path in directory.rglob("*")]
    if missing := [name for name in _NEEDED if name not in names]:
        raise HubError(f"model {model} has no {' and no '.join(missing)} and cannot be served")
    graph = _graph(model, names)
    download = partial(hf_hub_download, repository, revision=revision, library_name="rerankd")
    for name in (*(name for name in _WANTED if name in names), graph):
        download(name)
    data = _data(model, directory / graph, graph)
    if missing := [name for name in data if name not in names]:
        raise HubError(f"model {model} has no {missing[0]}, which contains weights of {graph}, and cannot be served")
    for name in data:
        download(name)
    return Snapshot(directory, _colocated(directory, graph, data), revision.resolved)


def _graph(model: HubId, names: Sequence[str]) -> str:
    """Return the ONNX file that the id names, or the usual one."""
    if not model.graph:
        return usual_graph(names, subject=f"model {model}", location=str(model), source=model.repository)
    if model.graph not in names:
        graphs = [name for name in names if name.endswith(".onnx")]
        raise HubError(f"model {model} has no {model.graph}; {listed('ONNX files', graphs)}")
    return model.graph


def _data(model: HubId, path: Path, graph: str) -> list[str]:
    """Return the external data files that the graph names."""
    try:
        return [str(PurePosixPath(graph).parent / name) for name in OnnxFile.read(path).data]
    except OnnxFileError as error:
        raise HubError(f"model {model}: {graph} {error}") from None


def _colocated(directory: Path, graph: str, data: Sequence[str]) -> Path:
    """Return a path of the graph whose external data lies in the same real directory.

    The cache contains links into a store by content hash. ONNX Runtime follows a link to external data only within the
    real directory of the graph.
    """
    files = [directory / name for name in (graph, *data)]
    if len({file.resolve().parent for file in files}) == 1:
        return files[0]
    # In the model's cache directory, so that deleting the model deletes it; hard links take no space.
    place = directory.parents[1] / "rerankd" / directory.name
    for file in files:
        name = place / file.relative_to(directory)
        name.parent.mkdir(parents=True, exist_ok=True)
        if not name.exists():
            os.link(file.resolve(), name)
    return place / graph


def _source() -> str:
    return f"the cache, {constants.HF_HUB_CACHE}" if constants.is_offline_mode() else constants.ENDPOINT
