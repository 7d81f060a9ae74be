"""`python -m bench`, small: servers start, answer alike, are measured and end; the table and the file come out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cases import CASES, Case, Requests, pools
from bench.process import serving

ROOT = Path(__file__).parent.parent.parent
NAMES = [
    "list50",
    "list300",
    "list300_timeline",
    "page20",
    "by_id",
    "statistics",
    "cached_small",
    "cached_large",
    "new_document",
]
KEYS = {"name", "database", "rps", "cpu_ms", "p50_ms", "p99_ms", "constant_rps", "stock_rps"}


def test_it_measures_every_case(tmp_path: Path) -> None:
    out, data = tmp_path / "results.json", tmp_path / "data"
    options = ["--quick", "--rows", "140", "--seconds", "0.02", "--databases", "sqlite"]
    places = ["--data", str(data), "--out", str(out)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL_")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *options, *places], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_bytes())
    assert [case["name"] for case in found["cases"]] == NAMES
    assert all(set(case) == KEYS for case in found["cases"])
    assert all(value > 0 for case in found["cases"] for value in case.values() if not isinstance(value, str))
    assert {case["database"] for case in found["cases"]} == {"sqlite"}
    assert found["memory_mb"]["sqlite"]["rss"] > found["memory_mb"]["sqlite"]["anonymous"] > 0
    for crowd in found["streams"]:
        assert crowd["subscribers"] == 20
        assert all(
            crowd["ratio"][name] > 0
            for name in ("per_second", "by_cpu", "paced_per_second", "paced_by_cpu", "p99_delay")
        )
    assert [crowd["documents"] for crowd in found["streams"]] == [5]
    assert "deliveries/s" in done.stdout
    assert all(line in done.stdout for line in ("x stock", "x constant", *NAMES))
    assert [place.name.split("-")[:2] for place in data.iterdir()] == [["sqlite", "140"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_uncached_requests_differ(case: Case) -> None:
    positions = [(f"2021-03-01T00:00:00.{n:03}Z", f"complaint_{n}") for n in range(500)]
    requests = Requests(case, pools(positions, "s" * 32)["hub"])
    sent = {next(requests) for _ in range(400)}
    assert len(sent) == (1 if case.name.startswith("cached") else 400)
    assert not requests.repeated


def test_requests_that_came_again_are_told() -> None:
    by_id = next(case for case in CASES if case.name == "by_id")
    positions = [("2021-03-01T00:00:00.000Z", f"complaint_{n}") for n in range(10)]
    requests = Requests(by_id, pools(positions, "s" * 32)["hub"])
    for _ in range(10):
        next(requests)
    assert requests.repeated


def test_a_server_runs_on_its_core_and_is_ended() -> None:
    core = min(os.sched_getaffinity(0))
    with serving("constant", core) as server:
        assert server.address.startswith("http://127.0.0.1:")
        pid = server.pid
        assert os.sched_getaffinity(pid) == {core}
        assert server.cpu_seconds() > 0
    assert not Path(f"/proc/{pid}").exists()
