"""An agency that is not spoken to over HTTP, put where nothing answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from connectors.contract.bench import Bench
from connectors.contract.rule import NotApplicable
from connectors.manifest import Manifest
from connectors.registry import kind_of
from connectors.secrets import has_reference


def dead(bench: Bench) -> Manifest:
    """The agency's file with an address at which there is nothing.

    Raises:
        NotApplicable: it has no address.
    """
    key, address = _address(bench)
    return bench.manifest.with_values({key: _at(address, "127.0.0.1:9") or address + ".gone"})


@asynccontextmanager
async def silent(bench: Bench, deadline: float) -> AsyncIterator[Manifest]:
    """The agency's file with the address of a server that takes connections and says nothing.

    Raises:
        NotApplicable: it is not spoken to over a network.
    """
    key, address = _address(bench)
    if _at(address, "") is None:
        raise NotApplicable("no network lies between the connector and the agency")
    gone = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield with_deadline(bench.manifest.with_values({key: _at(address, f"{host}:{port}") or address}), deadline)
    finally:
        gone.set()
        server.close()
        await server.wait_closed()


def with_deadline(manifest: Manifest, seconds: float) -> Manifest:
    """The file with another deadline in the kind's own table.

    Raises:
        NotApplicable: the kind has none.
    """
    kind = kind_of(manifest)
    if "deadline" not in kind.settings.__struct_fields__:
        raise NotApplicable(f"the kind {manifest.kind} has no deadline of its own")
    values: dict[str, Any] = {f"{manifest.kind}.deadline": seconds}
    return manifest.with_values(values)


def _address(bench: Bench) -> tuple[str, str]:
    key = kind_of(bench.manifest).address
    table, *path = key.split(".")
    value: Any = bench.manifest.settings if table == bench.manifest.kind else None
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise NotApplicable("it has no address of its own")
    return key, bench.secrets(value).reveal() if has_reference(value) else value


def _at(address: str, place: str) -> str | None:
    """The address at another host and port; None for a file."""
    parts = urlsplit(address)
    if not parts.hostname or parts.scheme in ("", "file", "sqlite"):
        return None
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{place}"))
