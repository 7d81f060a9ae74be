"""Each dialect over HTTP: whole lists, changes only, keys, faults, moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import anyio
import httpx2
import orjson
import pytest
from lxml import etree
from starlette.applications import Starlette

import simulators
from simulators.agency import Agency, life
from simulators.dialects import DIALECTS

NOW = datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC)
WIB = timezone(timedelta(hours=7))
COUNT = 47
SIZE = 10

Raw = Any
Client = httpx2.AsyncClient
Query = dict[str, str | int]


def play(slug: str, **how: Any) -> Starlette:
    return simulators.app(slug, seed=3, count=COUNT, now=lambda: NOW, **how)


def state(app: Starlette) -> Agency:
    found = app.state.agency
    assert isinstance(found, Agency)
    return found


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[Client]:
    dialect = state(app).dialect
    address = "http://agency.test" + dialect.base
    transport = httpx2.ASGITransport(app=app)
    async with Client(transport=transport, base_url=address, headers=dict(dialect.keys)) as client:
        yield client


def table(xml: bytes) -> list[dict[str, str | None]]:
    return [{child.tag: child.text for child in request} for request in etree.fromstring(xml).iter("request")]


async def lapor(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    for page in range(1, most):
        yield (await client.get("/complaints", params={"page": page, "page_size": SIZE})).json()["results"]["data"]


async def tangerang(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    for page in range(1, most):
        query: Query = {"halaman": page, "per_halaman": SIZE, **({"sejak": since} if since else {})}
        yield (await client.get("/api/v1/aduan", params=query)).json()["data"]["items"]


async def sleman(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    for start in range(0, most * SIZE, SIZE):
        query: Query = {"offset": start, "limit": SIZE, **({"diubah_sejak": since} if since else {})}
        yield (await client.get("/lapor/api/laporan", params=query)).json()["results"]


DIY = """query($sejak: String, $setelah: String, $banyak: Int) {
  laporan(diubahSejak: $sejak, after: $setelah, first: $banyak) { nodes { nomor } pageInfo { hasNextPage endCursor } }
}"""


async def diy(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    variables: dict[str, Raw] = {"sejak": since, "banyak": SIZE}
    for _ in range(most):
        reply = await client.post("/e-lapor/graphql", json={"query": DIY, "variables": variables})
        found = reply.json()["data"]["laporan"]
        yield [node or {"nomor": None} for node in found["nodes"]]  # null: with an error beside it
        if not found["pageInfo"]["hasNextPage"]:
            return
        variables["setelah"] = found["pageInfo"]["endCursor"]


async def bali(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    dates = {"updated_after": since} if since else {"start_date": "2015-01-01T00:00:00Z"}
    for page in range(1, most):
        yield table((await client.get("/requests.xml", params={"page": page, "page_size": SIZE, **dates})).content)


async def badung(client: Client, since: str | None, most: int) -> AsyncIterator[list[Raw]]:
    for page in range(1, most):
        query: Query = {
            "page": page,
            "page_size": SIZE,
            "extensions": "true",
            **({"updated_after": since} if since else {}),
        }
        yield (await client.get("/requests.json", params=query)).json()


Harvest = Callable[[Client, str | None, int], AsyncIterator[list[Raw]]]
HARVESTS: dict[str, tuple[Harvest, str]] = {
    "sp4n-lapor": (lapor, "id"),
    "kab-tangerang": (tangerang, "id"),
    "kab-sleman": (sleman, "tiket"),
    "prov-diy": (diy, "nomor"),
    "prov-bali": (bali, "service_request_id"),
    "kab-badung": (badung, "service_request_id"),
}
SINCE = {
    "kab-tangerang": lambda at: datetime.fromtimestamp(at, WIB).strftime("%Y-%m-%d %H:%M:%S"),
    "kab-sleman": lambda at: datetime.fromtimestamp(at, WIB).isoformat(),
    "prov-diy": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "prov-bali": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "kab-badung": lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
}


async def ids(app: Starlette, since: str | None = None, most: int = 12) -> list[str | None]:
    """Native ids in the order they came, page by page until an empty one; None for a record without."""
    slug = state(app).slug
    harvest, key = HARVESTS[slug]
    found: list[str | None] = []
    async with client_of(app) as client:
        async for page in harvest(client, since, most):
            found += [raw.get(key) if isinstance(raw.get(key), str | None) else str(raw[key]) for raw in page]
    return found


@pytest.mark.parametrize("slug", HARVESTS)
async def test_the_pages_hold_every_record_once(slug: str) -> None:
    app = play(slug)
    agency = state(app)
    found = await ids(app)
    assert len(found) == COUNT
    assert set(found) == {agency.dialect.native_id(case) for case in agency.cases}


@pytest.mark.parametrize("slug", SINCE)
async def test_since_is_exact_to_the_second(slug: str) -> None:
    app = play(slug)
    agency = state(app)
    place = agency.newest_first()[COUNT // 2]
    stamp = agency.cases[place].updated
    wanted = {agency.dialect.native_id(case) for case in agency.cases if case.updated >= stamp}
    assert set(await ids(app, SINCE[slug](stamp))) == wanted
    later = {agency.dialect.native_id(case) for case in agency.cases if case.updated > stamp}
    assert set(await ids(app, SINCE[slug](stamp + 1))) == later


@pytest.mark.parametrize("slug", HARVESTS)
async def test_what_moves_shows_in_the_changes(slug: str) -> None:
    app = play(slug)
    moved = state(app).move(4, life("test", 1, 0))
    since = SINCE[slug](int(NOW.timestamp())) if slug in SINCE else None
    found = await ids(app, since)
    assert {step.native_id for step in moved} == set(found if since else found[:4])


@pytest.mark.parametrize("slug", HARVESTS)
async def test_without_the_keys_nothing_is_told(slug: str) -> None:
    app = play(slug)
    dialect = state(app).dialect
    path = dialect.base + dialect.endpoints[0][0]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://agency.test") as client:
        reply = await client.get(path)
    assert reply.status_code == (401 if dialect.keys else 200)


def test_the_environment_holds_each_key_that_is_asked_for() -> None:
    asked = [value for dialect in DIALECTS.values() for value in dialect.keys.values()]
    assert asked
    assert all(any(secret in value for secret in simulators.ENVIRONMENT.values()) for value in asked)


@pytest.mark.parametrize(("kind", "status", "content"), [("error", 500, "text/plain"), ("html", 200, "text/html")])
@pytest.mark.parametrize("slug", HARVESTS)
async def test_error_and_html(slug: str, kind: str, status: int, content: str) -> None:
    app = play(slug)
    dialect = state(app).dialect
    async with client_of(app) as client:
        state(app).fail(kind)
        reply = await client.get(dialect.endpoints[0][0])
        assert reply.status_code == status
        assert reply.headers["content-type"].startswith(content)
        state(app).heal()
        assert (await client.get(dialect.endpoints[0][0])).status_code == 200


@pytest.mark.parametrize("slug", HARVESTS)
async def test_a_malformed_record_comes_with_each_page_and_hides_none(slug: str) -> None:
    app = play(slug)
    state(app).fail("malformed")
    found = await ids(app)
    good = {state(app).dialect.native_id(case) for case in state(app).cases}
    broken = [id for id in found if id not in good]
    assert good <= set(found)
    assert len(found) - len(broken) == COUNT
    assert len(broken) == 6  # 47 good ones, 9 to a page


@pytest.mark.parametrize("slug", HARVESTS)
async def test_a_loop_gives_the_first_page_of_everything_again_and_again(slug: str) -> None:
    app = play(slug)
    state(app).fail("loop")
    for since in (None, SINCE[slug](int(NOW.timestamp())) if slug in SINCE else None):
        seen = Counter(await ids(app, since, most=5))
        assert len(seen) == SIZE
        assert min(seen.values()) >= 4


@pytest.mark.parametrize("slug", HARVESTS)
async def test_empty_and_back(slug: str) -> None:
    app = play(slug)
    state(app).fail("empty")
    assert await ids(app) == []
    state(app).heal()
    assert len(await ids(app)) == COUNT


async def test_slow_drips_and_ends_at_once_when_it_is_cleared() -> None:
    app = play("kab-sleman", seconds_per_byte=0.001)
    agency = state(app)
    came: list[bytes] = []

    async def send(message: Any) -> None:
        came.append(message.get("body", b""))
        if len(came) == 20:
            agency.heal()

    agency.fail("slow")
    await app(_scope("/lapor/api/laporan/SLM-000003", agency), _silent, send)
    place = agency.find("SLM-000003")
    assert place is not None
    assert {len(part) for part in came[1:-1]} == {1}
    assert len(came) < 30
    assert b"".join(came) == agency.record(place)


async def test_down_is_a_reset_for_an_app_without_a_server() -> None:
    app = play("kab-badung")
    state(app).fail("down")
    async with client_of(app) as client:
        with pytest.raises(ConnectionResetError):
            await client.get("/requests.json")


async def test_the_national_system_tells_the_course_of_one() -> None:
    app = play("sp4n-lapor")
    agency = state(app)
    wanted = next(case for case in agency.cases if case.status == "CLOSED")
    async with client_of(app) as client:
        listed = (await client.get("/complaints", params={"page_size": 200})).json()["results"]["data"]
        whole = (await client.get(f"/complaints/{wanted.number}")).json()["results"]["data"]
        course = (await client.get(f"/complaints/{wanted.number}/complaint")).json()["results"]
        answers = (await client.get(f"/complaints/{wanted.number}/followups")).json()["results"]["data"]
        nobody = await client.get("/complaints/12/complaint")
        units = (await client.get("/masters/institutions/external", params={"page_size": 1000})).json()
    assert all("status_logs" not in row for row in listed)
    assert course["data"]["status_logs"] == whole["status_logs"]
    assert course["data_logs"] == whole["data_logs"]
    assert answers == whole["followups"]
    assert whole["status_logs"][0]["note"] == "Belum Terverifikasi"
    assert nobody.status_code == 200
    assert nobody.json()["results"]["data"] is None
    assert len(units["results"]["data"]) > 10


async def test_anonymous_rows_still_carry_a_name_at_the_national_system() -> None:
    app = play("sp4n-lapor")
    async with client_of(app) as client:
        rows = (await client.get("/complaints", params={"page_size": 200})).json()["results"]["data"]
    anonymous = [row for row in rows if str(row["is_anonymous"]) in ("1", "true")]
    assert anonymous
    assert all(row["user"]["name"] for row in anonymous)


async def test_open311_without_dates_tells_the_last_ninety_days() -> None:
    app = simulators.app("prov-bali", seed=3, count=300, now=lambda: NOW)
    recent = {
        state(app).dialect.native_id(case)
        for case in state(app).cases
        if case.submitted >= (NOW - timedelta(days=90)).timestamp()
    }
    async with client_of(app) as client:
        rows = table((await client.get("/requests.xml", params={"page_size": 500})).content)
        one = table((await client.get("/requests/BALI-000007.xml", params={"extensions": "true"})).content)
        two = table(
            (await client.get("/requests.xml", params={"service_request_id": "BALI-000007,BALI-000009"})).content
        )
        bad = await client.get("/requests.xml", params={"start_date": "kemarin"})
        closed = table((await client.get("/requests.xml", params={"status": "closed"})).content)
    assert {row["service_request_id"] for row in rows} == recent
    assert "extended_attributes" not in rows[0]
    assert "extended_attributes" in one[0]
    assert [row["service_request_id"] for row in two] == ["BALI-000007", "BALI-000009"]
    assert bad.status_code == 400
    assert {row["status"] for row in closed} == {"closed"}


@pytest.mark.parametrize("slug", sorted(set(HARVESTS) - {"prov-diy"}))
async def test_one_record_by_its_id(slug: str) -> None:
    app = play(slug)
    agency = state(app)
    path = next(path for path, _ in agency.dialect.endpoints if path.endswith(("{id}", "{id}.xml", "{id}.json")))
    async with client_of(app) as client:
        reply = await client.get(path.replace("{id}", agency.dialect.native_id(agency.cases[5])))
        unknown = await client.get(path.replace("{id}", "X-1"))
    assert reply.status_code == 200
    assert unknown.status_code == (200 if slug == "sp4n-lapor" else 404)


async def test_the_graph_tells_one_record_and_its_own_errors() -> None:
    app = play("prov-diy")
    wanted = state(app).dialect.native_id(state(app).cases[5])

    async def ask(client: Client, content: object) -> tuple[int, Raw]:
        reply = await client.post("/e-lapor/graphql", json=content)
        return reply.status_code, reply.json()

    async with client_of(app) as client:
        one = "query($n: ID!) { satuLaporan(nomor: $n) { nomor pokok { judul } } }"
        found = await ask(client, {"query": one, "variables": {"n": wanted}})
        unknown = await ask(client, {"query": one, "variables": {"n": "X-1"}})
        wrong = await ask(client, {"query": "{ laporan { judul } }"})
        broken = await ask(client, {"query": '{ laporan(after: "!") { totalCount } }'})
        nothing = await ask(client, [])
        state(app).fail("malformed")
        malformed = await ask(client, {"query": DIY, "variables": {"banyak": SIZE}})
    assert found[1]["data"]["satuLaporan"]["nomor"] == wanted
    assert unknown == (200, {"data": {"satuLaporan": None}})
    assert (wrong[0], list(wrong[1])) == (400, ["errors"])
    assert (broken[0], broken[1]["data"]) == (200, None)
    assert broken[1]["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert nothing[0] == 400
    [error] = malformed[1]["errors"]
    assert malformed[1]["data"]["laporan"]["nodes"][error["path"][2]] is None


@pytest.mark.parametrize("slug", sorted(set(HARVESTS) - {"prov-bali"}))
def test_json_records_are_json(slug: str) -> None:
    agency = state(play(slug))
    for place in range(COUNT):
        orjson.loads(agency.record(place))


async def _silent() -> Any:
    await anyio.sleep_forever()


def _scope(path: str, agency: Agency) -> dict[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in agency.dialect.keys.items()]
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("agency.test", 80),
        "root_path": "",
    }
