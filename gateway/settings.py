"""What an operator can set: environment variables that begin with `SIMPUL_`, each with its default."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from connectors.addresses import Network
from gateway.execution.deadline import SECONDS
from gateway.guard.limits import LIMITS
from gateway.guard.rates import PER_MINUTE, WRITES_PER_HOUR
from gateway.stream.limits import PER_CLIENT, PER_SOCKET, TOTAL
from schema.errors import ConfigError
from schema.query import Role

PREFIX = "SIMPUL_"
#: Roles that a token may give: the first of these counts that it names.
_ROLES = (Role.NATIONAL_ADMIN, Role.OVERSIGHT, Role.AGENCY_COORDINATOR, Role.LIAISON_OFFICER, Role.INTEGRATOR)
#: Algorithms that an operator may allow: signatures that only a provider can make.
_ALGORITHMS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"}


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class Profile(StrEnum):
    """How much the graph tells of itself."""

    OPEN = "open"
    LOCKED = "locked"


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
    profile: Profile = Field(
        default=Profile.OPEN,
        description="`open`: the graph tells of itself, and browsers get an explorer. `locked`: neither, no hints in "
        "errors, and GET only for trusted documents and streams (docs/profiles.md).",
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="File of documents that may be asked for by name: Apollo's manifest of persisted queries, or an "
        "object of names and texts, as Relay's compiler writes. Default: none.",
    )
    trusted_only: bool = Field(default=False, description="Whether no other documents are answered than those.")
    pages: bool = Field(
        default=True, description="Whether browsers get the dashboard at `/` and the explorer at `/graphql`."
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern="^(https://[^?#]+|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])[^?#]*)$",
        description="Identity provider whose tokens are believed, as it calls itself in `iss` (docs/sign-in.md): "
        "`https://sso.example.go.id/realms/pegawai`. Default: none.",
    )
    oidc_audience: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="One of these must stand in a token's `aud`, separated by commas. Must be set."
    )
    oidc_algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("RS256", "PS256", "ES256", "Ed25519"), description="Algorithms that tokens may be signed with."
    )
    oidc_roles_claim: str = Field(
        default="roles", min_length=1, description="Path of the claim that names roles: `realm_access.roles`."
    )
    oidc_roles: Annotated[dict[str, Role], NoDecode] = Field(
        default={role.value: role for role in _ROLES},
        description="Which value of it gives which role, `admin=NATIONAL_ADMIN,petugas=LIAISON_OFFICER`; the first "
        "that a token has counts. Default: the roles' own names.",
    )
    oidc_agencies_claim: str = Field(
        default="agencies", min_length=1, description="Path of the claim that names agencies by their slugs."
    )
    oidc_name_claim: str = Field(default="name", min_length=1, description="Path of the claim with the holder's name.")
    oidc_skew_seconds: int = Field(default=60, ge=0, le=600, description="Seconds by which clocks may differ.")
    oidc_network: Network | None = Field(
        default=None,
        description="Where the provider may be reached: `public`, `private` or `loopback`. Default: as its address "
        "says; a name leads to public addresses only.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks of the proxies whose `X-Forwarded-For` is believed, separated by commas: "
        "`10.0.0.0/8,2001:db8::1`. Default: nobody's; who holds the connection is the client.",
    )
    rate_per_minute: int = Field(
        default=PER_MINUTE,
        ge=0,
        description="Cost (docs/limits.md) that one client may ask for in a minute: an address of the public's, or a "
        "credential. 0 sets no limit.",
    )
    rate_writes_per_hour: int = Field(
        default=WRITES_PER_HOUR,
        ge=0,
        description="Cost that the public may write from one address in an hour; a submission costs about 50. "
        "0 sets no limit.",
    )
    max_cost: int = Field(
        default=LIMITS.cost,
        ge=1_000,
        description="What one operation may cost, as rows times fields (docs/limits.md); more is the error COST_LIMIT.",
    )
    query_seconds: float = Field(
        default=SECONDS,
        ge=1.0,
        le=600.0,
        description="Seconds that one query may take, or the reading of a mutation; then the error is DEADLINE.",
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

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _paired(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): role.strip() for name, _, role in pairs}

    @field_validator("oidc_roles")
    @classmethod
    def _given(cls, value: dict[str, Role]) -> dict[str, Role]:
        for name, role in value.items():
            if not name or role not in _ROLES:
                raise ValueError(f"no token gives {role.value} for {name!r}")
        return value

    @field_validator("oidc_algorithms")
    @classmethod
    def _algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not _ALGORITHMS.issuperset(value):
            raise ValueError(f"of {', '.join(sorted(_ALGORITHMS))}")
        return value

    @model_validator(mode="after")
    def _has_audience(self) -> Settings:
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError("SIMPUL_OIDC_AUDIENCE must say for whom the provider's tokens are")
        return self

    @field_validator("cors_origins", "trusted_proxies", "oidc_audience", "oidc_algorithms", mode="before")
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

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                whole = ip_network(each, strict=False).prefixlen == 0
            except ValueError:
                raise ValueError(f"{each!r} is not a network: 10.0.0.0/8, or an address") from None
            if whole:
                raise ValueError(f"{each!r} is everybody: any client could say that it is another")
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
    return ConfigError(
        problem["msg"].removeprefix("Value error, "), key=PREFIX + name.upper() if name else None, allowed=allowed
    )
