"""The location of the model that a setting names."""

from pathlib import Path

from service.engine.model_dir import ModelDirectory, check_graph
from service.hub.id import HubId


def locate(model: Path | HubId) -> ModelDirectory:
    """Return the model that a setting names; one of the hub is fetched first. Raises ModelError.

    A path leads to a model directory or to one of its graphs.
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
    folder = path.absolute().parent  # Links are not resolved: the files beside the link belong to the model.
    above = not (folder / "config.json").is_file() and (folder.parent / "config.json").is_file()
    return ModelDirectory.read(folder.parent if above else folder, graph=path)
