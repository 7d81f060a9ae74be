"""Collations, indexes, the word index and the head row: what the models can't say alike on both databases."""

from __future__ import annotations

import secrets
from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

#: Every list order, alone and within an agency or a status; the id breaks ties.
_ORDERS = [
    f"CREATE INDEX complaints_{name}{order} ON complaints ({prefix}{order}, id)"
    for name, prefix in (("", ""), ("agency_", "agency, "), ("status_", "status, "))
    for order in ("updated_at", "submitted_at", "due_at")
]

_INDEXES = [
    *_ORDERS,
    "CREATE UNIQUE INDEX complaints_native ON complaints (agency, native_id, generation)",
    "CREATE INDEX complaints_tracking_id ON complaints (tracking_id)",
    "CREATE INDEX complaints_region_code ON complaints (region_code)",
    "CREATE INDEX complaints_seq ON complaints (seq)",
    "CREATE INDEX complaints_next_breach_at ON complaints (next_breach_at, id) WHERE next_breach_at IS NOT NULL",
    "CREATE INDEX complaints_unmapped ON complaints (agency) WHERE status = 'UNMAPPED'",
    # An officer's queue: the terms of DUE_AT ASC in `gateway.ledger.order`.
    "CREATE INDEX complaints_queue ON complaints"
    " ((CASE WHEN breached <> 0 THEN 0 ELSE 1 END), (COALESCE(due_at, '9999-12-31T23:59:59.999Z')), id)",
    "CREATE INDEX events_agency ON events (agency, seq)",
    "CREATE INDEX events_complaint ON events (complaint_id, version)",
    "CREATE INDEX assignments_agency ON assignments (agency, complaint_id)",
    "CREATE INDEX assignments_complaint ON assignments (complaint_id)",
    "CREATE INDEX quarantine_agency ON quarantine (agency, last_seen_at)",
]

# Text is compared byte by byte on both databases: cursors, region prefixes and orders depend on it.
_POSTGRES = [
    """
    DO $$
    DECLARE c record;
    BEGIN
        FOR c IN
            SELECT a.attrelid::regclass AS relation, a.attname, format_type(a.atttypid, a.atttypmod) AS type
            FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
            WHERE r.relnamespace = current_schema()::regnamespace AND r.relkind = 'r' AND a.attnum > 0
              AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
              AND r.relname IN
                ('head', 'stamps', 'events', 'complaints', 'assignments', 'agencies', 'quarantine')
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s COLLATE "C"', c.relation, c.attname, c.type);
        END LOOP;
    END $$
    """,
    # Rows are rewritten in place again and again: room on each page keeps them there.
    "ALTER TABLE complaints SET (fillfactor = 80)",
    'CREATE TABLE complaint_search (id varchar(40) COLLATE "C" PRIMARY KEY, document tsvector NOT NULL)',
    "CREATE INDEX complaint_search_document ON complaint_search USING gin (document)",
]

# The FTS5 table keeps no copy of the stems: it reads them in `complaint_stems`, whose triggers keep it true.
# A complaint's number there is an INTEGER PRIMARY KEY, so VACUUM does not change it.
_SQLITE = [
    "CREATE TABLE complaint_stems (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stems TEXT NOT NULL)",
    """
    CREATE VIRTUAL TABLE complaint_search
    USING fts5(id UNINDEXED, stems, content = 'complaint_stems', content_rowid = 'number', tokenize = 'unicode61')
    """,
    """
    CREATE TRIGGER complaint_stems_added AFTER INSERT ON complaint_stems BEGIN
        INSERT INTO complaint_search (rowid, id, stems) VALUES (new.number, new.id, new.stems);
    END
    """,
    """
    CREATE TRIGGER complaint_stems_changed AFTER UPDATE ON complaint_stems BEGIN
        INSERT INTO complaint_search (complaint_search, rowid, id, stems)
        VALUES ('delete', old.number, old.id, old.stems);
        INSERT INTO complaint_search (rowid, id, stems) VALUES (new.number, new.id, new.stems);
    END
    """,
    """
    CREATE TRIGGER complaint_stems_removed AFTER DELETE ON complaint_stems BEGIN
        INSERT INTO complaint_search (complaint_search, rowid, id, stems)
        VALUES ('delete', old.number, old.id, old.stems);
    END
    """,
]


_HEAD = "INSERT INTO head (id, epoch, seq, health) VALUES (1, {}, 0, 0)"


async def forward(apps: Any, editor: Any) -> None:
    """Runs the statements of this database, and writes the head row with a first epoch."""
    particular = _SQLITE if editor.client.capabilities.dialect == "sqlite" else _POSTGRES
    for statement in [*particular, *_INDEXES]:
        await editor.client.execute_query(statement)  # not a script: SQLite's commit as they go
    mark = "?" if particular is _SQLITE else "$1"
    first_epoch = f"{1:08x}{secrets.token_hex(12)}"
    await editor.client.execute_insert(_HEAD.format(mark), [first_epoch])


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]  # noqa: RUF012 - the base class types it
    operations = [ops.RunPython(forward)]  # noqa: RUF012 - the base class types it
