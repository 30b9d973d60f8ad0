"""A loaded model and its names."""

from dataclasses import dataclass

from service.engine.engine import Engine
from service.engine.lru import LruCache


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model, its name and its aliases."""

    number: int
    """Its index among the models; 0 is the default model."""
    name: str
    aliases: tuple[str, ...]
    engine: Engine
    cache: LruCache[float]

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return self.name, *self.aliases
