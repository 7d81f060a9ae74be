"""The simulators as a process: it starts, is spoken to, resumes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import RemoteDisconnected
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest

from schema.status import MOVES, ComplaintStatus
from simulators import control
from simulators.dialects import DIALECTS

PATIENCE = 30.0


@contextmanager
def playing(data: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "simulators", "--data", str(data), "--no-life", "--follow-parent", *more]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            _wait(lambda: process.poll() is not None or _pid(data) == process.pid)
            yield process
        finally:
            process.kill()


def _pid(data: Path) -> int | None:
    path = data / "simulators.json"
    return json.loads(path.read_text())["pid"] if path.exists() else None


def _wait(until: object) -> None:
    """Another process has no clock to pass in: look until it is so."""
    assert callable(until)
    end = monotonic() + PATIENCE
    while not until():
        assert monotonic() < end, "it did not happen in time"
        sleep(0.01)


def _connects(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((str(address.hostname), address.port or 0), 2).close()
    except ConnectionRefusedError:
        return False
    return True


def _ends(line: socket.socket) -> bool:
    """Whether the other side cuts the line, with or without a reset."""
    try:
        while line.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def _record(url: str, native_id: str) -> dict[str, object]:
    request = Request(f"{url}/api/v1/aduan/{native_id}", headers=dict(DIALECTS["kab-tangerang"].keys))
    with urlopen(request, timeout=10) as reply:
        found: dict[str, object] = json.load(reply)["data"]["aduan"]
    return found


def test_it_plays_moves_fails_and_goes_with_its_parent(tmp_path: Path) -> None:
    with playing(tmp_path) as process:
        urls = control.urls(tmp_path)
        assert list(urls) == list(DIALECTS)
        assert (tmp_path / "simulators.json").stat().st_mode & 0o077 == 0

        moved = control.move(tmp_path, "kab-tangerang", 5)
        assert len({step["nativeId"] for step in moved}) == 5
        for step in moved:
            assert ComplaintStatus(step["to"]) in MOVES[ComplaintStatus(step["from"])]
            record = _record(urls["kab-tangerang"], step["nativeId"])
            assert record["nomor"] == step["trackingId"]

        control.fault(tmp_path, "kab-sleman", "down")
        assert not _connects(urls["kab-sleman"])
        assert _connects(urls["prov-diy"])
        control.clear(tmp_path, "kab-sleman")
        assert _connects(urls["kab-sleman"])
        control.fault(tmp_path, "kab-sleman", "down", 0.05)
        _wait(lambda: _connects(urls["kab-sleman"]))

        control.fault(tmp_path, "sp4n-lapor", "drop-reply")
        form = urlencode({"title": "Jalan", "content": "Rusak", "user_id": 1, "tags_raw": "simpul:SMP-1"}).encode()
        post = Request(f"{urls['sp4n-lapor']}/complaints/complaint-simpul", form, dict(DIALECTS["sp4n-lapor"].keys))
        with pytest.raises(RemoteDisconnected):
            urlopen(post, timeout=10)
        assert list(control.written(tmp_path, "sp4n-lapor")) == ["SMP-1"]

        assert process.stdin is not None
        os.kill(process.pid, signal.SIGINT)  # Ctrl-C reaches the child too; it waits for its parent
        assert _connects(urls["prov-diy"])
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert not (tmp_path / "simulators.json").exists()
        assert not any(map(_connects, urls.values()))


def test_a_killed_one_resumes_and_nobody_shares_its_folder(tmp_path: Path) -> None:
    only = ("--only", "kab-tangerang")
    with playing(tmp_path, *only, "--seed", "5") as process:
        moved = control.move(tmp_path, "kab-tangerang", 2)
        with playing(tmp_path, *only) as second:
            assert second.wait(PATIENCE) == 2
        process.kill()
        process.wait(PATIENCE)
    with playing(tmp_path, *only, "--seed", "6") as other:
        assert other.wait(PATIENCE) == 2
    with playing(tmp_path, *only) as process:
        url = control.urls(tmp_path)["kab-tangerang"]
        for step in moved:
            record = _record(url, step["nativeId"])
            assert record["nomor"] == step["trackingId"]
            assert len(record["riwayat"]) > 1  # type: ignore[arg-type]  # JSON has no types
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_faults_that_hang_or_cut_reach_a_client_that_is_connected(tmp_path: Path) -> None:
    with playing(tmp_path, "--only", "kab-tangerang"):
        address = urlsplit(control.urls(tmp_path)["kab-tangerang"])
        with socket.create_connection((str(address.hostname), address.port or 0), 10) as line:
            control.fault(tmp_path, "kab-tangerang", "slow")
            key = DIALECTS["kab-tangerang"].keys["x-api-key"]
            line.sendall(f"GET /api/v1/aduan HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n".encode())
            assert line.recv(15) == b"HTTP/1.1 200 OK"
            control.fault(tmp_path, "kab-tangerang", "down")
            assert _ends(line)


def test_control_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(control.ControlError, match="start `simpul demo`"):
        control.urls(tmp_path)
    with playing(tmp_path, "--only", "prov-diy"):
        with pytest.raises(control.ControlError, match="no simulator plays 'kab-x'; there are prov-diy"):
            control.move(tmp_path, "kab-x")
        with pytest.raises(control.ControlError, match="there is no fault 'sad'"):
            control.fault(tmp_path, "prov-diy", "sad")
        with pytest.raises(control.ControlError, match="count must be"):
            control.move(tmp_path, "prov-diy", 0)
        told = json.loads((tmp_path / "simulators.json").read_text())
        with pytest.raises(OSError, match="403"):
            urlopen(told["control_url"] + "/control", timeout=10)
        told["token"] = "guess"
        (tmp_path / "simulators.json").write_text(json.dumps(told))
        with pytest.raises(control.ControlError, match="the token is wrong"):
            control.clear(tmp_path, "prov-diy")
    (tmp_path / "simulators.json").write_text(json.dumps(told))
    with pytest.raises(control.ControlError, match="don't answer"):
        control.clear(tmp_path, "prov-diy")


def test_it_lives(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators", "--data", str(tmp_path), "--interval", "0.05"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            journals = [tmp_path / "simulators" / f"{slug}.ndjson" for slug in DIALECTS]
            _wait(lambda: all(path.exists() and path.stat().st_size for path in journals))
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            timer.cancel()
            process.kill()


def test_places_are_told_whole_wherever_the_data_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with playing(Path("data"), "--most", "5"):
        told = json.loads(Path("data/simulators.json").read_text())["values"]
    assert told["kab-badung"]["files.folder"] == str(tmp_path / "data" / "simulators" / "kab-badung" / "ekspor")
    assert told["prov-sumbar"]["sql.url"].startswith(f"sqlite://{tmp_path}/")
