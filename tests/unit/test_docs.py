"""What a user may need to look up is named where it is looked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cyclopts import App

from gateway import cli
from gateway.cli import app
from gateway.guard.gate import GateState
from gateway.guard.load import LoadState
from gateway.settings import PREFIX, Settings
from gateway.telemetry import CacheState, Metrics
from schema.agency import SourceErrorCode, SourceState
from schema.errors import QueryError
from schema.graph.positions import GapReason
from simulators.control import FAULTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
CLIENTS = (DOCS / "clients.md").read_text()


def verbs(group: App = app, path: str = "simpul") -> list[str]:
    found = []
    for name in group:
        if not name.startswith("-"):
            found += [f"{path} {name}"] if group[name].default_command else verbs(group[name], f"{path} {name}")
    return found


def errors(kind: type[QueryError] = QueryError) -> set[str]:
    return {kind.code}.union(*(errors(each) for each in kind.__subclasses__()))


def metrics() -> list[str]:
    hub = Metrics()
    hub.cache(lambda: CacheState({}, 0, 0))
    hub.gate(lambda: GateState(LoadState(1, (0, 0, 0), (0, 0, 0), (0, 0, 0)), (0, 0, 0)))
    families = hub.registry.collect()
    names = [f"{each.name}_total" if each.type == "counter" else each.name for each in families]
    return [name for name in names if not name.startswith("process_")]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in OPERATIONS


@pytest.mark.parametrize("name", metrics())
def test_every_metric(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


def test_no_metric_that_is_gone() -> None:
    assert set(re.findall(r"`(simpul_\w+)`", OPERATIONS)) == set(metrics())


@pytest.mark.parametrize("verb", verbs())
def test_every_command(verb: str) -> None:
    short = verb.removeprefix("simpul ")
    assert re.search(rf"`(simpul )?{short}\b", OPERATIONS), verb


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault(fault: str) -> None:
    assert re.search(rf"KIND: .*\b{fault}\b", OPERATIONS)


@pytest.mark.parametrize("code", [0, cli.FAILED, cli.USAGE, cli.MIGRATE, cli.DATABASE, 130])
def test_every_exit_code(code: int) -> None:
    assert f"\n| {code} | " in OPERATIONS


@pytest.mark.parametrize(
    "code", sorted(errors() | {"INTERNAL", "RATE_LIMITED"} | set(SourceErrorCode) | set(GapReason))
)
def test_every_error_code(code: str) -> None:
    assert f"`{code}`" in CLIENTS


@pytest.mark.parametrize("state", SourceState)
def test_every_state_of_a_source(state: str) -> None:
    assert f"| `{state}` | " in CLIENTS


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
