# ruff: noqa: E501 - made by makemigrations: each description is a comment of the models
"""What is written here: deliveries, links, keys, the audit, and what keeps a write from being done twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLES = (
    """
    CREATE TABLE deliveries (
        id VARCHAR(40) {text} NOT NULL PRIMARY KEY,
        complaint_id VARCHAR(40) {text} NOT NULL,
        agency VARCHAR(64) {text} NOT NULL,
        kind VARCHAR(16) {text} NOT NULL,
        state VARCHAR(16) {text} NOT NULL,
        seq BIGINT NOT NULL,
        entry INT,
        attempts INT NOT NULL,
        queued_at VARCHAR(24) {text} NOT NULL,
        sent_at VARCHAR(24) {text},
        settled_at VARCHAR(24) {text},
        next_attempt_at VARCHAR(24) {text},
        native_id TEXT {text},
        error TEXT {text},
        owner TEXT {text},
        leased_until VARCHAR(24) {text}
    )
    """,
    "CREATE TABLE sealed (id VARCHAR(40) {text} NOT NULL PRIMARY KEY, content {bytes} NOT NULL)",
    """
    CREATE TABLE idempotency (
        id VARCHAR(64) {text} NOT NULL PRIMARY KEY,
        body VARCHAR(64) {text},
        outcome TEXT {text} NOT NULL,
        seq BIGINT NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL
    )
    """,
    """
    CREATE TABLE links (
        id VARCHAR(104) {text} NOT NULL PRIMARY KEY,
        complaint_id VARCHAR(40) {text} NOT NULL,
        other_id VARCHAR(40) {text} NOT NULL,
        kind VARCHAR(16) {text} NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL,
        confidence DOUBLE PRECISION NOT NULL,
        seq BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE dismissals (
        id VARCHAR(88) {text} NOT NULL PRIMARY KEY,
        complaint_id VARCHAR(40) {text} NOT NULL,
        other_id VARCHAR(40) {text} NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL
    )
    """,
    """
    CREATE TABLE reporters (
        id VARCHAR(112) {text} NOT NULL PRIMARY KEY,
        hash VARCHAR(64) {text} NOT NULL,
        complaint_id VARCHAR(40) {text} NOT NULL
    )
    """,
    """
    CREATE TABLE complaint_references (
        id VARCHAR(48) {text} NOT NULL PRIMARY KEY,
        complaint_id VARCHAR(40) {text} NOT NULL,
        system TEXT {text} NOT NULL,
        key TEXT {text} NOT NULL
    )
    """,
    """
    CREATE TABLE keys (
        id VARCHAR(40) {text} NOT NULL PRIMARY KEY,
        hash VARCHAR(64) {text} NOT NULL UNIQUE,
        name TEXT {text} NOT NULL,
        role VARCHAR(24) {text} NOT NULL,
        agencies TEXT {text} NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL,
        expires_at VARCHAR(24) {text},
        revoked_at VARCHAR(24) {text}
    )
    """,
    """
    CREATE TABLE audit (
        seq BIGINT NOT NULL PRIMARY KEY,
        at VARCHAR(24) {text} NOT NULL,
        actor VARCHAR(128) {text} NOT NULL,
        action VARCHAR(32) {text} NOT NULL,
        outcome VARCHAR(32) {text} NOT NULL,
        complaint_id VARCHAR(40) {text},
        other_id VARCHAR(40) {text},
        delivery_id VARCHAR(40) {text},
        ledger_seq BIGINT NOT NULL,
        body VARCHAR(64) {text},
        previous CHAR(64) {text} NOT NULL,
        hash CHAR(64) {text} NOT NULL,
        signature TEXT {text}
    )
    """,
)

_INDEXES = (
    # What the outbox asks for; what is settled is most of the table, and in none of it.
    "CREATE INDEX deliveries_waiting ON deliveries (agency, seq) WHERE state IN ('QUEUED', 'SENT', 'UNKNOWN', 'DEAD')",
    "CREATE INDEX deliveries_complaint ON deliveries (complaint_id, seq)",
    "CREATE INDEX deliveries_seq ON deliveries (seq, id)",
    "CREATE INDEX deliveries_by_hand ON deliveries (seq, id) WHERE state = 'HAND_DELIVERY'",
    "CREATE INDEX idempotency_age ON idempotency (created_at)",
    "CREATE INDEX links_complaint ON links (complaint_id, seq)",
    "CREATE INDEX dismissals_complaint ON dismissals (complaint_id)",
    "CREATE INDEX reporters_complaint ON reporters (complaint_id)",
    "CREATE INDEX reporters_hash ON reporters (hash)",
    "CREATE INDEX complaint_references_key ON complaint_references (system, key)",
    "CREATE INDEX complaint_references_complaint ON complaint_references (complaint_id)",
    "CREATE INDEX audit_complaint ON audit (complaint_id) WHERE complaint_id IS NOT NULL",
)

_QUEUE = "(CASE WHEN breached <> 0 THEN 0 ELSE 1 END), (COALESCE(due_at, '9999-12-31T23:59:59.999Z'))"

#: What the public does not see lies in its own orders: they are merged for those who do.
_HIDDEN = tuple(
    f"CREATE INDEX complaints_hidden_{prefix}{name} ON complaints ({first}{terms}, id) WHERE NOT public"
    for prefix, first in (("", ""), ("agency_", "agency, "))
    for name, terms in (("updated_at", "updated_at"), ("submitted_at", "submitted_at"), ("queue", _QUEUE))
)

#: What records named before links were made of it: as `gateway.ledger.references` writes it.
_NAMED = {
    True: (
        "INSERT INTO complaint_references (id, complaint_id, system, key)"
        " SELECT c.id || '/' || r.key, c.id, lower(trim(json_extract(r.value, '$.system'))),"
        " trim(json_extract(r.value, '$.id'))"
        " FROM complaints c, json_each(c.external_references) r WHERE c.external_references <> '[]'"
        " AND length(json_extract(r.value, '$.system')) <= 200 AND length(json_extract(r.value, '$.id')) <= 400"
    ),
    False: (
        "INSERT INTO complaint_references (id, complaint_id, system, key)"
        " SELECT c.id || '/' || (r.n - 1), c.id, lower(trim(r.value ->> 'system') COLLATE \"C\"),"
        " trim(r.value ->> 'id')"
        " FROM complaints c, json_array_elements(c.external_references::json) WITH ORDINALITY AS r (value, n)"
        " WHERE c.external_references <> '[]'"
        " AND length(r.value ->> 'system') <= 200 AND length(r.value ->> 'id') <= 400"
    ),
}


def _statements(sqlite: bool) -> Iterator[str]:
    words = {"text": "", "bytes": "BLOB"} if sqlite else {"text": 'COLLATE "C"', "bytes": "BYTEA"}
    yield f"ALTER TABLE complaints ADD COLUMN routing TEXT {words['text']}"
    yield f"ALTER TABLE complaints ADD COLUMN sent TEXT {words['text']} NOT NULL DEFAULT '[]'"
    for table in _TABLES:
        yield table.format(**words)
    yield from _INDEXES
    yield from _HIDDEN
    yield _NAMED[sqlite]


async def forward(apps: Any, editor: Any) -> None:
    """Runs the statements as one transaction."""
    for statement in _statements(editor.client.capabilities.dialect == "sqlite"):
        await editor.client.execute_query(statement)  # not a script: SQLite's commit as they go


class CreateModel(ops.CreateModel):
    """Tells the models' history alone: `forward` makes the table, so that a killed migration leaves nothing."""

    async def database_forward(self, *args: Any, **options: Any) -> None:
        """Nothing."""


class AddField(ops.AddField):
    """Likewise."""

    async def database_forward(self, *args: Any, **options: Any) -> None:
        """Nothing."""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_pushes")]  # noqa: RUF012 - the base class types it
    operations = [  # noqa: RUF012 - the base class types it
        ops.RunPython(forward),
        CreateModel(
            name="AuditRow",
            fields=[
                ("seq", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("at", fields.CharField(max_length=24)),
                ("actor", fields.CharField(max_length=128)),
                ("action", fields.CharField(max_length=32)),
                ("outcome", fields.CharField(max_length=32)),
                ("complaint_id", fields.CharField(null=True, max_length=40)),
                ("other_id", fields.CharField(null=True, max_length=40)),
                ("delivery_id", fields.CharField(null=True, max_length=40)),
                ("ledger_seq", fields.BigIntField(description="The ledger's head right after it.")),
                ("body", fields.CharField(null=True, max_length=64)),
                ("previous", fields.CharField(max_length=64)),
                ("hash", fields.CharField(max_length=64)),
                ("signature", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "audit",
                "app": "ledger",
                "pk_attr": "seq",
                "table_description": "A write, or one that was refused: chained, and never changed.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="DeliveryRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("complaint_id", fields.CharField(max_length=40)),
                ("agency", fields.CharField(max_length=64)),
                ("kind", fields.CharField(max_length=16)),
                ("state", fields.CharField(max_length=16)),
                ("seq", fields.BigIntField(description="Of the event that queued it.")),
                ("entry", fields.IntField(null=True)),
                ("attempts", fields.IntField()),
                ("queued_at", fields.CharField(max_length=24)),
                ("sent_at", fields.CharField(null=True, max_length=24)),
                ("settled_at", fields.CharField(null=True, max_length=24)),
                ("next_attempt_at", fields.CharField(null=True, max_length=24)),
                ("native_id", fields.TextField(null=True, unique=False)),
                (
                    "error",
                    fields.TextField(null=True, description="`schema.agency.SourceProblem` as JSON.", unique=False),
                ),
                ("owner", fields.TextField(null=True, unique=False)),
                ("leased_until", fields.CharField(null=True, max_length=24)),
            ],
            options={
                "table": "deliveries",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "A write on its way to an agency.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="DismissalRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=88)),
                ("complaint_id", fields.CharField(max_length=40)),
                ("other_id", fields.CharField(max_length=40)),
                ("created_at", fields.CharField(max_length=24)),
            ],
            options={
                "table": "dismissals",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "Two complaints that an officer called no duplicates, as seen from one of them: two rows each.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="IdempotencyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("body", fields.CharField(null=True, max_length=64)),
                ("outcome", fields.TextField(description="`schema.writes.Outcome` as JSON.", unique=False)),
                ("seq", fields.BigIntField(description="The head right after it.")),
                ("created_at", fields.CharField(max_length=24)),
            ],
            options={
                "table": "idempotency",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "A write that was done, for as long as it may be sent again. Keyed hashes and ids only.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="KeyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("hash", fields.CharField(unique=True, max_length=64)),
                ("name", fields.TextField(unique=False)),
                ("role", fields.CharField(max_length=24)),
                ("agencies", fields.TextField(description="Slugs, as JSON.", unique=False)),
                ("created_at", fields.CharField(max_length=24)),
                ("expires_at", fields.CharField(null=True, max_length=24)),
                ("revoked_at", fields.CharField(null=True, max_length=24)),
            ],
            options={
                "table": "keys",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "An operator's key, by its hash.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="LinkRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=104)),
                ("complaint_id", fields.CharField(max_length=40)),
                ("other_id", fields.CharField(max_length=40)),
                ("kind", fields.CharField(max_length=16)),
                ("created_at", fields.CharField(max_length=24)),
                ("confidence", fields.FloatField()),
                ("seq", fields.BigIntField(description="The head when it was made.")),
            ],
            options={
                "table": "links",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "Two records of one matter, as seen from one of them: each link is two rows.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="ReferenceRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=48)),
                ("complaint_id", fields.CharField(max_length=40)),
                ("system", fields.TextField(description="In lower case.", unique=False)),
                ("key", fields.TextField(unique=False)),
            ],
            options={
                "table": "complaint_references",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "A number of another system that a complaint's record names.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="ReporterRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=112)),
                ("hash", fields.CharField(max_length=64)),
                ("complaint_id", fields.CharField(max_length=40)),
            ],
            options={
                "table": "reporters",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "Which complaints a reporter's token opens.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="SealedRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("content", fields.BinaryField()),
            ],
            options={
                "table": "sealed",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "What a delivery needs and no snapshot may keep, encrypted. It goes when the delivery is settled.",
            },
            bases=["Model"],
        ),
        AddField(
            model_name="ComplaintRow",
            name="routing",
            field=fields.TextField(
                null=True,
                description="`schema.complaint.Routed` as JSON; None where it was not written here.",
                unique=False,
            ),
        ),
        AddField(
            model_name="ComplaintRow",
            name="sent",
            field=fields.TextField(
                default="[]", description="JSON, as the records of `schema.complaint`.", unique=False
            ),
        ),
    ]
