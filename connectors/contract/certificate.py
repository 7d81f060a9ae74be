"""The tier that a connector earned, beside its agency's file, as long as neither of them changes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from connectors.contract.rule import Outcome, Verdict, tier_of
from connectors.manifest import Manifest
from schema.agency import ConnectorTier

NAME: Final = "certificate.json"
GROUP: Final = "simpul.connectors"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`certificate.json`.

    Attributes:
        digest: of the agency's file and of the program that read it.
        on: what the rules were tried on.
    """

    agency: str
    tier: ConnectorTier | None
    on: Literal["recording", "live"]
    certified_at: datetime
    digest: str
    rules: dict[str, Verdict]


def folder_of(file: Path) -> Path:
    """Where an agency's recording, test and certificate are: a folder beside its file, named like it."""
    return file.with_suffix("")


def digest(manifest: Manifest) -> str:
    """SHA-256 over the agency's file, the files that it names beside it (queries), and the version of its connector's
    package, hex.
    """
    point = next(iter(entry_points(group=GROUP, name=manifest.kind)), None)
    package = point.dist if point is not None else None
    made_by = f"{package.name} {package.version}" if package is not None else ""
    found = hashlib.sha256(f"simpul {version('simpul')}\n{made_by}\n".encode())
    for path in (Path(manifest.file), *_named(manifest)):
        found.update(path.read_bytes())
    return found.hexdigest()


def _named(manifest: Manifest) -> list[Path]:
    """Files beside the agency's that its kind's table names."""
    folder = Path(manifest.file).parent
    return [
        path
        for name in _texts(manifest.settings)
        if re.fullmatch(r"[\w.-]+", name) and (path := folder / name).is_file()
    ]


def _texts(table: Mapping[str, Any]) -> Iterator[str]:
    for value in table.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value)


def issue(
    manifest: Manifest, outcomes: Sequence[Outcome], on: Literal["recording", "live"], at: datetime
) -> Certificate:
    """Writes what came of the contract beside the agency's file."""
    certificate = Certificate(
        agency=manifest.slug,
        tier=tier_of(outcomes),
        on=on,
        certified_at=at,
        digest=digest(manifest),
        rules={outcome.rule: outcome.verdict for outcome in outcomes},
    )
    path = folder_of(Path(manifest.file)) / NAME
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(certificate)) + b"\n")
    os.replace(draft, path)
    return certificate


def tier_held(manifest: Manifest) -> ConnectorTier | None:
    """The tier that the agency's certificate grants; None without one, or once the file or the program has changed."""
    path = folder_of(Path(manifest.file)) / NAME
    try:
        certificate = msgspec.json.decode(path.read_bytes(), type=Certificate)
        return certificate.tier if certificate.digest == digest(manifest) else None
    except (OSError, msgspec.MsgspecError):
        return None
