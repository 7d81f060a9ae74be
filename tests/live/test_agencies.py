"""Agencies that come, change, pause and go while the hub runs, with streams open."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.reload import Hub, here
from tests.live.demo import END, SHOWN, SIMPUL, Demo, environment, simpul, wait
from tests.live.installed import Installation, come_and_go

STREAMS = 20


@pytest.fixture
def installed(demo: Demo, tmp_path: Path) -> Iterator[Installation]:
    """A hub over Bali alone, read once."""
    found = Installation(demo, tmp_path, "prov-bali")
    try:
        wait(lambda: found.is_read("prov-bali"), SHOWN)
        yield found
        assert found.hub.interrupt() == 0
        assert not (tmp_path / "data/hub.pid").exists()
    finally:
        found.hub.kill()


async def test_agencies_come_change_pause_and_go_and_no_stream_notices(installed: Installation) -> None:
    await come_and_go(installed, STREAMS)


def test_a_bad_file_changes_nothing_and_is_named_by_its_line(installed: Installation, tmp_path: Path) -> None:
    other = simpul("agency", "apply", **(installed.settings | {"SIMPUL_AGENCIES_DIR": str(tmp_path)}))
    assert other.returncode == 2
    assert f"the hub reads {installed.agencies}" in other.stderr
    installed.plug("sp4n-lapor")
    installed.plug("kab-tangerang")
    installed.edit("kab-tangerang", 'level = "DISTRICT"', 'level = "DISTRIK"')
    line = (installed.agencies / "kab-tangerang.toml").read_text().split("level =")[0].count("\n") + 1
    said = installed.refused()
    assert f"kab-tangerang.toml:{line}: level: " in said
    assert "DISTRICT" in said
    # Whoever sends the signal by hand finds it in the log.
    installed.hub.process.send_signal(signal.SIGHUP)
    wait(lambda: "agencies.refused" in installed.hub.log.read_text(), SHOWN)
    assert f"kab-tangerang.toml:{line}: level" in installed.hub.log.read_text()
    assert set(installed.hub.sources()) == {"prov-bali"}
    installed.edit("kab-tangerang", 'level = "DISTRIK"', 'level = "DISTRICT"')
    assert installed.apply() == {"added": ["kab-tangerang", "sp4n-lapor"], "unchanged": ["prov-bali"]}


def test_a_secret_is_read_again_when_it_changed(installed: Installation, tmp_path: Path) -> None:
    key = tmp_path / "key"
    file = installed.plug("kab-tangerang")
    installed.edit("kab-tangerang", "env:SIMPUL_KAB_TANGERANG_KEY", f"file:{key}")
    # The command can't know what the hub can read; the hub says it.
    said = installed.refused()
    assert f"{file}:" in said
    assert "auth.key: the secret file" in said
    key.write_text("an old one")
    assert installed.apply() == {"added": ["kab-tangerang"], "unchanged": ["prov-bali"]}
    wait(lambda: installed.state("kab-tangerang") == "DOWN", SHOWN)
    assert installed.hub.sources()["kab-tangerang"]["error"]["code"] == "AUTHENTICATION"
    key.write_text(installed.settings["SIMPUL_KAB_TANGERANG_KEY"] + "\n")
    assert installed.apply() == {"changed": ["kab-tangerang"], "unchanged": ["prov-bali"]}
    wait(lambda: installed.is_read("kab-tangerang"), SHOWN)
    assert installed.apply() == {"unchanged": ["kab-tangerang", "prov-bali"]}


def test_without_a_hub_nobody_is_signalled(demo: Demo, tmp_path: Path) -> None:
    settings = {"SIMPUL_DATA_DIR": str(tmp_path), "SIMPUL_AGENCIES_DIR": str(demo.agencies(tmp_path / "agencies"))}
    asleep = subprocess.Popen(["/bin/sleep", "60"])
    try:
        # As a hub leaves it that was killed, and whose number another process has by now.
        left = Hub(asleep.pid, here(), str(tmp_path / "agencies"))
        (tmp_path / "hub.pid").write_bytes(msgspec.json.encode(left))
        done = simpul("agency", "apply", **settings)
        assert done.returncode == 1
        assert "no hub runs on the data folder" in done.stderr
        # And as a hub's looks from outside of its container.
        inside = msgspec.structs.replace(left, place="container pid:[4026532001]")
        (tmp_path / "hub.pid").write_bytes(msgspec.json.encode(inside))
        with (tmp_path / "hub.pid").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = simpul("agency", "apply", **settings)
        assert done.returncode == 1
        assert "in a container" in done.stderr
        assert asleep.poll() is None
    finally:
        asleep.kill()
        asleep.wait()


def test_a_hub_ends_with_the_terminal_that_it_was_started_in(tmp_path: Path) -> None:
    (tmp_path / "agencies").mkdir()
    settings = {"SIMPUL_DATA_DIR": str(tmp_path / "data"), "SIMPUL_AGENCIES_DIR": str(tmp_path / "agencies")}
    ours, theirs = os.openpty()
    with (tmp_path / "log").open("wb") as log:
        hub = subprocess.Popen(
            [SIMPUL, "serve", "--migrate"],
            env=environment(**settings, SIMPUL_PORT="0"),
            stdin=theirs,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    os.close(theirs)
    try:
        wait(lambda: "hub.started" in (tmp_path / "log").read_text(), SHOWN)
        os.close(ours)
        assert hub.wait(END) == 0
    finally:
        hub.kill()
        hub.wait()
