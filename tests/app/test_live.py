"""From a write into the ledger to a frame on a socket, through the real graph."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.app import build_app
from gateway.audit import Signer
from gateway.cursor import SealedCursors, key_from_secret
from gateway.execution.execute import Executor
from gateway.health import Health
from gateway.keyring import Keyring
from gateway.ledger.audit import AuditHead, AuditLog
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import LedgerWriter, open_writer
from gateway.origins import Origins
from gateway.server import Server, listen
from gateway.stream.doorbell import Doorbell
from gateway.stream.feed import LedgerFeed
from gateway.stream.watch import Watch
from gateway.telemetry import Metrics
from schema.agency import Agency, AgencyLevel
from schema.complaint import Complaint, complaint_id
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.graph.context import Context
from schema.graph.schema import build
from schema.ports import Snapshot
from schema.query import Viewer
from schema.status import ComplaintStatus

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BALI = Agency(
    id="prov-bali",
    name="Pemerintah Provinsi Bali",
    level=AgencyLevel.PROVINCE,
    time_zone="Asia/Makassar",
    connector_kind="open311",
)
FOLLOW = """
subscription Follow($after: String) {
  complaintEvents(after: $after) {
    __typename
    ... on StreamFrame { cursor }
    ... on StreamPosition { recovered }
    ... on ComplaintEvent { version agency { name } complaint { trackingId title } }
  }
}
"""


class Hub:
    def __init__(self, writer: LedgerWriter, address: str) -> None:
        self.writer = writer
        self.address = address

    async def submit(self, number: int) -> None:
        """One new complaint."""
        complaint = Complaint(
            id=complaint_id("prov-bali", str(number)),
            agency="prov-bali",
            native_id=str(number),
            tracking_id=f"BALI-{number}",
            title=f"Lampu jalan mati {number}",
            status=ComplaintStatus.SUBMITTED,
            status_changed_at=NOW,
            submitted_at=NOW,
            updated_at=NOW,
        )
        event = EventDraft(
            kind=EventKind.SUBMITTED, status=ComplaintStatus.SUBMITTED, occurred_at=NOW, origin=EventOrigin.SYNC
        )
        change = Change(before=None, after=complaint, events=(event,))
        await self.writer.change("prov-bali", [str(number)], lambda known: [change])

    async def ask(self, query: str) -> Any:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.address}/graphql", json={"query": query})
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    @asynccontextmanager
    async def follow(self, after: str | None) -> AsyncIterator[Any]:
        """Yields a function that waits for the next frame."""
        address = self.address.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
            payload = {"query": FOLLOW, "variables": {"after": after}}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))

            async def frame() -> Any:
                message = json.loads(await asyncio.wait_for(socket.recv(), 5))
                assert message["type"] == "next", message
                return message["payload"]["data"]["complaintEvents"]

            yield frame


@asynccontextmanager
async def hub(url: str, folder: Path) -> AsyncIterator[Hub]:
    witness, closing, started = Witness(folder / "witness.json"), asyncio.Event(), asyncio.Event()
    head = AuditHead(folder / "audit.json")
    audit = AuditLog(Signer(Keyring(b"tests")), head, lambda: NOW)
    async with open_database(url) as database, open_writer(database, witness, lambda: NOW, audit) as writer:
        reader, doorbell, metrics = LedgerReader(database), Doorbell(), Metrics()
        watch = Watch(reader, doorbell, metrics.ledger)
        feed = LedgerFeed(reader, doorbell, watch, closing)
        cursors = SealedCursors(key_from_secret("a secret for this one test alone"))
        writer.on_commit(doorbell.ring)
        await writer.register([BALI])
        await watch.look()

        def context(viewer: Viewer, snapshot: Snapshot) -> Context:
            return Context(viewer, snapshot, cursors, lambda: NOW, feed)

        async def pending() -> list[str]:
            return []

        app = build_app(
            executor=Executor(build(), reader, context),
            health=Health(reader, watch, pending),
            metrics=metrics,
            origins=Origins(),
            closing=closing,
            background={"watch": watch.run},
        )
        server = Server(app, listen("127.0.0.1", 0), closing, lambda _: started.set(), handle_signals=False)
        serving = asyncio.create_task(server.run_until_stopped())
        await started.wait()
        try:
            yield Hub(writer, server.address)
        finally:
            server.stop()
            await serving
    witness.close()
    head.close()


async def test_what_is_written_is_seen_and_followed_without_a_gap(sqlite_url: str, tmp_path: Path) -> None:
    async with hub(sqlite_url, tmp_path) as running:
        await running.submit(1)
        seen = await running.ask("{ complaints { asOf totalCount nodes { trackingId agency { name } } } }")
        assert seen["complaints"]["totalCount"] == 1
        # Between the query and the subscription, something happens.
        await running.submit(2)
        async with running.follow(seen["complaints"]["asOf"]) as frame:
            position = await frame()
            assert (position["__typename"], position["recovered"]) == ("StreamPosition", True)
            second = await frame()
            await running.submit(3)
            third = await frame()
        assert [each["complaint"]["trackingId"] for each in (second, third)] == ["BALI-2", "BALI-3"]
        assert third["agency"]["name"] == "Pemerintah Provinsi Bali"
        assert third["complaint"]["title"] == "Lampu jalan mati 3"
        # The connection is lost after the second event: the third comes again, and nothing else.
        await running.submit(4)
        async with running.follow(second["cursor"]) as frame:
            assert (await frame())["recovered"] is True
            again = [await frame(), await frame()]
        assert again[0] == third
        assert again[1]["complaint"]["trackingId"] == "BALI-4"


async def test_a_stream_without_a_cursor_is_live_only(sqlite_url: str, tmp_path: Path) -> None:
    async with hub(sqlite_url, tmp_path) as running:
        await running.submit(1)
        async with running.follow(None) as frame:
            assert (await frame())["recovered"] is True
            await running.submit(2)
            assert (await frame())["complaint"]["trackingId"] == "BALI-2"
