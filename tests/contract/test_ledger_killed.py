"""A hub that is killed in the middle of writing leaves whole transactions and no lock."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

_HUB = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema.complaint import Complaint
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.status import ComplaintStatus

NOW = datetime(2021, 3, 1, tzinfo=UTC)

def complaint(n):
    return Complaint(id=f"complaint_{n}", agency="prov-bali", native_id=str(n), tracking_id=str(n),
        status=ComplaintStatus.SUBMITTED, status_changed_at=NOW, submitted_at=NOW, updated_at=NOW, title="jalan rusak")

def change(n):
    c = complaint(n)
    event = EventDraft(kind=EventKind.SUBMITTED, status=c.status, occurred_at=NOW, origin=EventOrigin.SYNC)
    return Change(before=None, after=c, events=(event,))

async def main(url, witness):
    with open_audit(Path(witness).parent, Keyring(b"tests"), lambda: NOW) as audit:
        witness = Witness(Path(witness))
        async with open_database(url) as database, open_writer(database, witness, lambda: NOW, audit) as writer:
            for n in range(0, 10**9, 10):
                await writer.change("prov-bali", [], lambda _: [change(n + k) for k in range(10)])
                print(n, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_hub_leaves_whole_transactions(database_url: str, ledger_at: Any, tmp_path: Path) -> None:
    async with ledger_at(database_url) as ledger:
        epoch = (await ledger.put(ledger.complaint(1))).epoch
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HUB, database_url, str(tmp_path / "witness"), stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout is not None
    for _ in range(5):
        told = int(await asyncio.wait_for(hub.stdout.readline(), 30))
    hub.send_signal(signal.SIGKILL)
    await hub.communicate()
    async with ledger_at(database_url) as ledger:
        [[head, events, complaints, words]] = await ledger.database.fetch(
            "SELECT (SELECT seq FROM head), (SELECT count(*) FROM events), (SELECT count(*) FROM complaints),"
            " (SELECT count(*) FROM complaint_search)"
        )
        assert head == events == complaints == words + 1
        assert head % 10 == 1
        assert head > told
        assert await ledger.put(ledger.complaint(2)) == type(ledger.witness.highest)(epoch, head + 1)
