"""Any upstream graph: its list and its single records by two queries, cursor and pages as their variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.base import Kind, Means
from connectors.graphql.answer import RULES, page_of_answer, record_of_answer
from connectors.graphql.document import check_variables, read_document
from connectors.graphql.writes import HEADERS, GraphqlWrites, check_writes, graphql_sender
from connectors.http import Http
from connectors.listing import ListConnector, ListReader, ListSettings, check_list
from connectors.manifest import Manifest
from connectors.paging import Batch, ByCursor, ByOffset, ByPage, Params
from connectors.reply import Reply
from connectors.toml import Misfit
from connectors.writing import each
from schema.delivery import DeliveryKind


class GraphqlSettings(ListSettings, frozen=True, kw_only=True):
    """`[graphql]`. Paths begin below `data`; parameters are names of variables.

    Attributes:
        path: of the endpoint, below `http.url`; by default `http.url` itself.
        query: the query of the list, or the name of a `.graphql` file beside this one.
        variables: sent with each query of the list.
        paging: by cursor, page or offset; without it the list comes whole.
        fetch: the query of one record, or the name of a file.
        id: variable of `fetch` for the native id.
        fragments: added to both queries.
        writes: how the agency is written to; what is not there is delivered by hand.
    """

    query: str
    path: str = ""
    variables: Mapping[str, str | int | float | bool] = {}
    paging: ByPage | ByOffset | ByCursor | None = None
    fetch: str | None = None
    id: str = "id"
    fragments: str = ""
    writes: GraphqlWrites | None = None


def check(manifest: Manifest) -> None:
    """Checks what the types can't say.

    Raises:
        ConfigError: the table lacks something, or something in it can't be meant.
    """
    settings = manifest.settings_as(GraphqlSettings)
    check_list(manifest, settings)
    if manifest.writes is not None and manifest.writes.confirm and settings.fetch is None:
        raise manifest.error("is missing: `writes.confirm` reads new records back by it", "graphql.fetch")
    _documents(manifest, settings)


def takes(manifest: Manifest) -> frozenset[DeliveryKind]:
    """The kinds of writes that its table describes."""
    return frozenset(each(manifest.settings_as(GraphqlSettings).writes))


def connect(manifest: Manifest, means: Means) -> ListConnector:
    """The connector of an agency with a `[graphql]` table.

    Raises:
        ConfigError: the table or the fields lack something.
    """
    check(manifest)
    settings = manifest.settings_as(GraphqlSettings)
    query, fetch = _documents(manifest, settings)
    endpoint = _Endpoint(settings, means.http, query, fetch)
    return ListConnector(
        manifest,
        settings,
        means.http,
        path=settings.path,
        fetch_page=endpoint.page,
        fetch_one=endpoint.one if fetch else None,
        params=settings.variables,
        request=f"POST {settings.path or '/'}",
        sender=graphql_sender(manifest, settings.writes, means.http, settings.path, settings.fragments),
    )


def _documents(manifest: Manifest, settings: GraphqlSettings) -> tuple[str, str | None]:
    """The queries of the list and of one record, checked, after the writes."""
    folder = Path(manifest.file).parent
    try:
        check_writes(manifest, settings.writes)
        query = read_document(settings.query, folder, "graphql.query")
        check_variables(query, _variables(settings), "graphql.query")
        fetch = read_document(settings.fetch, folder, "graphql.fetch") if settings.fetch else None
        if fetch is not None:
            check_variables(fetch, [settings.id], "graphql.fetch")
    except Misfit as misfit:
        raise manifest.error(str(misfit), misfit.key, misfit.allowed) from None
    return query, fetch


def _variables(settings: GraphqlSettings) -> list[str]:
    """The variables that the query of the list is sent."""
    since, paging = settings.since, settings.paging
    names = [*settings.variables, since and since.param, since and since.until]
    names += [getattr(paging, name, None) for name in ("page", "size", "offset", "limit", "param")]
    return [name for name in names if name]


class _Endpoint:
    """The agency's graph."""

    def __init__(self, settings: GraphqlSettings, http: Http, query: str, fetch: str | None) -> None:
        self._http, self._path, self._id = http, settings.path, settings.id
        self._query, self._fetch = (f"{text or ''}\n{settings.fragments}".strip() for text in (query, fetch))
        self._reader = ListReader("graphql", settings)
        http.add_rules(RULES)

    async def page(self, path: str, params: Params) -> Batch:
        return page_of_answer(await self._ask(self._query, params), self._reader, self._http.hide)

    async def one(self, native_id: str) -> list[object]:
        return record_of_answer(await self._ask(self._fetch, {self._id: native_id}), self._reader, self._http.hide)

    async def _ask(self, query: str, variables: Mapping[str, Any]) -> Reply:
        content = orjson.dumps({"query": query, "variables": variables})
        return await self._http.request("POST", self._path, headers=HEADERS, content=content, idempotent=True)


KIND: Final = Kind(settings=GraphqlSettings, connect=connect, check=check, takes=takes)
