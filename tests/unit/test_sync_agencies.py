"""Which agencies are plugged in: all of a change happens, or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.manifest import Manifest, parse_manifest
from connectors.secrets import Secret, Secrets
from gateway.sync.agencies import Agencies, Applied
from schema.agency import Agency, SourceReport
from schema.errors import ConfigError, LedgerUnavailable
from schema.query import Viewer

FILE = """
name = "{name}"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
kind = "rest"
[http]
url = "http://127.0.0.1:9"
headers = {{ token = "env:{key}" }}
[rest]
list = "/"
records = "@"
[fields]
native_id = "id"
status = "status"
"""


class Ledger:
    """What was registered; reader and writer in one."""

    def __init__(self) -> None:
        self.registered: list[tuple[set[str], set[str]]] = []
        self.known: dict[str, Agency] = {}
        self.fault: Exception | None = None

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        yield self

    async def agencies(self) -> dict[str, Agency]:
        return dict(self.known)

    async def sources(self) -> dict[str, SourceReport]:
        return {}

    async def register(self, agencies: Sequence[Agency], paused: Collection[str] = ()) -> None:
        if self.fault:
            raise self.fault
        self.known |= {agency.id: agency for agency in agencies}
        self.registered.append(({agency.id for agency in agencies}, set(paused)))

    async def harvest_state(self, agency: str) -> None:
        await asyncio.get_running_loop().create_future()


class World(SimpleNamespace):
    """Agencies over a ledger, and the secrets that they find."""

    ledger: Ledger
    agencies: Agencies
    secrets: dict[str, str]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    ledger, secrets = Ledger(), {"A": "1", "B": "2"}
    agencies = Agencies(
        reader=ledger,  # type: ignore[arg-type]  # as much of it as is asked
        writer=ledger,  # type: ignore[arg-type]
        secrets=Secrets(secrets),
        folder=tmp_path,
        holidays=frozenset(),
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    yield World(ledger=ledger, agencies=agencies, secrets=secrets)
    await agencies.aclose()


def files(**keys: str) -> dict[str, Manifest]:
    """Files of agencies by slug, each with the name of its secret; `-` in place of it pauses."""
    return {
        slug: parse_manifest(
            ("paused = true\n" if key.endswith("-") else "") + FILE.format(name=slug.upper(), key=key.rstrip("-")),
            slug=slug,
            file=f"{slug}.toml",
        )
        for slug, key in keys.items()
    }


async def test_what_changed_is_told_and_what_did_not_goes_on(world: World) -> None:
    agencies = world.agencies
    assert await agencies.apply(files(a="A", b="B", c="A-")) == Applied(added=("a", "b"), paused=("c",))
    assert world.ledger.registered == [({"a", "b", "c"}, {"c"})]
    a, b = agencies.get("a"), agencies.get("b")
    assert [poller.slug for poller in agencies] == ["a", "b"]
    assert agencies.get("c") is None
    # A remark, or another place in the file, is no change.
    moved = {
        slug: parse_manifest("# x\n" + FILE.format(name=slug.upper(), key=key), slug=slug, file="elsewhere")
        for slug, key in (("a", "A"), ("b", "A"))
    }
    assert await agencies.apply(moved | files(c="A")) == Applied(changed=("b", "c"), unchanged=("a",))
    assert agencies.get("a") is a
    assert agencies.get("b") is not b
    assert agencies.get("c") is not None
    assert await agencies.apply(files(a="A", b="A-")) == Applied(paused=("b",), removed=("c",), unchanged=("a",))
    assert await agencies.apply(files(a="A", b="A-")) == Applied(unchanged=("a", "b"))
    assert world.ledger.registered[-1] == ({"a", "b"}, {"b"})


async def test_a_secret_that_changed_is_a_change(world: World) -> None:
    await world.agencies.apply(files(a="A", b="B"))
    world.secrets["A"] = "another"
    assert await world.agencies.apply(files(a="A", b="B")) == Applied(changed=("a",), unchanged=("b",))
    assert await world.agencies.apply(files(a="A", b="B")) == Applied(unchanged=("a", "b"))


async def test_a_secret_that_is_gone_changes_nothing(world: World) -> None:
    await world.agencies.apply(files(a="A", b="B"))
    before = list(world.agencies)
    del world.secrets["B"]
    with pytest.raises(ConfigError, match=r"b\.toml:\d+: http\.headers\.token: .*B is not set"):
        await world.agencies.apply(files(b="B", c="A"))
    assert list(world.agencies) == before
    assert len(world.ledger.registered) == 1
    # Paused, it needs none.
    assert await world.agencies.apply(files(b="B-")) == Applied(paused=("b",), removed=("a",))


async def test_a_ledger_that_fails_changes_nothing_and_polling_goes_on(world: World) -> None:
    await world.agencies.apply(files(a="A", b="B"))
    running = asyncio.create_task(world.agencies.run())
    await asyncio.sleep(0)
    before = list(world.agencies)
    world.ledger.fault = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        await world.agencies.apply(files(a="B"))
    assert list(world.agencies) == before
    assert all(poller.takes_pushes for poller in before)
    assert polling() == {"poll a", "poll b"}
    world.ledger.fault = None
    await world.agencies.apply(files(a="B"))
    assert polling() == {"poll a"}
    assert not before[1].takes_pushes
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert polling() == set()


def polling() -> set[str]:
    """Names of the tasks that poll."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("poll ") and not task.done()}


async def test_names_lead_to_agencies_that_are_or_were_plugged_in(world: World) -> None:
    await world.agencies.apply(files(a="A", b="B"))
    poller = world.agencies.get("a")
    assert poller is not None
    slugs = poller._rules.slugs
    assert slugs == {"a": "a", "b": "b"}
    await world.agencies.apply(files(a="A", c="A-"))
    # The same mapping, since the poller of `a` goes on with it; `b` is still in the ledger, and links still lead there.
    assert slugs == {"a": "a", "b": "b", "c": "c"}


def test_secrets_are_not_shown_by_who_remembers_them() -> None:
    from gateway.sync.agencies import Resolved

    resolved = Resolved(lambda reference: Secret("s3cret"))
    resolved("env:A")
    assert "s3cret" not in repr(vars(resolved))
