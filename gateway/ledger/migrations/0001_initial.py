# ruff: noqa: E501 - made by makemigrations: each description is a comment of the models
"""The tables."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations = [  # noqa: RUF012 - the base class types it
        ops.CreateModel(
            name="AgencyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                (
                    "facts",
                    fields.TextField(
                        description="`schema.agency.Agency` and `schema.agency.SourceReport` as JSON.", unique=False
                    ),
                ),
                ("report", fields.TextField(null=True, unique=False)),
                ("harvest", fields.BinaryField(null=True, description="The connector's own state between harvests.")),
            ],
            options={
                "table": "agencies",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "An agency, as its file says it, and the health of its source as of the last attempt.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AssignmentRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=120)),
                ("agency", fields.CharField(max_length=64)),
                ("complaint_id", fields.CharField(max_length=40)),
            ],
            options={
                "table": "assignments",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "Agencies (slugs) that must act on a complaint now.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ComplaintRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("agency", fields.CharField(max_length=64)),
                ("level", fields.CharField(max_length=16)),
                ("native_id", fields.TextField(null=True, unique=False)),
                ("generation", fields.IntField(default=0)),
                ("tracking_id", fields.TextField(unique=False)),
                ("version", fields.IntField()),
                ("seq", fields.BigIntField(description="The newest event that touched it.")),
                ("public", fields.BooleanField(description="Not confidential.")),
                ("url", fields.TextField(null=True, unique=False)),
                ("content_state", fields.CharField(max_length=16)),
                ("status", fields.CharField(max_length=24)),
                ("native_status_code", fields.TextField(null=True, unique=False)),
                ("native_status_label", fields.TextField(null=True, unique=False)),
                ("status_actor", fields.CharField(null=True, max_length=24)),
                ("status_reason", fields.TextField(null=True, unique=False)),
                ("status_changed_at", fields.CharField(max_length=24)),
                ("title", fields.TextField(null=True, unique=False)),
                ("original_text", fields.TextField(null=True, unique=False)),
                ("edited_text", fields.TextField(null=True, unique=False)),
                ("classification", fields.CharField(null=True, max_length=48)),
                ("category", fields.CharField(null=True, max_length=160)),
                (
                    "top_category",
                    fields.CharField(null=True, description="The category's topmost ancestor.", max_length=160),
                ),
                ("native_category", fields.TextField(null=True, unique=False)),
                ("channel", fields.CharField(max_length=24)),
                ("native_channel", fields.TextField(null=True, unique=False)),
                ("incident_date", fields.CharField(null=True, max_length=10)),
                ("region_code", fields.CharField(null=True, max_length=16)),
                (
                    "province",
                    fields.CharField(
                        null=True, description="First group and first two groups of `region_code`.", max_length=2
                    ),
                ),
                ("regency", fields.CharField(null=True, max_length=5)),
                ("latitude", fields.FloatField(null=True)),
                ("longitude", fields.FloatField(null=True)),
                ("address", fields.TextField(null=True, unique=False)),
                ("is_anonymous", fields.BooleanField()),
                ("submitted_at", fields.CharField(max_length=24)),
                (
                    "submitted_month",
                    fields.CharField(
                        description="First day of the month of submission, WIB: `2021-03-01`.", max_length=10
                    ),
                ),
                ("updated_at", fields.CharField(max_length=24)),
                ("closed_at", fields.CharField(null=True, max_length=24)),
                ("synced_at", fields.CharField(null=True, max_length=24)),
                ("due_at", fields.CharField(null=True, max_length=24)),
                (
                    "next_breach_at",
                    fields.CharField(
                        null=True,
                        description="The earliest `due_at` of running clocks that are not yet breached: what `tick` looks for.",
                        max_length=24,
                    ),
                ),
                (
                    "breached",
                    fields.SmallIntField(
                        default=0,
                        description="`rows.CLOCK_BITS` of breached clocks that have not stopped (overdue: not 0).",
                    ),
                ),
                ("days_to_first_follow_up", fields.FloatField(null=True)),
                ("days_to_close", fields.FloatField(null=True)),
                ("rating_score", fields.SmallIntField(null=True, description="The rating shown, unless it is AUTO.")),
                ("tags", fields.TextField(description="JSON, as the records of `schema.complaint`.", unique=False)),
                ("owner_agency", fields.TextField(null=True, unique=False)),
                ("assigned_agencies", fields.TextField(unique=False)),
                ("copied_agencies", fields.TextField(unique=False)),
                ("dispositions", fields.TextField(unique=False)),
                ("timeline", fields.TextField(unique=False)),
                ("follow_ups", fields.TextField(unique=False)),
                ("ratings", fields.TextField(unique=False)),
                ("clocks", fields.TextField(unique=False)),
                ("attachments", fields.TextField(unique=False)),
                ("external_references", fields.TextField(unique=False)),
            ],
            options={
                "table": "complaints",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "The snapshot of one complaint.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EventRow",
            fields=[
                ("seq", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                (
                    "complaint_id",
                    fields.CharField(
                        null=True,
                        description="None for kind SOURCE_CHANGED, the agency's own change of state (not a graph event kind).",
                        max_length=40,
                    ),
                ),
                ("version", fields.IntField(default=0)),
                ("kind", fields.CharField(max_length=24)),
                ("agency", fields.CharField(max_length=64)),
                ("origin", fields.CharField(max_length=16)),
                ("actor_role", fields.CharField(null=True, max_length=24)),
                ("actor_agency", fields.CharField(null=True, max_length=64)),
                (
                    "status",
                    fields.CharField(
                        null=True, description="The complaint right after this event, for filters.", max_length=24
                    ),
                ),
                ("region_code", fields.CharField(null=True, max_length=16)),
                ("classification", fields.CharField(null=True, max_length=48)),
                ("category", fields.CharField(null=True, max_length=160)),
                (
                    "public_before",
                    fields.BooleanField(
                        description="Whether the public could see the complaint just before and right after."
                    ),
                ),
                ("public_after", fields.BooleanField()),
                ("occurred_at", fields.CharField(max_length=24)),
                ("recorded_at", fields.CharField(max_length=24)),
                ("detail", fields.TextField(description="`schema.events.EventDetail` as JSON.", unique=False)),
            ],
            options={
                "table": "events",
                "app": "ledger",
                "pk_attr": "seq",
                "table_description": "One fact. Ids, field names and non-personal values only, never text.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HeadRow",
            fields=[
                ("id", fields.SmallIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("epoch", fields.CharField(max_length=32)),
                ("seq", fields.BigIntField(default=0)),
                (
                    "health",
                    fields.BigIntField(
                        default=0, description="Counts every `report`, for caches of answers that show source health."
                    ),
                ),
            ],
            options={
                "table": "head",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "The one row whose lock orders all writers.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="QuarantineRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=160)),
                ("agency", fields.CharField(max_length=64)),
                ("native_id", fields.TextField(null=True, unique=False)),
                ("reason", fields.TextField(unique=False)),
                ("shape", fields.TextField(unique=False)),
                ("first_seen_at", fields.CharField(max_length=24)),
                ("last_seen_at", fields.CharField(max_length=24)),
            ],
            options={
                "table": "quarantine",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "A record that could not be read: its shape and the reason, never its values.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="StampRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=96)),
                ("agency", fields.CharField(max_length=64)),
                ("visibility", fields.CharField(max_length=16)),
                ("seq", fields.BigIntField()),
            ],
            options={
                "table": "stamps",
                "app": "ledger",
                "pk_attr": "id",
                "table_description": "The newest seq of one agency's events, by who could see them: `public`, `hidden` or `health`.",
            },
            bases=["Model"],
        ),
    ]
