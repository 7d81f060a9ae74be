"""`simpul delivery`, beside a ledger that something waits in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.cli import FAILED, USAGE, run
from gateway.hub import open_ledger
from gateway.settings import load
from schema.delivery import Delivery, DeliveryState
from tests.conftest import BALI, Ledger
from tests.contract.window import REPORTER, Post, Window

Said = pytest.CaptureFixture[str]


@pytest.fixture
def refused(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Delivery, Delivery]:
    """One delivery that the agency refused, and one that waits for it."""
    monkeypatch.setenv("SIMPUL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SIMPUL_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "80")

    async def prepared() -> tuple[Delivery, Delivery]:
        async with open_ledger(load()) as opened:
            await opened.writer.register([BALI])
            window = Window()
            post = Post(Ledger(opened.database, opened.writer, opened.witness), window)
            window.planned = ["refuse"]
            first = await post.submit(1, REPORTER)
            await post.step()
            window.down = True
            second = await post.submit(2)
            await post.step()
            return first, second

    return asyncio.run(prepared())


def told(capsys: Said, *arguments: str) -> str:
    capsys.readouterr()
    assert run(["delivery", *arguments]) == 0
    return capsys.readouterr().out


def test_what_waits_is_listed_shown_and_sent_again(refused: tuple[Delivery, Delivery], capsys: Said) -> None:
    first, second = refused
    table = told(capsys, "list")
    assert second.id in table
    assert "UNREACHABLE" in table
    assert first.id not in table, "it has come to its end"
    [listed] = json.loads(told(capsys, "list", "--state", "REJECTED", "--agency", "prov-bali", "--json"))
    assert (listed["id"], listed["state"], listed["error"]["code"]) == (first.id, "REJECTED", "REJECTED")
    assert json.loads(told(capsys, "list", "--agency", "kab-badung", "--json")) == []

    shown = told(capsys, "show", first.id)
    assert "SMP-0000-0000-0001" in shown
    assert "Judul" not in shown
    assert REPORTER.name is not None
    assert REPORTER.name not in shown

    told(capsys, "retry", first.id)
    assert json.loads(told(capsys, "show", first.id, "--json"))["state"] == DeliveryState.QUEUED
    assert run(["delivery", "retry", first.id]) == FAILED, "it is queued by now"
    assert run(["delivery", "show", "delivery_" + "a" * 26]) == USAGE
    assert run(["audit", "verify"]) == 0
    capsys.readouterr()
    assert run(["audit", "list", "--json"]) == 0
    entries = [json.loads(line)["entry"] for line in capsys.readouterr().out.splitlines()]
    actions = [(each["actor"], each["action"], each["outcome"]) for each in entries]
    assert ("operator", "RETRY_DELIVERY", "DONE") in actions
    assert sum(action == "RETRY_DELIVERY" for _, action, _ in actions) == 2, "the refused one too"
