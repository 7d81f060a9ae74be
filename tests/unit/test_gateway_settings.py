"""Settings: defaults, the environment, and what is said about a wrong value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.settings import LogFormat, Settings, load
from schema.errors import ConfigError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without settings."""
    for name in [name for name in os.environ if name.startswith("SIMPUL_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_defaults() -> None:
    settings = load()
    assert settings.database == "sqlite://data/simpul.db"
    assert settings.cors_origins == ()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_the_environment_and_what_wins_over_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SIMPUL_DATA_DIR", "/var/lib/simpul")
    environment.setenv("SIMPUL_CORS_ORIGINS", "https://lapor.example.go.id, localhost")
    environment.setenv("SIMPUL_LOG_FORMAT", "json")
    environment.setenv("SIMPUL_PORT", "9000")
    environment.setenv("SIMPUL_DATABASE_URL", "")
    settings = load(port=0)
    assert settings.database == "sqlite:///var/lib/simpul/simpul.db"
    assert settings.key_file == Path("/var/lib/simpul/cursor.key")
    assert settings.cors_origins == ("https://lapor.example.go.id", "localhost")
    assert settings.log_format is LogFormat.JSON
    assert settings.port == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SIMPUL_PORT", "eighty", "SIMPUL_PORT: "),
        ("SIMPUL_PORT", "70000", "SIMPUL_PORT: "),
        ("SIMPUL_LOG_FORMAT", "xml", r"SIMPUL_LOG_FORMAT: .*\(allowed: text, json\)"),
        ("SIMPUL_CORS_ORIGINS", "https://a.example/path", "SIMPUL_CORS_ORIGINS: 'https://a.example/path' is not"),
        ("SIMPUL_CORS_ORIGINS", "https://*.example", "SIMPUL_CORS_ORIGINS: "),
        ("SIMPUL_SECRET", "short", "SIMPUL_SECRET: "),
        ("SIMPUL_DATABASE_URL", "mysql://hub@db/hub", "SIMPUL_DATABASE_URL: not an address"),
    ],
)
def test_a_wrong_value_is_named(environment: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigError, match=says) as caught:
        load()
    assert name != "SIMPUL_SECRET" or value not in str(caught.value)


def test_no_secret_shows() -> None:
    settings = load(secret="x" * 32, database_url="postgres://hub:hunter2@db/hub")
    assert "x" * 32 not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
