"""Locates the model of a setting."""

from pathlib import Path

from service.engine.model_dir import ModelDirectory, check_graph
from service.hub.id import HubId


def locate(model: Path | HubId) -> ModelDirectory:
    """Return the model directory of a setting, downloaded first if it is on the hub. Raises ModelError.

    A path names a model directory or one of the ONNX files in it.
    """
    if isinstance(model, Path):
        directory = _directory(model)
        check_graph(directory.graph)
        return directory
    from service.hub.fetch import fetch  # noqa: PLC0415  # Importing its client takes 0.4 s; local models do not need it.

    snapshot = fetch(model)
    return ModelDirectory.read(snapshot.directory, graph=snapshot.graph, name=model.repository)


def _directory(path: Path) -> ModelDirectory:
    if path.suffix != ".onnx" or not path.is_file():
        return ModelDirectory.read(path)
    folder = path.absolute().parent  # Do not resolve links: the files next to the link count.
    above = not (folder / "config.json").is_file() and (folder.parent / "config.json").is_file()
    return ModelDirectory.read(folder.parent if above else folder, graph=path)
