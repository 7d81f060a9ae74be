"""The command line, as a script meets it."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from gateway.demo import agency_files
from simulators import control
from tests.live.demo import END, SLUGS, Demo, Running, simpul, wait


def test_help_is_for_a_stranger() -> None:
    done = simpul("--help")
    assert done.returncode == 0
    assert "docs/operations.md" in done.stdout
    for command in ("demo", "serve", "sync", "agency", "db", "schema", "simulator"):
        assert re.search(rf"│ {command} +[A-Z]\w+", done.stdout), command


def test_serve_refuses_a_database_that_is_older_and_says_what_to_run(tmp_path: Path) -> None:
    agencies = tmp_path / "agencies"
    agencies.mkdir()
    settings = {"SIMPUL_DATA_DIR": str(tmp_path / "data"), "SIMPUL_AGENCIES_DIR": str(agencies)}
    done = simpul("serve", **settings)
    assert done.returncode == 3
    assert "simpul db migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_file_of_an_agency_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "kab-x.toml").write_text('name = "X"\nlevel = "DISTRIK"\n')
    done = simpul("serve", SIMPUL_DATA_DIR=str(tmp_path / "data"), SIMPUL_AGENCIES_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "kab-x.toml:2: level" in done.stderr


def test_agency_list_reads_the_running_hubs_ledger(demo: Demo) -> None:
    done = demo.simpul("agency", "list", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert {row["agency"]["id"] for row in listed} == set(SLUGS)
    assert all(row["source"]["state"] in ("OK", "STALE") for row in listed)


def test_agency_check_shows_what_a_file_makes_of_a_reply(demo: Demo) -> None:
    keys, url = control.environment(demo.data), control.urls(demo.data)["kab-tangerang"]
    file = agency_files() / "kab-tangerang.toml"
    done = simpul("agency", "check", file, "--url", url, "--json", **keys)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"]
    assert found["records"] > 0
    assert found["rejected"] == []
    told = simpul("agency", "check", file, "--url", url, **keys)
    assert told.returncode == 0
    assert "records read, 0 rejected" in told.stdout
    assert not any(key in told.stdout for key in keys.values())


def test_agency_check_says_why_an_agency_can_not_be_read(demo: Demo) -> None:
    file, url = agency_files() / "kab-tangerang.toml", control.urls(demo.data)["kab-tangerang"]
    keyless = simpul("agency", "check", file, "--url", url, "--json", SIMPUL_KAB_TANGERANG_KEY="wrong")
    assert keyless.returncode == 1
    assert json.loads(keyless.stdout)["code"] == "AUTHENTICATION"
    unset = simpul("agency", "check", file, "--url", url)
    assert unset.returncode == 2
    assert "SIMPUL_KAB_TANGERANG_KEY" in unset.stderr


@pytest.fixture
def installation(demo: Demo, tmp_path: Path) -> dict[str, str]:
    """Settings of a hub of its own over two of the demo's simulators, its ledger ready."""
    settings = {
        "SIMPUL_DATA_DIR": str(tmp_path / "data"),
        "SIMPUL_AGENCIES_DIR": str(demo.agencies(tmp_path / "agencies", "prov-diy", "prov-bali")),
        "SIMPUL_PORT": "0",
        **control.environment(demo.data),
    }
    assert simpul("db", "migrate", **settings).returncode == 0
    return settings


def test_a_harvest_without_serving_and_a_hub_over_what_it_brought(installation: dict[str, str], tmp_path: Path) -> None:
    refused = simpul("sync", "prov-diy", "--json", **(installation | {"SIMPUL_PROV_DIY_BEARER": "wrong"}))
    assert refused.returncode == 1
    [report] = json.loads(refused.stdout)
    assert (report["state"], report["error"]["code"]) == ("DOWN", "AUTHENTICATION")
    done = simpul("sync", "prov-diy", "--json", **installation)
    assert done.returncode == 0, done.stderr
    [report] = json.loads(done.stdout)
    assert (report["agency"], report["state"], report["error"]) == ("prov-diy", "OK", None)
    unknown = simpul("sync", "prov-x", **installation)
    assert unknown.returncode == 2
    assert "prov-diy" in unknown.stderr

    hub = Running("serve", log=tmp_path / "serve.log", settings=installation)
    try:
        assert hub.sources()["prov-diy"]["state"] in ("OK", "STALE")
        wait(lambda: hub.sources()["prov-bali"]["state"] == "OK", 30)
        counted = hub.ask("{ statistics(groupBy: [AGENCY]) { agency { id } count } }")["statistics"]
        assert {bucket["agency"]["id"] for bucket in counted} == {"prov-diy", "prov-bali"}
        assert all(bucket["count"] > 150 for bucket in counted)
        elsewhere = hub.client.get("/graphql", params={"query": "{asOf}"}, headers={"origin": "http://localhost:5173"})
        assert "access-control-allow-origin" not in elsewhere.headers
        hub.process.send_signal(signal.SIGTERM)
        assert hub.process.wait(END) == 0
    finally:
        hub.kill()


def test_two_demos_on_one_folder_are_refused(demo: Demo) -> None:
    done = simpul("demo", "--port", 0, "--data", demo.data)
    assert done.returncode == 1
    assert "other simulators already run" in done.stderr
    assert demo.hub.process.poll() is None


def test_a_port_that_is_taken_is_told_before_anything_starts(demo: Demo, tmp_path: Path) -> None:
    port = demo.hub.address.rpartition(":")[2]
    done = simpul("demo", "--port", port, "--data", tmp_path / "demo")
    assert done.returncode == 2
    assert port in done.stderr
    assert not (tmp_path / "demo" / "simpul.db").exists()


def test_simulator_commands_say_when_no_demo_runs(tmp_path: Path) -> None:
    done = simpul("simulator", "move", "prov-bali", "--data", tmp_path)
    assert done.returncode == 1
    assert "simpul demo" in done.stderr
