# ruff: noqa: E501 - made by makemigrations: each description is a comment of the models
"""What keys may do, who reported what, and what those concerned asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLES = (
    """
    CREATE TABLE identities (
        id VARCHAR(40) {text} NOT NULL PRIMARY KEY,
        content {bytes} NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL
    )
    """,
    """
    CREATE TABLE subjects (
        id VARCHAR(64) {text} NOT NULL PRIMARY KEY,
        wish VARCHAR(12) {text} NOT NULL,
        created_at VARCHAR(24) {text} NOT NULL
    )
    """,
)


def _statements(sqlite: bool) -> Iterator[str]:
    words = {"text": "", "bytes": "BLOB"} if sqlite else {"text": 'COLLATE "C"', "bytes": "BYTEA"}
    yield f"ALTER TABLE keys ADD COLUMN operations TEXT {words['text']}"
    for table in _TABLES:
        yield table.format(**words)


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
    dependencies = [("ledger", "0005_writes")]  # noqa: RUF012 - the base class types it
    operations = [  # noqa: RUF012 - the base class types it
        ops.RunPython(forward),
        CreateModel(
            name="IdentityRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("content", fields.BinaryField()),
                ("created_at", fields.CharField(max_length=24)),
            ],
            options={
                "table": "identities",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "Who reported a complaint, encrypted: kept where the agency's file asks for it, until its purpose ends.",
            },
            bases=["Model"],
        ),
        CreateModel(
            name="SubjectRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("wish", fields.CharField(description="ERASE or RESTRICT.", max_length=12)),
                ("created_at", fields.CharField(max_length=24)),
            ],
            options={
                "table": "subjects",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "What somebody asked for whose data it is, and what must outlast any harvest: by keyed hashes alone.",
            },
            bases=["Model"],
        ),
        AddField(
            model_name="KeyRow",
            name="operations",
            field=fields.TextField(
                null=True, description="What it may do, as JSON; None: all that its role may.", unique=False
            ),
        ),
    ]
