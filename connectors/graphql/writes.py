"""`[graphql.writes]`: how complaints, answers and moves are written to an agency's graph, one mutation each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.fields import Section
from connectors.graphql.answer import data_of_answer
from connectors.graphql.document import check_variables, read_document
from connectors.http import Http
from connectors.manifest import Manifest
from connectors.template import Template, check_table
from connectors.wording import NAMES, Wording
from connectors.writing import (
    NO_SENDER,
    Ask,
    DeclaredSender,
    FindSettings,
    Search,
    Telling,
    WriteSettings,
    check_find,
    check_write,
    check_writes_table,
    each,
    find_table,
)
from schema.connector import Sender
from schema.delivery import DeliveryKind

#: Of requests to graphs.
HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/graphql-response+json, application/json;q=0.9",
}


class GraphqlFind(FindSettings, frozen=True, kw_only=True):
    """`find` of a write: how it is found again by our reference. Paths begin below `data`.

    Attributes:
        query: or the name of a `.graphql` file beside this one.
        variables: each text is an expression.
    """

    query: str
    variables: Mapping[str, Any]


class GraphqlWrite(WriteSettings, frozen=True, kw_only=True):
    """One kind of write. Paths begin below `data`.

    Attributes:
        mutation: or the name of a `.graphql` file beside this one.
        variables: each text is an expression.
        find: how it is found again; without it a person must look when nobody knows whether it arrived.
    """

    mutation: str
    variables: Mapping[str, Any]
    find: GraphqlFind | None = None


class GraphqlWrites(Section, frozen=True, kw_only=True):
    """`[graphql.writes]`: what is not here is delivered by hand.

    Attributes:
        submit: files a complaint.
        follow_up: adds an answer, a question or a reply.
        transfer: tells that a complaint was handed on.
        status_change: moves a complaint.
        rating: gives the citizen's judgement.
        withdrawal: tells that the citizen withdrew it.
        find: how those are found again that have no `find` of their own.
    """

    submit: GraphqlWrite | None = None
    follow_up: GraphqlWrite | None = None
    transfer: GraphqlWrite | None = None
    status_change: GraphqlWrite | None = None
    rating: GraphqlWrite | None = None
    withdrawal: GraphqlWrite | None = None
    find: GraphqlFind | None = None


def check_writes(manifest: Manifest, writes: GraphqlWrites | None) -> None:
    """Checks what the types can't say.

    Raises:
        Misfit: names the dotted key.
    """
    folder = Path(manifest.file).parent
    check_writes_table(manifest, writes, "graphql.writes")
    for kind, write in each(writes).items():
        table = _table(kind)
        check_variables(read_document(write.mutation, folder, f"{table}.mutation", "mutation"), write.variables, table)
        used = check_table(write.variables, NAMES[kind], f"{table}.variables")
        check_write(kind, write, used, table)
        if (find := write.find) is not None:
            place = find_table(writes, kind, "graphql.writes")
            document = read_document(find.query, folder, f"{place}.query")
            check_variables(document, find.variables, place)
            asked = check_table(find.variables, NAMES[kind], f"{place}.variables")
            check_find(find, used, asked, place)


def graphql_sender(manifest: Manifest, writes: GraphqlWrites | None, http: Http, path: str, fragments: str) -> Sender:
    """What sends them.

    Args:
        path: of the endpoint.
        fragments: added to the queries that find.
    """
    if manifest.writes is None:
        return NO_SENDER
    graph = _Graph(http, path, Path(manifest.file).parent, fragments)
    tellings = {
        kind: graph.telling(kind, write, find_table(writes, kind, "graphql.writes"))
        for kind, write in each(writes).items()
    }
    return DeclaredSender(Wording(manifest), tellings, manifest.writes.settles_after)


class _Graph:
    """The agency's graph, for writing."""

    def __init__(self, http: Http, path: str, folder: Path, fragments: str) -> None:
        self._http, self._path, self._folder, self._fragments = http, path, folder, fragments

    def telling(self, kind: DeliveryKind, write: GraphqlWrite, place: str) -> Telling:
        table, search = _table(kind), None
        used = check_table(write.variables, NAMES[kind], f"{table}.variables")
        if (find := write.find) is not None:
            asked = check_table(find.variables, NAMES[kind], f"{place}.variables")
            search = Search(find, self._finds(find, place), place, filters="reference" in asked)
        return Telling(write, self._tells(write, table), used=used, search=search, table=table)

    def _tells(self, write: GraphqlWrite, table: str) -> Ask:
        mutation = read_document(write.mutation, self._folder, f"{table}.mutation", "mutation")
        variables = Template(write.variables)

        async def ask(names: Mapping[str, Any]) -> Any:
            content = orjson.dumps({"query": mutation, "variables": variables.fill(names)})
            reply = await self._http.write("POST", self._path, headers=HEADERS, content=content)
            return data_of_answer(reply, self._http.hide, wrote=True)

        return ask

    def _finds(self, find: GraphqlFind, place: str) -> Ask:
        query = read_document(find.query, self._folder, f"{place}.query")
        query = f"{query}\n{self._fragments}".strip() if "..." in query else query
        variables = Template(find.variables)

        async def ask(names: Mapping[str, Any]) -> Any:
            content = orjson.dumps({"query": query, "variables": variables.fill(names)})
            reply = await self._http.request("POST", self._path, headers=HEADERS, content=content, idempotent=True)
            return data_of_answer(reply, self._http.hide)

        return ask


def _table(kind: DeliveryKind) -> str:
    return f"graphql.writes.{kind.lower()}"
