"""Loads the models at the start."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from sys import getsizeof
from threading import Thread
from typing import NamedTuple, TypeVar

from scheduler import CostModel
from service.engine.cache_scope import CacheScope
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.lru import LruCache
from service.engine.model_dir import ModelDirectory
from service.engine.provider import Provider
from service.hub.location import locate
from service.rerank.served_model import ServedModel
from service.settings import Settings

_TOKENS_SHARE = 0.25  # Share of the cache that holds tokens of documents; the rest holds scores.

T = TypeVar("T")


class LoadedModel(NamedTuple):
    """A warmed-up model, and the cost of its batches as measured by the warm-up."""

    model: ServedModel
    cost: CostModel


async def load_models(settings: Settings) -> list[LoadedModel]:
    """Return all models, the default one first; download those of the hub that its cache lacks.

    Raises ModelError.
    """
    sources = settings.sources
    directories = [await on_daemon_thread(partial(locate, source.location)) for source in sources]
    names = [source.name or directory.name for source, directory in zip(sources, directories, strict=True)]
    _check_names([*names, *(alias for source in sources for alias in source.aliases)])
    cache_bytes = settings.cache_mb * 2**20 if settings.cache_scope is not CacheScope.OFF else 0
    tokens_bytes = int(_TOKENS_SHARE * cache_bytes)
    scores: LruCache[float] = LruCache(cache_bytes - tokens_bytes, getsizeof)
    models = []
    for number, (source, name, directory) in enumerate(zip(sources, names, directories, strict=True)):
        engine, cost = await asyncio.to_thread(_load, directory, tokens_bytes // len(sources), settings.provider)
        # A score that depends on the other pairs of its batch is not reproducible.
        cache = scores if engine.batch_invariant else LruCache[float](0, getsizeof)
        models.append(LoadedModel(ServedModel(number, name, source.aliases, engine, cache), cost))
    return models


async def on_daemon_thread(work: Callable[[], T]) -> T:
    """Return the result of `work`, run on a daemon thread: a download of minutes must not delay the exit."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # The await raises it.
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)


def _check_names(names: Sequence[str]) -> None:
    """Raise ModelError if two models share a name or alias."""
    for name, times in Counter(names).items():
        if times > 1:
            raise ModelError(
                f"{times} models answer to {name!r}: give each its own name, as NAME=LOCATION in the settings"
            )


def _load(directory: ModelDirectory, cache_bytes: int, provider: Provider) -> tuple[Engine, CostModel]:
    engine = Engine(directory, cache_bytes, provider)
    return engine, CostModel.fit(engine.warm_up())
