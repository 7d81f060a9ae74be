"""docs/plug-in-in-a-day.md, followed word for word: both ways, from empty folders, with Debian's MariaDB and PHP."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.demo import SHOWN, SIMPUL, Running, environment, wait

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plug-in-in-a-day.md").read_text()
_, READ, SENT = re.split(r"(?m)^## \d\. .*$", PAGE)

#: Commands that a machine with Simpul and PHP need not run again.
INSTALLED = ("pip install", "apt-get install")

ROWS = """
INSERT INTO aduan (nomor, judul, isi, status, kategori, rahasia, dibuat, diubah) VALUES
 ('A-1', 'Jalan berlubang di Mauk', 'Parah.', 'masuk', 'Jalan Rusak', 0, '2024-03-04 08:00:00', '2024-03-04 08:00'),
 ('A-2', 'Sampah menumpuk – bau', 'Depan pasar.', 'diproses', 'Sampah', 0, '0000-00-00 00:00:00', '2024-03-05 09:00'),
 ('A-3', 'Perkara rahasia', 'Untuk instansi.', 'selesai', 'Sampah', 1, '2024-03-01 08:00:00', '2024-03-06 08:00');
"""
ASKED = "{ complaints(first: 10) { totalCount nodes { trackingId status title submittedAt } } }"
TOLD = {("A-1", "SUBMITTED", "Jalan berlubang di Mauk"), ("A-2", "IN_FOLLOW_UP", "Sampah menumpuk – bau")}


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", section)


def commands(section: str) -> list[str]:
    return [line for block in blocks(section, "sh") for line in block.splitlines() if line]


class Shell:
    """Runs commands one after another, as a person at a terminal: what one sets the next one sees."""

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir()
        self.folder = folder
        path = f"{SIMPUL.parent}{os.pathsep}{os.environ['PATH']}"
        self.variables = environment(PATH=path, **variables)

    def run(self, command: str, code: int = 0) -> str:
        file = self.folder.with_suffix(".env")
        done = subprocess.run(
            ["bash", "-c", f"{command}\ncode=$?\nenv -0 > {file}\nexit $code"],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        self.variables = dict(pair.split("=", 1) for pair in file.read_text().split("\0") if pair)
        return done.stdout

    def settings(self) -> dict[str, str]:
        """What a hub that is started here is told."""
        told = {name: value for name, value in self.variables.items() if name.startswith("SIMPUL_")}
        folders = {"SIMPUL_DATA_DIR": self.folder / "data", "SIMPUL_AGENCIES_DIR": self.folder / "agencies"}
        return {**told, **{name: str(path) for name, path in folders.items()}, "SIMPUL_PORT": "0"}


@pytest.fixture
def database(mariadb_server: Callable[[str], str]) -> Iterator[str]:
    """Path of the socket of a server whose database `pengaduan` has the page's table, and rows."""
    socket = mariadb_server("").partition("socket=")[2]
    [table] = blocks(PAGE, "sql")
    _mariadb(socket, f"CREATE DATABASE pengaduan; USE pengaduan; {table} SET sql_mode = ''; {ROWS}")
    yield socket
    _mariadb(socket, "DROP DATABASE pengaduan; DROP USER IF EXISTS simpul")


def _mariadb(socket: str, statements: str) -> None:
    command = ["mariadb", "--no-defaults", "-u", "root", f"--socket={socket}", "--default-character-set=utf8mb4"]
    subprocess.run(command, input=statements, text=True, check=True)


def told(hub: Running) -> set[tuple[str, str, str]]:
    return {(row["trackingId"], row["status"], row["title"]) for row in hub.ask(ASKED)["complaints"]["nodes"]}


def test_neither_way_takes_more_than_eight_commands() -> None:
    assert 0 < len(commands(READ)) <= 8
    assert 0 < len(commands(SENT)) <= 8


def test_the_hub_reads_the_database(tmp_path: Path, database: str) -> None:
    shell = Shell(tmp_path / "hub")
    [file] = blocks(READ, "toml")
    here = {
        "mariadb -u": f"mariadb --no-defaults --socket={database} -u",
        "@localhost/pengaduan": f"@localhost/pengaduan?socket={database}",
    }
    for command in commands(READ):
        if command.startswith(INSTALLED):
            continue
        if command.startswith("simpul serve"):
            break
        if command.startswith("simpul agency check"):
            (shell.folder / "agencies" / "kab-contoh.toml").write_text(file)
            shown = shell.run(command)
            assert "A-1" in shown
            assert "may write" not in shown
            continue
        for place, instead in here.items():
            command = command.replace(place, instead)
        shell.run(command)
    hub = Running("serve", "--migrate", log=tmp_path / "serve.log", settings=shell.settings())
    try:
        wait(hub.all_well, SHOWN)
        assert told(hub) == TOLD
        answer = json.loads(shell.run(commands(READ)[-1].replace("http://127.0.0.1:8000", hub.address)))
        assert answer["data"]["complaints"]["totalCount"] == 2
        assert hub.interrupt() == 0
    finally:
        hub.kill()


def test_the_district_sends(tmp_path: Path, database: str) -> None:
    if shutil.which("php") is None:
        assert not os.environ.get("SIMPUL_REQUIRE_PHP"), "php-cli, php-curl and php-mysql are not installed"
        pytest.skip("php is not installed")
    shell = Shell(tmp_path / "hub")
    [whole], [own] = blocks(READ, "toml"), blocks(SENT, "toml")
    [settings] = blocks(SENT, "php")
    hub: Running | None = None
    district = Shell(tmp_path / "district")
    _mariadb(database, "CREATE USER simpul IDENTIFIED BY 'rahasia-baca'; GRANT SELECT ON pengaduan.* TO simpul")
    try:
        for command in commands(SENT):
            if command.startswith(INSTALLED):
                continue
            if command.startswith("simpul serve"):
                head, fields = whole.split("[sql]")[0].replace('kind = "sql"\n', ""), whole[whole.index("[fields]") :]
                (shell.folder / "agencies" / "kab-contoh.toml").write_text(head + own + fields)
                hub = Running("serve", "--migrate", log=tmp_path / "serve.log", settings=shell.settings())
            elif command.startswith("cp "):
                district.run(command.replace("docs/", f"{ROOT}/docs/"))
                here = settings.replace("host=localhost", f"unix_socket={database}")
                here = here.replace("whsec_...", shell.variables["SIMPUL_KAB_CONTOH_WEBHOOK"])
                assert hub is not None
                (district.folder / "settings.php").write_text(here.replace("https://simpul.example.go.id", hub.address))
            elif command.startswith("php "):
                shown = district.run(command)
                assert ("Jalan berlubang" if "--show" in command else "3 applied, 0 unchanged, 0 refused") in shown
            else:
                shell.run(command)
        assert hub is not None
        assert told(hub) == TOLD
        assert hub.all_well()
        _mariadb(database, "USE pengaduan; UPDATE aduan SET status = 'selesai', diubah = NOW() WHERE nomor = 'A-1'")
        assert district.run("php push.php").startswith("1 applied")
        assert ("A-1", "CLOSED", "Jalan berlubang di Mauk") in told(hub)
        assert hub.interrupt() == 0
    finally:
        if hub is not None:
            hub.kill()
