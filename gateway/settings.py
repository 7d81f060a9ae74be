"""What an operator can set: environment variables that begin with `SIMPUL_`, each with its default."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.stream.limits import PER_CLIENT, PER_SOCKET, TOTAL
from schema.errors import ConfigError

PREFIX = "SIMPUL_"


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines that are still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """The hub's settings. `load` reads them; a value given to it wins over the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of what the hub keeps on disk: the SQLite database, its witness, the sealing key.",
    )
    database_url: str | None = Field(
        default=None,
        description="The ledger: `sqlite://PATH` or `postgres://USER@HOST:PORT/NAME`. "
        "Default: `simpul.db` in the data folder.",
        repr=False,
    )
    agencies_dir: Path = Field(default=Path("agencies"), description="Folder of the agencies' files, one TOML each.")
    routing_file: Path | None = Field(
        default=None,
        description="Rules for where complaints go that are written here (docs/routing.md). "
        "Default: `routing.toml` in the folder of agencies' files, if there is one.",
    )
    public_url: str | None = Field(
        default=None,
        pattern="^https?://[^?#]+$",
        description="The hub's address as clients reach it, `https://simpul.example.go.id`: attachments are linked "
        "to it. Default: attachments have no address.",
    )
    attachment_mb: int = Field(
        default=10, ge=1, le=100, description="Megabytes of one file that a write may bring by address."
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins whose pages may ask the hub, separated by commas: `https://lapor.example.go.id`. "
        "`localhost` means any port of this machine; `*` any origin, without cookies. Default: none but its own.",
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="At least 32 characters that cursors are sealed with; the same on every replica. "
        "Default: a key made at the first start, in the data folder.",
    )
    redis_url: str | None = Field(
        default=None,
        description="Valkey or Redis that several hubs share: `redis://HOST:PORT/DB`, `rediss://...` or `unix://PATH`. "
        "Default: none; the hub never needs it.",
        repr=False,
    )
    cache_mb: int = Field(
        default=32, ge=0, le=65_536, description="Megabytes of answers kept in memory; 0 answers every question anew."
    )
    stale_seconds: float = Field(
        default=0.0,
        ge=0.0,
        le=3_600.0,
        description="Seconds that an outdated answer may still be given while a new one is made. Default: none.",
    )
    fast_lane: bool = Field(
        default=True, description="Whether plain requests go past the ASGI stack; `false` if in doubt of it."
    )
    pages: bool = Field(
        default=True, description="Whether browsers get the dashboard at `/` and the explorer at `/graphql`."
    )
    streams: int = Field(default=TOTAL, ge=1, description="Live streams in all, and as many WebSockets.")
    streams_per_client: int = Field(
        default=PER_CLIENT, ge=1, description="Live streams of one address or one user, and as many WebSockets."
    )
    streams_per_socket: int = Field(default=PER_SOCKET, ge=1, description="Operations that one WebSocket runs at once.")
    log_format: LogFormat = Field(default=LogFormat.TEXT, description="`text` for people, `json` for machines.")
    log_level: LogLevel = Field(default=LogLevel.INFO, description="`debug`, `info`, `warning` or `error`.")

    @field_validator("database_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite://", "postgres://", "postgresql://")):
            raise ValueError("not an address: sqlite://PATH or postgres://USER@HOST:PORT/NAME")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, separator, rest = origin.partition("://")
            if origin in ("*", "localhost"):
                continue
            if scheme not in ("http", "https") or not separator or not rest or "/" in rest or "*" in rest:
                raise ValueError(f"{origin!r} is not an origin: scheme and host, no path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("not an address of Valkey or Redis: redis://HOST:PORT/DB, rediss://... or unix://PATH")
        return value

    @property
    def database(self) -> str:
        """Address of the ledger."""
        return self.database_url or f"sqlite://{self.data_dir / 'simpul.db'}"

    @property
    def routing(self) -> Path | None:
        """The rules for where complaints go; None where there are none."""
        usual = self.agencies_dir / "routing.toml"
        return self.routing_file or (usual if usual.is_file() else None)

    @property
    def key_file(self) -> Path:
        """Where the sealing key is kept when no secret is set."""
        return self.data_dir / "cursor.key"


def load(**values: Any) -> Settings:
    """Settings from the environment; `values` win over it.

    Raises:
        ConfigError: names the variable and what would do.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _told(error.errors(include_url=False)[0]) from None


def _told(problem: ErrorDetails) -> ConfigError:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    field = Settings.model_fields.get(name)
    kind = field.annotation if field else None
    allowed = tuple(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else ()
    return ConfigError(problem["msg"].removeprefix("Value error, "), key=PREFIX + name.upper(), allowed=allowed)
