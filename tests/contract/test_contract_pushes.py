"""An agency that only sends is certified with what it sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.testing import ConnectorTier, contract, live, rules
from gateway.cli import run

FILE = """
name = "Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "webhook"
[webhook]
secrets = ["env:SIMPUL_KAB_CONTOH_WEBHOOK"]
records = "data"
[fields]
native_id = "id"
status = "status"
title = "judul"
updated_at = "diubah"
[status]
baru = "SUBMITTED"
"""


def test_pushes_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SIMPUL_KAB_CONTOH_WEBHOOK", "rahasia-webhook-contoh")
    file, push = tmp_path / "kab-contoh.toml", tmp_path / "push.json"
    file.write_text(FILE)
    rows = [
        {"id": n, "status": "baru", "judul": f"Lampu {n}", "diubah": f"2026-05-0{n}T08:00:00Z"} for n in range(1, 6)
    ]
    push.write_text(json.dumps({"data": rows}))

    assert run(["agency", "certify", str(file)]) == 1
    assert "the agency only sends, and can't be asked" in capsys.readouterr().out
    assert run(["agency", "certify", str(file), "--push", str(push), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tier"], told["missing"]) == ("SILVER", ["since-misses-nothing"])
    outcomes = {rule["rule"]: rule for rule in told["rules"]}
    passed = {name for name, rule in outcomes.items() if rule["verdict"] == "passed"}
    assert {"ids-round-trip", "statuses-total", "changes-repeatable", "quarantine-isolates", "secrets-unseen"} <= passed
    assert "backfill" in outcomes["since-misses-nothing"]["detail"]
    assert {rule["verdict"] for rule in outcomes.values()} <= {"passed", "not applicable", "untried"}

    assert run(["agency", "record", str(file)]) == 2
    assert "over HTTP" in capsys.readouterr().err

    gold, silver = (contract(lambda: live(file, [push]), tier) for tier in (ConnectorTier.GOLD, ConnectorTier.SILVER))
    rule = next(rule for rule in rules() if rule.id == "since-misses-nothing")
    with pytest.raises(pytest.fail.Exception, match="the agency only sends"):
        gold(rule)
    with pytest.raises(pytest.skip.Exception, match="the agency only sends"):
        silver(rule)
