"""An agency that is not spoken to over HTTP, put where nothing answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from connectors.contract.bench import Bench, Place
from connectors.contract.rule import NotApplicable
from connectors.manifest import Manifest
from connectors.secrets import REFERENCE, Secret


def dead(bench: Bench) -> Place:
    """An address at which there is nothing.

    Raises:
        NotApplicable: the agency has no address.
    """
    key, address = _address(bench)
    return _moved(bench, key, address, _at(address, "127.0.0.1:9") or address + ".gone")


@asynccontextmanager
async def silent(bench: Bench, deadline: float) -> AsyncIterator[Place]:
    """The address of a server that takes connections and says nothing, and so many seconds to wait for it.

    Raises:
        NotApplicable: the agency is not spoken to over a network, or its kind has no deadline of its own.
    """
    key, address = _address(bench)
    if _at(address, "") is None:
        raise NotApplicable("no network lies between the connector and the agency")
    if "deadline" not in bench.kind.settings.__struct_fields__:
        raise NotApplicable(f"the kind {bench.manifest.kind} has no deadline of its own")
    gone = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        place = _moved(bench, key, address, _at(address, f"{host}:{port}") or address)
        hasty: dict[str, Any] = {f"{bench.manifest.kind}.deadline": deadline}
        yield Place(place.manifest.with_values(hasty), place.secrets)
    finally:
        gone.set()
        server.close()
        await server.wait_closed()


def _address(bench: Bench) -> tuple[str, str]:
    """The key of the address in the agency's file, and the address."""
    key = bench.kind.address
    found = _written(bench.manifest, key)
    if found is None:
        raise NotApplicable("it has no address of its own")
    return key, bench.secrets(found).reveal() if REFERENCE.fullmatch(found) else found


def _written(manifest: Manifest, key: str) -> str | None:
    table, *path = key.split(".")
    value: Any = manifest.settings if table == manifest.kind else None
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _moved(bench: Bench, key: str, address: str, to: str) -> Place:
    """The same agency at another address: in its file, or where the file only refers to it."""
    written = _written(bench.manifest, key)
    if written == address:
        return Place(bench.manifest.with_values({key: to}), bench.secrets)
    return Place(bench.manifest, lambda reference: Secret(to) if reference == written else bench.secrets(reference))


def _at(address: str, place: str) -> str | None:
    """The address at another host and port; None for a file."""
    parts = urlsplit(address)
    if not parts.hostname or parts.scheme in ("", "file", "sqlite"):
        return None
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{place}"))
