"""All settings, read once from the environment and an optional TOML file."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from scheduler import CLIENT_SHARE_MIN, GUARANTEED_SHARE_MAX, LANES, Policy
from service.engine.cache_scope import CacheScope
from service.engine.provider import Provider
from service.hub.id import HubId
from service.hub.source import ModelSource, location_of
from service.net.address import Address
from service.net.regular_file import read_regular

PREFIX = "RERANKD_"
EMBEDDED_MODEL = Path(__file__).parent / "models" / "minilm-rerank"
"""Directory of the model in the package."""
_CONFIG = f"{PREFIX}CONFIG"
_OF_A_CLUSTER = re.compile(
    rf"{PREFIX}([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z0-9_]+)?)"
)
"""Variables that Kubernetes puts into every pod of a namespace with a Service whose name begins with rerankd.

https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""


_STREAM_MESSAGES = 4  # Size of a stream of messages, over that of one.
_ACCOUNTS = 4  # Accounts that can hold their most at the same time.


class SettingsError(Exception):
    """Invalid settings; the message names each of them."""


def available_workers() -> int:
    """Return the number of CPUs for this process: the smaller of its affinity and its cgroup quota, at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cpus, int(quota) // int(period)))
    except (OSError, ValueError):  # No cgroup version 2, or "max": no quota.
        return cpus


def _workers(settings: dict[str, Any]) -> int:
    """Return 1 on a GPU, since concurrent batches make batch times unpredictable; else the number of CPUs."""
    return 1 if settings["provider"] is Provider.CUDA else available_workers()


def _batch_seconds(settings: dict[str, Any]) -> float:
    """Return the default batch time in seconds; a GPU is saturated by shorter batches than a CPU."""
    return 0.02 if settings["provider"] is Provider.CUDA else 0.05


def _cache_scope(settings: dict[str, Any]) -> CacheScope:
    """Return the default: clients that keys tell apart do not learn what others asked."""
    return CacheScope.CLIENT if settings["api_keys_file"] else CacheScope.SHARED


def _config_file() -> str | None:
    """Return the value of RERANKD_CONFIG; its name is case-insensitive, like those of the other settings."""
    return next((value for name, value in os.environ.items() if name.upper() == _CONFIG), None)


def _names(text: object) -> object:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if isinstance(text, str) else text


def _sources(text: object) -> object:
    entries = _names(text)
    return tuple(map(ModelSource.parse, entries)) if isinstance(entries, tuple | list) else entries


_AddressField = Annotated[Address, NoDecode, BeforeValidator(Address.parse)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting with its default; `docs/settings.md` explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    grpc_address: _AddressField = Address("127.0.0.1", 50051)
    http_address: _AddressField = Address("127.0.0.1", 8080)
    admin_address: _AddressField = Address("127.0.0.1", 9090)
    model: Annotated[Path | HubId, NoDecode, BeforeValidator(location_of)] = EMBEDDED_MODEL
    model_aliases: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ("rerank-v3.5",)
    extra_models: Annotated[tuple[ModelSource, ...], NoDecode, BeforeValidator(_sources)] = ()
    provider: Provider = Provider.CPU
    workers: PositiveInt = Field(default_factory=_workers)
    batch_seconds: _Seconds = Field(default_factory=_batch_seconds)
    backlog_seconds: _Seconds = 10
    class_width: Annotated[int, Field(ge=1, le=LANES)] = 1
    guaranteed_share: Annotated[float, Field(ge=0, le=GUARANTEED_SHARE_MAX)] = 0
    client_share: Annotated[float, Field(ge=CLIENT_SHARE_MIN, le=1)] = 1
    default_timeout_seconds: _Seconds = 60
    max_timeout_seconds: _Seconds = 600
    api_keys_file: Path | None = None
    allow_anonymous: bool = False
    rate_limit: PositiveInt | None = None
    denylist_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None
    max_connection_age_seconds: Annotated[int, Field(ge=0, le=1_000_000)] = 300
    max_connections: PositiveInt = 2000
    http_idle_seconds: Annotated[int, Field(ge=1, le=1_000_000)] = 120
    max_documents: PositiveInt = 10_000
    max_message_mb: Annotated[int, Field(ge=1, le=1024)] = 32
    max_held_mb: PositiveInt = 512
    cache_mb: NonNegativeInt = 256
    cache_scope: CacheScope = Field(default_factory=_cache_scope)
    bill_windows: bool = False
    drain_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30

    @property
    def sources(self) -> tuple[ModelSource, ...]:
        """All models to serve, the default one first."""
        return ModelSource(self.model, None, self.model_aliases), *self.extra_models

    @property
    def stream_mb(self) -> int:
        """Size of all messages of a stream, in MiB."""
        return _STREAM_MESSAGES * self.max_message_mb

    @property
    def account_held_mb(self) -> int:
        """Part of `max_held_mb` that an account may hold, in MiB."""
        return self.max_held_mb // _ACCOUNTS

    @property
    def policy(self) -> Policy:
        """The scheduler's limits."""
        return Policy(
            workers=self.workers,
            batch_s=self.batch_seconds,
            backlog_s=self.backlog_seconds,
            class_width=self.class_width,
            guaranteed_share=self.guaranteed_share,
            client_share=self.client_share,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give the environment precedence over the file."""
        file = _config_file()
        return (
            init_settings,
            env_settings,
            *([TomlConfigSettingsSource(settings_cls, file)] if file else []),
        )

    @classmethod
    def load(cls) -> "Settings":
        """Return the settings of this process. Raises SettingsError naming every setting at fault."""
        known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields} | {_CONFIG}
        variables = {
            name for name in os.environ if name.upper().startswith(PREFIX) and not _OF_A_CLUSTER.fullmatch(name)
        }
        if unknown := {name for name in variables if name.upper() not in known}:
            raise SettingsError(f"unknown setting: {', '.join(sorted(unknown))}")
        file = _config_file()
        try:
            if file:
                read_regular(Path(file))  # pydantic reads it without these checks.
            settings = cls()
        except ValidationError as error:
            faults = (
                f"{PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}"
                for e in error.errors()
                # Skip defaults that depend on an invalid setting, which has an error of its own.
                if e["type"] != "default_factory_not_called"
            )
            raise SettingsError("; ".join(faults)) from None
        except FileNotFoundError:
            raise SettingsError(f"{_CONFIG}: {file} does not exist") from None
        except OSError as error:
            raise SettingsError(f"{_CONFIG}: {file} cannot be read: {error.strerror}") from None
        except ValueError as error:  # The file is not TOML.
            raise SettingsError(f"{_CONFIG}: {file}: {error}") from None
        settings._check_tls()
        settings._check_exposure()
        if settings.account_held_mb < settings.stream_mb:
            least = _ACCOUNTS * _STREAM_MESSAGES
            raise SettingsError(f"{PREFIX}MAX_HELD_MB must be at least {least} times {PREFIX}MAX_MESSAGE_MB")
        return settings

    def _check_tls(self) -> None:
        for name, needed in (
            ("tls_cert_file", "tls_key_file"),
            ("tls_key_file", "tls_cert_file"),
            ("tls_client_ca_file", "tls_cert_file"),
        ):
            if getattr(self, name) and not getattr(self, needed):
                raise SettingsError(f"{PREFIX}{name.upper()} requires {PREFIX}{needed.upper()}")

    def _check_exposure(self) -> None:
        if self.api_keys_file or self.allow_anonymous:
            return
        for name in ("grpc_address", "http_address", "admin_address"):
            if not getattr(self, name).is_loopback:
                raise SettingsError(
                    f"{PREFIX}{name.upper()} listens beyond this machine: set {PREFIX}API_KEYS_FILE, "
                    f"or {PREFIX}ALLOW_ANONYMOUS=true to admit callers without a key"
                )


def spans_wanted() -> bool:
    """Return True if OpenTelemetry's standard variables name an endpoint for spans. Its SDK reads them itself."""
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT") for signal in ("", "TRACES_"))
