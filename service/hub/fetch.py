"""Models of the hub, fetched into its cache."""

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
constants.HF_HUB_DISABLE_TELEMETRY = True  # Otherwise it fetches a list of AI agents and reports if one runs this.
_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.INFO)  # A line at the start for each model: its source and its commit.


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The local files of a model at one commit."""

    directory: Path
    graph: Path
    commit: str


def fetch(model: HubId) -> Snapshot:
    """Return the files of a model, fetched from the hub unless its cache holds them. Raises ModelError.

    On a terminal, bars on standard error show the progress.
    """
    logging.getLogger("huggingface_hub").handlers.clear()  # Its warnings go to the root logger.
    _LOG.info("model %s: asking %s", model, _source())
    try:
        snapshot = _fetch(model)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  # Three libraries raise; HubError has words for the operator.
        raise HubError.of(model, error) from None
    _LOG.info("model %s: commit %s, %s", model, snapshot.commit, snapshot.graph.name)
    return snapshot


def _fetch(model: HubId) -> Snapshot:
    repository = model.repository
    revision = HfApi(library_name="rerankd").resolve_revision(repository, revision=model.revision)
    with disable_progress_bars():
        # It also caches the list of the model's files, which tells without the hub if one is missing.
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
    """Return the ONNX file that `model` names, or the usual one."""
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


def _beside(directory: Path, graph: str, data: Sequence[str]) -> Path:
    """Return the path of the graph in a folder that also holds its data.

    The cache holds links, and large files of any model may share a store by content. ONNX Runtime follows a link to
    data only into the folder of the resolved graph.
    """
    files = [directory / name for name in (graph, *data)]
    if len({file.resolve().parent for file in files}) == 1:
        return files[0]
    # In the model's folder of the cache, so that it is deleted with the model; a hard link takes no space.
    place = directory.parents[1] / "rerankd" / directory.name
    for file in files:
        name = place / file.relative_to(directory)
        name.parent.mkdir(parents=True, exist_ok=True)
        if not name.exists():
            os.link(file.resolve(), name)
    return place / graph


def _source() -> str:
    return f"the cache, {constants.HF_HUB_CACHE}" if constants.is_offline_mode() else constants.ENDPOINT
