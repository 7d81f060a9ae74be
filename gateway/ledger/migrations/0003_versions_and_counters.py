"""Versions of what no event tells of, counters, and indexes that hold each page together, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from gateway.ledger.counters import refill

_QUEUE = "(CASE WHEN breached <> 0 THEN 0 ELSE 1 END), (COALESCE(due_at, '9999-12-31T23:59:59.999Z'))"

#: What lies together, and in which order; the id breaks ties. Only what the public sees: whatever else a viewer may
#: see is little, and is merged in.
_ORDERS = {
    "updated_at": ("updated_at", ("", "agency", "status", "province", "regency", "top_category")),
    "submitted_at": ("submitted_at", ("", "agency", "status", "province", "regency")),
    "queue": (_QUEUE, ("", "agency")),
}

_DROPPED = (
    *(f"complaints_{prefix}{order}" for prefix in ("", "agency_", "status_") for order in _ORDERS if order != "queue"),
    *(f"complaints_{prefix}due_at" for prefix in ("", "agency_", "status_")),
    "complaints_queue",
    "complaints_region_code",
)

# Rows of the table are found by key alone; so in SQLite the key is the table.
_COUNTERS = """
CREATE TABLE counters (
    cube SMALLINT NOT NULL,
    agency VARCHAR(64) {text} NOT NULL,
    province VARCHAR(2) {text} NOT NULL,
    regency VARCHAR(5) {text} NOT NULL,
    top_category VARCHAR(160) {text} NOT NULL,
    classification VARCHAR(48) {text} NOT NULL,
    status VARCHAR(24) {text} NOT NULL,
    public BOOLEAN NOT NULL,
    level VARCHAR(16) {text} NOT NULL,
    complaints BIGINT NOT NULL,
    overdue BIGINT NOT NULL,
    PRIMARY KEY (cube, agency, province, regency, top_category, classification, status, public)
) {end}
"""

# What was no code has no province: what a filter by region finds, and what is counted by it, are the same.
_REGIONS = (
    "UPDATE complaints SET province = NULL, regency = NULL WHERE length(region_code) > 2"
    " AND substr(region_code, 3, 1) <> '.'",
    "UPDATE complaints SET province = NULL WHERE length(region_code) < 2",
    "UPDATE complaints SET regency = NULL WHERE length(region_code) > 5 AND substr(region_code, 6, 1) <> '.'",
    "UPDATE complaints SET top_category = NULL WHERE top_category = ''",
)


def _statements(sqlite: bool) -> Iterator[str]:
    yield "ALTER TABLE head ADD COLUMN facts BIGINT NOT NULL DEFAULT 0"
    yield "ALTER TABLE head ADD COLUMN derived BIGINT NOT NULL DEFAULT 0"
    # Few rows that change all the time: room on each page keeps them there.
    yield _COUNTERS.format(**(_SQLITE if sqlite else _POSTGRES))
    yield from _REGIONS
    for name in _DROPPED:
        yield f"DROP INDEX {name}"
    for order, (terms, columns) in _ORDERS.items():
        for column in columns:
            named, first = (f"{column}_", f"{column}, ") if column else ("", "")
            yield f"CREATE INDEX complaints_{named}{order} ON complaints ({first}{terms}, id) WHERE public"
    yield "CREATE INDEX complaints_agency_status ON complaints (agency, status, updated_at, id) WHERE public"
    yield "CREATE INDEX complaints_region_code ON complaints (regency, region_code)"
    yield "CREATE INDEX complaints_due_last ON complaints ((COALESCE(due_at, '')), id) WHERE public"
    yield from refill()


_SQLITE = {"text": "", "end": "WITHOUT ROWID"}
_POSTGRES = {"text": 'COLLATE "C"', "end": "WITH (fillfactor = 50)"}


async def forward(apps: Any, editor: Any) -> None:
    """Runs the statements as one transaction."""
    for statement in _statements(editor.client.capabilities.dialect == "sqlite"):
        await editor.client.execute_query(statement)  # not a script: SQLite's commit as they go


class AddField(ops.AddField):
    """Tells the models' history alone: `forward` makes the column, so that a killed migration leaves nothing."""

    async def database_forward(self, *args: Any, **options: Any) -> None:
        """Nothing."""


class AlterField(ops.AlterField):
    """Likewise: the words of a description changed."""

    async def database_forward(self, *args: Any, **options: Any) -> None:
        """Nothing."""


_HEALTH = "Counts every `report`, and whatever else moves `synced_at` or the quarantine: what no event tells of."
_FACTS = "Counts the changes of what the agencies' files say."
_DERIVED = "Counts the other changes of complaints that no event tells of."


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_orders_and_search")]  # noqa: RUF012 - the base class types it
    operations = [  # noqa: RUF012 - the base class types it
        ops.RunPython(forward),
        AddField("HeadRow", "facts", fields.BigIntField(default=0, description=_FACTS)),
        AddField("HeadRow", "derived", fields.BigIntField(default=0, description=_DERIVED)),
        AlterField("HeadRow", "health", fields.BigIntField(default=0, description=_HEALTH)),
    ]
