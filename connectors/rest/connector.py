"""Any JSON over HTTP: endpoints, paging and cursor from `[rest]`, fields from `[fields]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from connectors.base import Kind, Means
from connectors.http import Http
from connectors.listing import ListConnector, ListReader, ListSettings, check_list
from connectors.manifest import Manifest
from connectors.paging import Batch, Params
from connectors.rest.writes import RestWrites, check_writes, rest_sender
from connectors.toml import Misfit
from connectors.writing import each
from schema.delivery import DeliveryKind
from schema.errors import HttpFailure


class RestSettings(ListSettings, frozen=True, kw_only=True):
    """`[rest]`.

    Attributes:
        list: path of the list, below `http.url`.
        params: query of each list request.
        fetch: path of one record, with `{id}` for its native id.
        writes: how the agency is written to; what is not there is delivered by hand.
    """

    list: str
    params: Mapping[str, str | int | float | bool] = {}
    fetch: str | None = None
    writes: RestWrites | None = None


def check(manifest: Manifest) -> None:
    """Checks what the types can't say.

    Raises:
        ConfigError: the table lacks something, or something in it can't be meant.
    """
    settings = manifest.settings_as(RestSettings)
    check_list(manifest, settings)
    if manifest.writes is not None and manifest.writes.confirm and settings.fetch is None:
        raise manifest.error("is missing: `writes.confirm` reads new records back by it", "rest.fetch")
    if settings.fetch is not None and "{id}" not in settings.fetch:
        raise manifest.error("has no {id}", "rest.fetch")
    try:
        check_writes(manifest, settings.writes)
    except Misfit as misfit:
        raise manifest.error(str(misfit), misfit.key, misfit.allowed) from None


def takes(manifest: Manifest) -> frozenset[DeliveryKind]:
    """The kinds of writes that its table describes."""
    return frozenset(each(manifest.settings_as(RestSettings).writes))


def connect(manifest: Manifest, means: Means) -> ListConnector:
    """The connector of an agency with a `[rest]` table.

    Raises:
        ConfigError: the table or the fields lack something.
    """
    check(manifest)
    settings = manifest.settings_as(RestSettings)
    endpoints = _Endpoints(settings, means.http)
    return ListConnector(
        manifest,
        settings,
        means.http,
        path=settings.list,
        fetch_page=endpoints.page,
        fetch_one=endpoints.one if settings.fetch else None,
        params=settings.params,
        request=f"GET {settings.list}",
        sender=rest_sender(manifest, settings.writes, means.http),
    )


class _Endpoints:
    """The agency's two resources."""

    def __init__(self, settings: RestSettings, http: Http) -> None:
        self._http, self._fetch = http, settings.fetch or ""
        self._reader = ListReader("rest", settings)

    async def page(self, path: str, params: Params) -> Batch:
        reply = await self._http.get(path, params)
        return self._reader.batch(reply, reply.json())

    async def one(self, native_id: str) -> list[object]:
        if native_id in (".", ".."):
            return []  # would be another path
        try:
            reply = await self._http.get(self._fetch.replace("{id}", quote(native_id, safe="")))
        except HttpFailure as failure:
            if failure.status in (404, 410):
                return []
            raise
        return [] if reply.ignored else self._reader.one(reply.json())


KIND: Final = Kind(settings=RestSettings, connect=connect, check=check, takes=takes)
