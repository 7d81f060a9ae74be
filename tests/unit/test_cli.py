"""The command line's shape; what the commands do is tried in tests/live."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from gateway.cli import app, run


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


def test_usage_errors_are_told_by_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--no-such-option"]) == 2
    assert run(["agency", "check"]) == 2
    capsys.readouterr()


def test_a_file_that_can_not_be_had_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SIMPUL_DATA_DIR", str(occupied))
        assert run(["db", "migrate"]) == 1
    assert capsys.readouterr().err.startswith(f"simpul: {occupied}: ")
