"""The wheel: four top-level names, owned by this project alone, and every file that the code reads."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = {"gateway", "connectors", "schema", "simulators"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built as `pip` would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_its_names_are_four_and_nobody_elses(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == NAMES
    owners = packages_distributions()
    for name in NAMES:
        assert set(owners.get(name, [])) <= {"simpul"}, "an installed package has the same name"


def test_schema_holds_a_docstring_and_nothing_else() -> None:
    """PyPI has a package of that name: whoever imports the wrong one should notice at once."""
    [statement] = ast.parse((ROOT / "schema" / "__init__.py").read_text()).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


def test_it_brings_every_file_that_is_no_module(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for name in NAMES:
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(ROOT)) in names
    assert {f"simulators/agencies/{path.name}" for path in (ROOT / "agencies").glob("*.toml")} <= names


def test_it_has_its_command(wheel: zipfile.ZipFile) -> None:
    [entry] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "simpul = gateway.cli:main" in wheel.read(entry).decode()


def test_it_runs_from_elsewhere(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """What an installed wheel reads must be in it, not in the checkout beside it."""
    wheel.extractall(tmp_path)
    program = (
        "import gateway, connectors.registry, gateway.demo, schema.graph.schema, schema.regions, schema.categories\n"
        "print(gateway.__file__); print(len(connectors.registry.load_agencies(gateway.demo.agency_files())))\n"
        "schema.graph.schema.sdl()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(tmp_path / "gateway" / "__init__.py"), "7"], done.stderr


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_every_dependency_is_locked() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = (ROOT / "requirements.lock").read_text()
    for requirement in wanted:
        name = requirement.split(";")[0].split("[")[0].split(">")[0].strip()
        assert f"\n{name}==" in f"\n{locked}", name
