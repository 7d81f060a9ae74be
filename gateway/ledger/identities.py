# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Who reported complaints, where the agency's file asks for it: a table of its own, encrypted, and told to few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gateway.ledger import visibility
from gateway.ledger.append import among, upsert
from gateway.ledger.database import Sql, Transaction
from gateway.ledger.rows import moment_text
from gateway.ledger.statement import Statement
from schema import access
from schema.complaint import Reporter
from schema.query import Role, Viewer

_UPSERT = upsert("identities", ("id", "content", "created_at"), kept=("id", "created_at"))


class Identities:
    """Keeps identities, sealed. Each opens for its own complaint alone.

    Args:
        seal, open: given a complaint's id; `open` raises LedgerCorrupt for what was sealed under another key.
    """

    def __init__(self, seal: Callable[[str, Reporter], bytes], open: Callable[[str, bytes], Reporter | None]) -> None:
        self.open = open
        self._seal = seal

    async def keep(self, tx: Transaction, reporters: Mapping[str, Reporter], now: datetime) -> None:
        """Keeps who reported complaints, by their ids, in place of who was known to have."""
        if reporters:
            at = moment_text(now)
            await tx.executemany(_UPSERT, [(id, self._seal(id, each), at) for id, each in reporters.items()])


async def forget(tx: Transaction, complaints: Sequence[str]) -> None:
    """What is kept of who reported these goes."""
    test, values = among(tx, "$1", complaints)
    await tx.execute(f"DELETE FROM identities WHERE id {test}", [values])


def asked(viewer: Viewer, complaints: Sequence[str]) -> Statement | None:
    """Id and content of those that the viewer may know, as `schema.access.identifies` says; None: none."""
    sql = Sql()
    if viewer.role in access.OFFICERS and viewer.agencies:
        whose = f"c.agency IN ({', '.join(sql.bind(slug) for slug in viewer.agencies)})"
    elif viewer.role is Role.REPORTER and viewer.complaints:
        whose = visibility.mine(viewer)
    else:
        return None
    marks = ", ".join(sql.bind(id) for id in complaints)
    text = (
        "SELECT i.id, i.content FROM identities i JOIN complaints c ON c.id = i.id"
        f" WHERE {whose} AND NOT c.is_anonymous AND i.id IN ({marks})"
    )
    return Statement(text, sql.params)
