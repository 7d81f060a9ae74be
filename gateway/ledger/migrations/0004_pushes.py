"""What agencies sent by themselves, so that nothing is applied twice."""

from __future__ import annotations

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLE = """
CREATE TABLE pushes (
    id VARCHAR(264) {text} NOT NULL PRIMARY KEY,
    agency VARCHAR(64) {text} NOT NULL,
    received_at VARCHAR(24) {text} NOT NULL,
    cursor TEXT,
    answer TEXT NOT NULL
)
"""


async def forward(apps: Any, editor: Any) -> None:
    """Runs the statements as one transaction."""
    sqlite = editor.client.capabilities.dialect == "sqlite"
    await editor.client.execute_query(_TABLE.format(text="" if sqlite else 'COLLATE "C"'))
    await editor.client.execute_query("CREATE INDEX pushes_newest ON pushes (agency, received_at)")


class CreateModel(ops.CreateModel):
    """Tells the models' history alone: `forward` makes the table, so that a killed migration leaves nothing."""

    async def database_forward(self, *args: Any, **options: Any) -> None:
        """Nothing."""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_versions_and_counters")]  # noqa: RUF012 - the base class types it
    operations = [  # noqa: RUF012 - the base class types it
        ops.RunPython(forward),
        CreateModel(
            name="PushRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=264)),
                ("agency", fields.CharField(max_length=64)),
                ("received_at", fields.CharField(max_length=24)),
                ("cursor", fields.TextField(null=True, unique=False, description="Kept for the sender.")),
                ("answer", fields.TextField(unique=False, description="What the sender was told: JSON.")),
            ],
            options={
                "table": "pushes",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "What an agency sent by itself, for as long as it could be sent again.",
            },
            bases=["Model"],
        ),
    ]
