"""The explorer's files from npm: the bytes that were vouched for, or none."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

import hatch_build
from hatch_build import Forged, Unavailable, bring


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A package of one file, as npm packs it."""
    path = tmp_path / "small-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as files:
        member = tarfile.TarInfo("package/small.js")
        member.size = 3
        files.addfile(member, io.BytesIO(b"1;\n"))
    return path


def integrity(path: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def test_what_was_asked_for_is_taken(archive: Path, tmp_path: Path) -> None:
    hatch_build._unpack(archive, integrity(archive), {"small.js": "small.min.js"}, tmp_path)
    assert (tmp_path / "small.min.js").read_bytes() == b"1;\n"


def test_other_bytes_end_the_build(archive: Path, tmp_path: Path) -> None:
    asked = integrity(archive)
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(Forged, match=r"small-1\.0\.0"):
        hatch_build._unpack(archive, asked, {"small.js": "small.min.js"}, tmp_path)
    assert not (tmp_path / "small.min.js").exists()


def test_a_registry_out_of_reach_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    folder = tmp_path / "npm"
    with pytest.raises(Unavailable):
        bring(folder)
    assert not folder.exists()


def test_each_package_brings_its_licence() -> None:
    for name, (_, members) in hatch_build.PACKAGES.items():
        assert any(kept.endswith(".LICENSE") for kept in members.values()), name
