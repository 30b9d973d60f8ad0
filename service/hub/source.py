"""The source of a model: its location and its names."""

from pathlib import Path
from typing import NamedTuple

from service.hub.id import HubId


def location_of(text: object) -> Path | HubId:
    """Return a path if it exists, is absolute or begins with a dot; else the id of a model on the hub."""
    if isinstance(text, Path | HubId):
        return text
    if not isinstance(text, str):
        raise ValueError("expected text")  # noqa: TRY004  # pydantic reports only ValueError.
    path = Path(text)
    if text and (path.exists() or path.is_absolute() or text.startswith(".")):
        return path
    try:
        return HubId.parse(text)
    except ValueError as error:
        raise ValueError(f"no such path, and not the name of a model on the hub: {error}") from None


class ModelSource(NamedTuple):
    """The location and the names of a model to serve."""

    location: Path | HubId
    name: str | None
    """None: the model's own name."""
    aliases: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "ModelSource":
        """Read `[NAME=[ALIAS=]...]LOCATION`. Raises ValueError."""
        *names, location = (part.strip() for part in text.split("="))
        if not all(names):
            raise ValueError(f"{text!r} has an empty name")
        return cls(location_of(location), names[0] if names else None, tuple(names[1:]))
