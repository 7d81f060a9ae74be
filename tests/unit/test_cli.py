"""The command line's shape; what the commands do is tried in tests/live."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from gateway.cli import app, run
from schema.graph import schema as graph


def commands(group: App = app, path: str = "") -> Iterator[tuple[str, App]]:
    """Every command with the words that call it."""
    for name in group:
        if not name.startswith("-"):
            command = group[name]
            yield from [(path + name, command)] if command.default_command else commands(command, f"{path}{name} ")


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS)
def test_an_overview_says_what_the_command_itself_says(path: str) -> None:
    """They load late, so their help stands twice."""
    documented = inspect.getdoc(COMMANDS[path].default_command) or ""
    assert COMMANDS[path].help == " ".join(documented.split("\n\n")[0].split())


@pytest.mark.parametrize("path", COMMANDS)
def test_every_parameter_has_help(path: str) -> None:
    for argument in COMMANDS[path].assemble_argument_collection(parse_docstring=True):
        assert argument.parameter.help, argument.name


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_answers_help(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split(), "--help"]) == 0
    assert f"Usage: simpul {path}" in capsys.readouterr().out


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without settings but for a data folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("SIMPUL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMPUL_DATA_DIR", str(tmp_path / "data"))
    return monkeypatch


@pytest.mark.parametrize(
    "words", [["demo", "--no-such-option"], ["agency", "check"], ["simulator", "fault", "prov-bali", "sad"], ["deom"]]
)
def test_usage_errors_are_told_by_exit_code_2(words: list[str]) -> None:
    assert run(words) == 2


def test_a_wrong_setting_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SIMPUL_DATABASE_URL", "mysql://db/hub")
    assert run(["serve"]) == 2
    assert capsys.readouterr().err.startswith("simpul: SIMPUL_DATABASE_URL: ")


def test_what_a_command_needs_first_is_told(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "backup", str(tmp_path / "backup.db")]) == 3
    assert "simpul db migrate" in capsys.readouterr().err
    assert run(["db", "migrate"]) == run(["db", "migrate"]) == 0
    assert run(["db", "backup", str(tmp_path / "backup.db")]) == 0
    assert run(["db", "restore", str(tmp_path / "backup.db")]) == 0
    assert run(["db", "restore", __file__]) == 1


def test_a_file_that_can_not_be_had_is_one_line(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("")
    environment.setenv("SIMPUL_DATA_DIR", str(occupied))
    assert run(["db", "migrate"]) == 1
    assert capsys.readouterr().err.startswith(f"simpul: {occupied}: ")


def test_the_schema_is_the_committed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "print"]) == 0
    assert capsys.readouterr().out == Path(graph.__file__).with_name("hub.graphql").read_text()
