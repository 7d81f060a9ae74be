"""The graphql kind against a small graph with a dialect of its own: edges, flags of Relay, errors in the reply."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from graphql import GraphQLError, build_schema, graphql_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.manifest import parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord
from schema.connector import Connector
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    ConfigError,
    HttpFailure,
    MappingFailure,
    PagingLoop,
    RateLimited,
    SourceError,
)

FILE = '''
name = "Pemerintah Provinsi Contoh"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
kind = "graphql"
[http]
url = "http://agency.example/graphql"
rate = 10000
[auth]
kind = "bearer"
token = "env:TOKEN"
[poll]
lookback = 60
[graphql]
query = """
query Semua($n: Int!, $after: String, $since: Int, $publik: Boolean) {
  aduan(first: $n, after: $after, since: $since, publik: $publik) {
    total
    edges { node { ...Isi } }
    pageInfo { hasNextPage endCursor }
  }
}"""
variables = { publik = true }
records = "aduan.edges[].node"
total = "aduan.total"
since = { param = "since", format = "epoch" }
fetch = "query ($id: ID!) { satu(id: $id) { ...Isi } }"
record = "satu"
fragments = "fragment Isi on Aduan { id status judul lokasi { alamat } diubah }"
[graphql.paging]
kind = "cursor"
param = "after"
next = "aduan.pageInfo.endCursor"
more = "aduan.pageInfo.hasNextPage"
size = "n"
count = 10
[fields]
native_id = "id"
status = "status"
title = "judul"
address = "lokasi.alamat"
updated_at = "diubah"
[dates]
formats = ["epoch"]
[status]
baru = "SUBMITTED"
'''
GRAPH = build_schema("""
type Query {
  aduan(first: Int!, after: String, since: Int, publik: Boolean): Daftar!
  satu(id: ID!): Aduan
}
type Daftar { total: Int!  edges: [Edge!]!  pageInfo: PageInfo! }
type Edge { node: Aduan }
type PageInfo { hasNextPage: Boolean!  endCursor: String }
type Aduan { id: ID!  status: String!  judul: String  lokasi: Lokasi  diubah: Int! }
type Lokasi { alamat: String }
""")
START = 1_600_000_000


class Agency:
    """Complaints by number, one changed each second."""

    def __init__(self, size: int) -> None:
        self.rows: dict[str, dict[str, Any]] = {str(n): self.row(n) for n in range(size)}
        self.asked: list[Mapping[str, Any]] = []
        self.answers: list[Response] = []
        self.stuck = False

    def row(self, n: int) -> dict[str, Any]:
        return {"id": n, "status": "baru", "judul": f"Aduan {n}", "lokasi": {"alamat": "Jl."}, "diubah": START + n}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        assert (request.method, request.headers["authorization"]) == ("POST", "Bearer s3cret")
        body = orjson.loads(await request.body())
        self.asked.append(body["variables"])
        response = self.answers.pop(0) if self.answers else self._answer(body)
        await response(scope, receive, send)

    def _answer(self, body: Any) -> Response:
        root = {"aduan": self._list, "satu": lambda info, id: self.rows.get(id)}
        return JSONResponse(graphql_sync(GRAPH, body["query"], root, variable_values=body["variables"]).formatted)

    def _list(self, info: Any, first: int, after: str = "0", since: int = 0, publik: bool = False) -> Any:
        assert publik
        rows = [row for row in self.rows.values() if not isinstance(row["diubah"], int) or row["diubah"] >= since]
        start = 0 if self.stuck else int(after)
        end = start + first
        edges = [{"node": row} for row in rows[start:end]]
        more = self.stuck or end < len(rows)
        return {"total": len(rows), "edges": edges, "pageInfo": {"hasNextPage": more, "endCursor": str(end)}}


def connected(agency: Agency, file: str = FILE, path: str = "agencies/prov-contoh.toml") -> Connector:
    manifest = parse_manifest(file, slug="prov-contoh", file=path)
    return connect(manifest, Secrets({"TOKEN": "s3cret"}), transport=httpx2.ASGITransport(agency))


async def harvest(connector: Connector, since: datetime | None = None) -> list[ComplaintRecord]:
    return [record async for page in connector.changes(since) for record in page.records]


async def test_a_harvest_pages_by_relays_cursor_and_since() -> None:
    agency = Agency(25)
    connector = connected(agency)
    assert [record.native_id for record in await harvest(connector)] == [str(n) for n in range(25)]
    assert agency.asked == [
        {"publik": True, "n": 10},
        {"publik": True, "n": 10, "after": "10"},
        {"publik": True, "n": 10, "after": "20"},
    ]
    changed = await harvest(connector, datetime.fromtimestamp(START + 80, UTC))
    assert agency.asked[-1] == {"publik": True, "n": 10, "since": START + 20}
    assert [record.native_id for record in changed] == ["20", "21", "22", "23", "24"]
    await connector.aclose()


async def test_single_records_are_asked_for_by_id() -> None:
    agency = Agency(5)
    page = await connected(agency).fetch(["3", "nowhere", "0"])
    assert [record.native_id for record in page.records] == ["3", "0"]
    searched = connected(agency, FILE.replace("fetch = ", "# fetch = "))
    assert [record.native_id for record in (await searched.fetch(["3"])).records] == ["3"]


async def test_check_shows_a_small_page() -> None:
    agency = Agency(25)
    probe = await connected(agency).check()
    assert (probe.request, len(probe.page.records), probe.page.total) == ("POST /", 5, 25)
    assert '"judul": "Aduan 0"' in probe.reply


async def test_an_error_inside_one_record_sets_that_one_aside() -> None:
    agency = Agency(12)
    agency.rows["3"]["status"] = GraphQLError("Rusak.", extensions={"code": "INTERNAL_SERVER_ERROR"})
    agency.rows["4"]["lokasi"] = GraphQLError("Alamat tidak ada.")
    agency.rows["11"]["diubah"] = "kemarin"
    pages = [page async for page in connected(agency).changes(None)]
    assert sorted(int(record.native_id) for page in pages for record in page.records) == [0, 1, 2, 5, 6, 7, 8, 9, 10]
    told = {(one.native_id, one.reason) for page in pages for one in page.rejected}
    assert told == {
        (None, "the agency answered it with an error (INTERNAL_SERVER_ERROR)"),  # its node is null
        ("4", "the agency answered it with an error (without a code)"),
        (None, "the agency answered it with an error (without a code)"),
    }


def errors(message: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"errors": [{"message": message, **({"extensions": {"code": code}} if code else {})}], **more}


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (JSONResponse(errors("Sesi s3cret habis", "UNAUTHENTICATED", data=None)), AuthenticationFailed, r"Sesi \*\*\*"),
        (JSONResponse(errors("Bukan hak Anda", "FORBIDDEN", data=None)), AuthenticationFailed, "Bukan hak"),
        (JSONResponse(errors("Pelan", "THROTTLED", data=None)), RateLimited, "Pelan"),
        (JSONResponse(errors("Cannot query field 'x'")), MappingFailure, "Cannot query field"),
        (JSONResponse(errors("Salah", "BAD_USER_INPUT", data=None)), MappingFailure, "Salah"),
        (JSONResponse(errors("Cannot query field 'x'"), 400), HttpFailure, "HTTP 400.*Cannot query"),
        (JSONResponse(errors("Rusak", "INTERNAL_SERVER_ERROR", data=None)), HttpFailure, "Rusak"),
        (JSONResponse(errors("Rusak", data={"aduan": None})), HttpFailure, "error inside: Rusak"),
        (JSONResponse({"errors": ["?"], "data": {"aduan": {"total": 0, "edges": []}}}), HttpFailure, "without a word"),
        (JSONResponse({"data": {"aduan": None}}), MappingFailure, r"graphql\.records"),
        (JSONResponse({"data": []}), BadPayload, "no GraphQL answer"),
        (JSONResponse({"status": "ok"}), BadPayload, "no GraphQL answer"),
        (JSONResponse([]), BadPayload, "no GraphQL answer"),
        (Response("<html>", media_type="text/html"), BadPayload, "HTML"),
        (Response("", 500), HttpFailure, "500"),
    ],
)
async def test_errors_are_typed_and_pass(answer: Response, kind: type[SourceError], says: str) -> None:
    agency = Agency(3)
    connector = connected(agency)
    agency.answers = [answer] * 2
    with pytest.raises(SourceError, match=says) as caught:
        await harvest(connector)
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)
    if kind is not RateLimited:
        agency.answers = []
        assert len(await harvest(connector)) == 3


@pytest.mark.parametrize(
    "path",
    [
        None,
        [],
        ["aduan"],
        ["aduan", "total"],
        ["aduan", "lain", 0],
        ["aduan", "edges", 99],
        ["aduan", "edges", -1],
        [0],
        [{}],
    ],
)
async def test_data_beside_an_error_that_is_no_records_own_is_not_kept(path: object) -> None:
    agency = Agency(3)
    rows = [{"node": row} for row in agency.rows.values()]
    data = {"aduan": {"total": 3, "edges": rows, "lain": [None], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
    agency.answers = [JSONResponse({"data": data, "errors": [{"message": "Rusak", "path": path}]})]
    with pytest.raises(HttpFailure):
        await harvest(connected(agency))


async def test_a_cursor_that_comes_back_is_a_loop() -> None:
    agency = Agency(25)
    agency.stuck = True
    with pytest.raises(PagingLoop):
        await harvest(connected(agency))


async def test_a_query_that_failed_is_asked_again() -> None:
    agency = Agency(300)
    connector = connected(agency)
    await harvest(connector)
    agency.answers = [Response("", 502), JSONResponse(errors("Rusak", "SERVICE_UNAVAILABLE", data=None))]
    assert len(await harvest(connector)) == 300


async def test_a_query_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    query = FILE.partition('query = """')[2].partition('"""')[0]
    (tmp_path / "semua.graphql").write_text(f"# all of them\n{query}")
    file = FILE.replace(f'"""{query}"""', '"semua.graphql"')
    assert len(await harvest(connected(Agency(3), file, str(tmp_path / "prov-contoh.toml")))) == 3


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("query Semua(", "mutation Semua(", "graphql.query", "is a mutation"),
        ("query Semua(", "subscription Semua(", "graphql.query", "is a subscription"),
        ("$after: String, ", "", "", ""),
        ("after: $after, ", "", "", ""),
        ("hasNextPage endCursor }", "hasNextPage endCursor", "graphql.query", "bracket"),
        ('query = """\n', 'query = """ { a }\n', "graphql.query", "one query"),
        ('param = "since"', 'param = "sinse"', "graphql.query", "$sinse"),
        ('size = "n"', 'size = "m"', "graphql.query", "$m"),
        ("publik = true", "publik = true, lain = 1", "graphql.query", "$lain"),
        ("query ($id: ID!) { satu(id: $id)", "query ($no: ID!) { satu(id: $no)", "graphql.fetch", "$id"),
        ('fetch = "query ($id: ID!) { satu(id: $id) { ...Isi } }"', 'fetch = "lain.graphql"', "graphql.fetch", "read"),
        ('kind = "cursor"', 'kind = "link"', "graphql.paging.kind", "page"),
        ("aduan.pageInfo.hasNextPage", "aduan.[", "graphql.paging.more", "JMESPath"),
        ('records = "aduan.edges[].node"\n', "", "graphql.records", "missing"),
    ],
)
def test_a_mistake_in_the_table_is_named(old: str, new: str, key: str, says: str) -> None:
    assert old in FILE
    if not key:  # declared or used: either is enough for the hub, the agency says the rest
        connected(Agency(1), FILE.replace(old, new, 1))
        return
    with pytest.raises(ConfigError) as caught:
        connected(Agency(1), FILE.replace(old, new, 1))
    assert (caught.value.key, caught.value.file) == (key, "agencies/prov-contoh.toml")
    assert caught.value.line is not None
    assert says in str(caught.value)
