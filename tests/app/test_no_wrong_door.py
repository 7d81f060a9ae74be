"""A province's road is reported to the district: on to the province, then to the national system, as one journey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from connectors.manifest import Manifest
from connectors.registry import load_agencies
from connectors.secrets import Secrets
from connectors.settings import PollSettings
from gateway.cursor import key_from_secret
from gateway.hub import build_hub, open_agencies, open_ledger
from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.keys import Keys
from gateway.ledger.migrate import migrate
from gateway.settings import load
from gateway.telemetry import Metrics
from schema.query import Role
from simulators import ENVIRONMENT
from simulators.agency import Agency
from simulators.asgi import midnight, serve
from simulators.dialects import DIALECTS
from simulators.listener import Listener
from tests.app.banten import banten, write_files
from tests.app.towns import served

AGENCIES = Path(__file__).parents[2] / "agencies"
TANGERANG, BANTEN, LAPOR = "kab-tangerang", "prov-banten", "sp4n-lapor"
SECRET = "s" * 32
#: Seconds that anything may take here.
SOON = 15.0

SUBMIT = """mutation($input: SubmitComplaintInput!) { submitComplaint(input: $input) {
  ... on SubmitComplaintSuccess { reporterToken asOf complaint { id trackingId agency { id } routedBy { rule } } }
  ... on Problem { code message } } }"""
TRANSFER = """mutation($input: TransferComplaintInput!) { transferComplaint(input: $input) { __typename
  ... on TransferComplaintSuccess { complaint { id status version } forwardedTo { id trackingId agency { id } } }
  ... on Problem { code message } ... on IllegalTransfer { cause } } }"""
DELIVERED = "query($id: ID!) { complaint(id: $id) { nativeId delivery { kind state nativeId } } }"
JOURNEY = """query($id: ID!) { complaint(id: $id) {
  links { kind complaint { agency { id } } }
  journey { hops bouncing complaints { trackingId agency { id } }
    steps { kind occurredAt note agency { id } actor { role agency { id } } toAgency { agency { id } } } } } }"""
STREAM = """subscription($after: String) { complaintEvents(after: $after, filter: {kinds: [SUBMITTED, STATUS_CHANGED,
  FOLLOW_UP_ADDED, TRANSFERRED, LINKED, RATED]}) { __typename
  ... on ComplaintEvent { kind complaintId version agency { id } }
  ... on StatusChanged { toStatus } ... on ComplaintTransferred { disposition { toAgency { agency { id } } } } } }"""


def now() -> datetime:
    return datetime.now(UTC)


class Hub:
    """Asked through its front door."""

    def __init__(self, client: httpx2.AsyncClient, keys: Mapping[str, str], agencies: Mapping[str, Agency]) -> None:
        self.client = client
        self.keys = keys
        self.agencies = agencies

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        reply = await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        answer = reply.json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    async def delivered(self, id: str, kind: str) -> dict[str, Any]:
        """The complaint once its newest write, of that kind, is at the agency."""
        async with asyncio.timeout(SOON):
            while True:
                complaint: dict[str, Any] = (await self.ask(DELIVERED, self.keys[LAPOR], id=id))["complaint"]
                if (complaint["delivery"]["state"], complaint["delivery"]["kind"]) == ("ACKNOWLEDGED", kind):
                    return complaint
                await asyncio.sleep(0.05)


@asynccontextmanager
async def country(folder: Path, database: str) -> AsyncIterator[Hub]:
    """A district, its province and the national system, and the hub over them."""
    files = folder / "agencies"
    files.mkdir()
    write_files(files)
    (files / "sp4n-lapor.toml").write_text((AGENCIES / "sp4n-lapor.toml").read_text("utf-8"), "utf-8")
    settings = load(data_dir=folder / "data", database_url=database, pages=False, secret=SECRET, agencies_dir=files)
    await migrate(settings.database)
    async with AsyncExitStack() as stack:
        agencies, urls = {}, {}
        for slug in (TANGERANG, LAPOR):
            agency = Agency(
                DIALECTS[slug], seed=4, count=5, anchor=midnight(now().timestamp()), now=lambda: now().timestamp()
            )
            listener = Listener(serve(agency))
            await listener.open()
            stack.callback(listener.end)
            agencies[slug], urls[slug] = agency, listener.url
        agencies[BANTEN], urls[BANTEN] = await stack.enter_async_context(banten(now))
        manifests = {slug: _near(m, urls[slug] + DIALECTS[m.slug if m.slug in DIALECTS else TANGERANG].base)
                     for slug, m in load_agencies(files).items()}  # fmt: skip
        ledger = await stack.enter_async_context(open_ledger(settings))
        plugged = await stack.enter_async_context(open_agencies(settings, ledger, Secrets(ENVIRONMENT)))
        await plugged.apply(manifests)
        app = await build_hub(settings, ledger, plugged, Metrics(), asyncio.Event(), None)
        url = await served(app, stack)
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=SOON))
        audit = stack.enter_context(open_audit(settings.data_dir, Keyring(key_from_secret(SECRET)), now))
        keys = Keys(ledger.database, ledger.keyring, audit, now)
        made = {slug: await keys.create(slug, Role.AGENCY_COORDINATOR, [slug]) for slug in (TANGERANG, BANTEN)}
        made[LAPOR] = await keys.create("admin", Role.NATIONAL_ADMIN)
        secrets = {slug: secret for slug, (_, secret) in made.items()}
        yield Hub(client, secrets, agencies)


def _near(manifest: Manifest, url: str) -> Manifest:
    return msgspec.structs.replace(manifest.with_values({"http.url": url}), poll=PollSettings(every=0.1, lookback=3600))


async def told(hub: Hub, after: str, into: list[dict[str, Any]], begun: asyncio.Event) -> None:
    """What a subscriber without credentials is told."""
    params = {"query": STREAM, "variables": json.dumps({"after": after})}
    asked = hub.client.stream("GET", "/graphql", params=params, headers={"accept": "text/event-stream"})
    async with asked as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))["data"]["complaintEvents"]
                begun.set()
                if "complaintId" in event:
                    into.append(event)


@pytest.fixture(params=["sqlite_url", pytest.param("postgres_url", marks=pytest.mark.soak)])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


async def test_a_provincial_road_reported_to_the_district(database: str, tmp_path: Path) -> None:
    async with country(tmp_path, database) as hub:
        await _harvested(hub)
        events: list[dict[str, Any]] = []
        begun = asyncio.Event()
        after = (await hub.ask("{ asOf }"))["asOf"]
        listening = asyncio.create_task(told(hub, after, events, begun))
        await asyncio.wait_for(begun.wait(), SOON)
        submitted = (await hub.ask(SUBMIT, input=_road()))["submitComplaint"]
        token, first = submitted["reporterToken"], submitted["complaint"]
        assert first["agency"]["id"] == TANGERANG, first
        assert (await hub.delivered(first["id"], "SUBMIT"))["nativeId"]

        second = await _handed_on(hub, hub.keys[TANGERANG], first["id"], BANTEN)
        assert (await hub.delivered(second["id"], "SUBMIT"))["nativeId"]
        third = await _handed_on(hub, hub.keys[BANTEN], second["id"], LAPOR)
        assert (await hub.delivered(third["id"], "SUBMIT"))["nativeId"]
        await hub.delivered(first["id"], "TRANSFER")
        await _harvested(hub)

        for asked in (first["id"], second["id"], third["id"]):
            _check_journey((await hub.ask(JOURNEY, id=asked))["complaint"]["journey"], first, second, third)
        links = (await hub.ask(JOURNEY, id=second["id"]))["complaint"]["links"]
        assert [(link["kind"], link["complaint"]["agency"]["id"]) for link in links] == [
            ("FORWARDED_FROM", TANGERANG),
            ("FORWARDED_TO", LAPOR),
        ]
        # Whoever reported the first may follow it to the last.
        assert (await hub.ask(DELIVERED, token, id=third["id"]))["complaint"]["delivery"]["kind"] == "SUBMIT"
        await _quiet(events)
        listening.cancel()
        steps = [(e["kind"], e["agency"]["id"], e.get("toStatus")) for e in events]
        assert sorted(steps, key=str) == sorted(
            [
                *(("SUBMITTED", slug, None) for slug in (TANGERANG, BANTEN, LAPOR)),
                *(("STATUS_CHANGED", slug, "DISPOSED") for slug in (TANGERANG, BANTEN)),
                *(("TRANSFERRED", slug, None) for slug in (TANGERANG, BANTEN)),
                *(("LINKED", slug, None) for slug in (TANGERANG, BANTEN, BANTEN, LAPOR)),
            ],
            key=str,
        )
        # Each system has it once, under the citizen's number.
        for slug, complaint in ((TANGERANG, first), (BANTEN, second), (LAPOR, third)):
            assert len(hub.agencies[slug].referred(complaint["trackingId"])) == 1


def _road() -> dict[str, Any]:
    return {
        "idempotencyKey": "3f0e6a52-6b1c-4f5e-9c36-0d6d5b1a7e11",
        "title": "Jalan rusak di depan pasar",
        "text": "Jalan raya berlubang sepanjang dua ratus meter sejak bulan lalu.",
        "category": "infrastruktur.jalan-berlubang",
        "incidentLocation": {"regionCode": "36.03.12"},
        "agency": TANGERANG,
    }


async def _handed_on(hub: Hub, key: str, id: str, to: str) -> dict[str, Any]:
    asked = {
        "idempotencyKey": f"terus-{to}-{id}",
        "complaintId": id,
        "toAgency": to,
        "note": f"Ruas ini bukan wewenang kami, mohon {to}.",
        "isNotAuthority": True,
    }
    answer = (await hub.ask(TRANSFER, key, input=asked))["transferComplaint"]
    assert answer["__typename"] == "TransferComplaintSuccess", answer
    assert answer["complaint"]["status"] == "DISPOSED"
    return dict(answer["forwardedTo"])


def _check_journey(journey: dict[str, Any], *records: dict[str, Any]) -> None:
    assert [c["trackingId"] for c in journey["complaints"]] == [record["trackingId"] for record in records]
    assert (journey["hops"], journey["bouncing"]) == (2, False)
    steps = [(step["kind"], step["agency"]["id"]) for step in journey["steps"]]
    for slug in (TANGERANG, BANTEN, LAPOR):
        assert steps.count(("SUBMITTED", slug)) == 1, steps
    handings = [step for step in journey["steps"] if step["kind"] == "TRANSFERRED"]
    assert [(s["agency"]["id"], s["toAgency"]["agency"]["id"]) for s in handings] == [
        (TANGERANG, BANTEN),
        (BANTEN, LAPOR),
    ]
    assert [step["actor"] for step in handings] == [
        {"role": "AGENCY", "agency": {"id": TANGERANG}},
        {"role": "AGENCY", "agency": {"id": BANTEN}},
    ]
    assert all(step["note"].startswith("Ruas ini") for step in handings)
    moments = [step["occurredAt"] for step in journey["steps"]]
    assert moments == sorted(moments)


async def _harvested(hub: Hub) -> None:
    """Every agency was read once more, from now on."""
    asked = "{ agencies { source { asOf } } }"
    since = now().isoformat()
    async with asyncio.timeout(SOON):
        while True:
            sources = [agency["source"]["asOf"] for agency in (await hub.ask(asked))["agencies"]]
            if all(each and each > since[:19] for each in sources) and len(sources) == 3:
                return
            await asyncio.sleep(0.1)


async def _quiet(events: list[dict[str, Any]]) -> None:
    """Until nothing came for a second: what came twice would have come by then."""
    async with asyncio.timeout(SOON):
        known = -1
        while known != len(events):
            known = len(events)
            await asyncio.sleep(1.0)
