"""Settings of the cache."""

from __future__ import annotations

import pytest

from gateway.settings import load
from schema.errors import ConfigError


def test_defaults_keep_nothing_stale_and_need_no_server() -> None:
    settings = load(cache_mb="16")
    assert (settings.cache_mb, settings.redis_url, settings.stale_seconds) == (16, None, 0.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("redis_url", "http://cache"), ("redis_url", "cache:6379"), ("cache_mb", -1), ("stale_seconds", -1)],
)
def test_a_wrong_value_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"SIMPUL_{name.upper()}: "):
        load(**{name: value})


def test_no_password_shows() -> None:
    assert "hunter2" not in repr(load(redis_url="redis://hub:hunter2@cache:6379/0"))
