"""From an agency's file to its connector: which kinds there are, and who plays them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

import msgspec

from connectors.base import Kind, Means
from connectors.contract.certificate import tier_held
from connectors.http import http_for
from connectors.manifest import Manifest, load_manifests
from connectors.secrets import Resolve
from connectors.transport import Transport
from schema.connector import Connector

#: The group in which a third party's package names its kinds: `mine = "my_package.connector:KIND"`.
GROUP: Final = "simpul.connectors"

#: Imported when first used, so that a hub without XML agencies never loads an XML parser.
BUILT_IN: Final[Mapping[str, str]] = {
    "files": "connectors.files.connector",
    "graphql": "connectors.graphql.connector",
    "lapor": "connectors.lapor.connector",
    "open311": "connectors.open311.connector",
    "rest": "connectors.rest.connector",
    "sql": "connectors.sql.connector",
    "webhook": "connectors.webhook.connector",
}


def kinds() -> list[str]:
    """The names of all kinds, built in and installed."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def kind_of(manifest: Manifest) -> Kind:
    """The kind that an agency's file asks for. A built-in name can't be taken over.

    Raises:
        ConfigError: there is none of that name, or what is installed under it is no kind.
    """
    if module := BUILT_IN.get(manifest.kind):
        found = import_module(module).KIND
    else:
        point = next(iter(entry_points(group=GROUP, name=manifest.kind)), None)
        if point is None:
            raise manifest.error(f"no kind is called {manifest.kind!r}", "kind", kinds())
        found = _loaded(point, manifest)
    if not isinstance(found, Kind):
        raise manifest.error("what is installed under this name is not a connectors.base.Kind", "kind")
    return found


def _loaded(point: EntryPoint, manifest: Manifest) -> object:
    try:
        return point.load()
    except Exception as error:  # a stranger's package: whatever its import raises must not end the hub
        raise manifest.error(f"the package behind it can't be imported ({type(error).__name__})", "kind") from error


def load_agencies(directory: Path) -> dict[str, Manifest]:
    """All agencies' files of a directory, by slug, each checked to the last key, with its tier and what it takes.

    Raises:
        ConfigError: names the bad file.
    """
    manifests = load_manifests(directory)
    found = {slug: completed(manifest) for slug, manifest in manifests.items()}
    return {slug: msgspec.structs.replace(manifest, tier=tier_held(manifest)) for slug, manifest in found.items()}


def completed(manifest: Manifest) -> Manifest:
    """An agency's file, checked to the last key, with the kinds of writes that the agency takes.

    Raises:
        ConfigError: it doesn't fit.
    """
    kind = check(manifest)
    if manifest.writes is None:
        return manifest
    if kind.takes is None:
        raise manifest.error(f"the kind {manifest.kind} writes nothing", "writes")
    return msgspec.structs.replace(manifest, takes=kind.takes(manifest))


def check(manifest: Manifest) -> Kind:
    """The kind of an agency's file, which fits it to the last key.

    Raises:
        ConfigError: it doesn't.
    """
    kind = kind_of(manifest)
    manifest.settings_as(kind.settings)
    if kind.http and manifest.http is None:
        raise manifest.error("is missing", "http")
    kind.check(manifest)
    return kind


def connect(
    manifest: Manifest, secrets: Resolve, *, folder: Path | None = None, transport: Transport | None = None
) -> Connector:
    """The connector of an agency. Nothing is sent yet.

    Args:
        secrets: resolves the references in the file, for instance `Secrets(os.environ)`.
        folder: of this agency alone, in the hub's data folder.
        transport: replaces the network, in tests.

    Raises:
        ConfigError: the file asks for something that isn't there.
    """
    kind, manifest = check(manifest), completed(manifest)
    client = http_for(manifest, secrets, transport=transport) if manifest.http else None
    return kind.connect(manifest, Means(secrets, client, folder))
