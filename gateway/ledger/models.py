"""The tables. Tortoise keeps models and migrations; hot reads and all writes go through own connections.

Moments are text, RFC 3339 in UTC with milliseconds (`2021-03-23T05:12:00.000Z`): they sort as they read, are the same
on both databases and go into an answer as they are. Nested lists are JSON text, as msgspec writes the records of
`schema.complaint`.
"""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class HeadRow(Model):
    """The one row whose lock orders all writers."""

    id = fields.SmallIntField(primary_key=True, generated=False)
    epoch = fields.CharField(max_length=32)
    seq = fields.BigIntField(default=0)
    #: Counts every `report`, and whatever else moves `synced_at` or the quarantine: what no event tells of.
    health = fields.BigIntField(default=0)
    #: Counts the changes of what the agencies' files say.
    facts = fields.BigIntField(default=0)
    #: Counts the other changes of complaints that no event tells of.
    derived = fields.BigIntField(default=0)

    class Meta:
        table = "head"


class StampRow(Model):
    """The newest seq of one agency's events, by who could see them: `public`, `hidden` or `health`."""

    id = fields.CharField(max_length=96, primary_key=True)  # "<agency>/<visibility>"
    agency = fields.CharField(max_length=64)
    visibility = fields.CharField(max_length=16)
    seq = fields.BigIntField()

    class Meta:
        table = "stamps"


class EventRow(Model):
    """One fact. Ids, field names and non-personal values only, never text."""

    seq = fields.BigIntField(primary_key=True, generated=False)
    #: None for kind SOURCE_CHANGED, the agency's own change of state (not a graph event kind).
    complaint_id = fields.CharField(max_length=40, null=True)
    version = fields.IntField(default=0)
    kind = fields.CharField(max_length=24)
    agency = fields.CharField(max_length=64)
    origin = fields.CharField(max_length=16)
    actor_role = fields.CharField(max_length=24, null=True)
    actor_agency = fields.CharField(max_length=64, null=True)
    #: The complaint right after this event, for filters.
    status = fields.CharField(max_length=24, null=True)
    region_code = fields.CharField(max_length=16, null=True)
    classification = fields.CharField(max_length=48, null=True)
    category = fields.CharField(max_length=160, null=True)
    #: Whether the public could see the complaint just before and right after.
    public_before = fields.BooleanField()
    public_after = fields.BooleanField()
    occurred_at = fields.CharField(max_length=24)
    recorded_at = fields.CharField(max_length=24)
    #: `schema.events.EventDetail` as JSON.
    detail = fields.TextField()

    class Meta:
        table = "events"


class ComplaintRow(Model):
    """The snapshot of one complaint."""

    id = fields.CharField(max_length=40, primary_key=True)
    agency = fields.CharField(max_length=64)
    level = fields.CharField(max_length=16)
    native_id = fields.TextField(null=True)
    generation = fields.IntField(default=0)
    tracking_id = fields.TextField()
    version = fields.IntField()
    #: The newest event that touched it.
    seq = fields.BigIntField()
    #: Not confidential.
    public = fields.BooleanField()
    url = fields.TextField(null=True)
    content_state = fields.CharField(max_length=16)
    status = fields.CharField(max_length=24)
    native_status_code = fields.TextField(null=True)
    native_status_label = fields.TextField(null=True)
    status_actor = fields.CharField(max_length=24, null=True)
    status_reason = fields.TextField(null=True)
    status_changed_at = fields.CharField(max_length=24)
    title = fields.TextField(null=True)
    original_text = fields.TextField(null=True)
    edited_text = fields.TextField(null=True)
    classification = fields.CharField(max_length=48, null=True)
    category = fields.CharField(max_length=160, null=True)
    #: The category's topmost ancestor.
    top_category = fields.CharField(max_length=160, null=True)
    native_category = fields.TextField(null=True)
    channel = fields.CharField(max_length=24)
    native_channel = fields.TextField(null=True)
    incident_date = fields.CharField(max_length=10, null=True)
    region_code = fields.CharField(max_length=16, null=True)
    #: First group and first two groups of `region_code`.
    province = fields.CharField(max_length=2, null=True)
    regency = fields.CharField(max_length=5, null=True)
    latitude = fields.FloatField(null=True)
    longitude = fields.FloatField(null=True)
    address = fields.TextField(null=True)
    is_anonymous = fields.BooleanField()
    submitted_at = fields.CharField(max_length=24)
    #: First day of the month of submission, WIB: `2021-03-01`.
    submitted_month = fields.CharField(max_length=10)
    updated_at = fields.CharField(max_length=24)
    closed_at = fields.CharField(max_length=24, null=True)
    synced_at = fields.CharField(max_length=24, null=True)
    due_at = fields.CharField(max_length=24, null=True)
    #: The earliest `due_at` of running clocks that are not yet breached: what `tick` looks for.
    next_breach_at = fields.CharField(max_length=24, null=True)
    #: `rows.CLOCK_BITS` of breached clocks that have not stopped (overdue: not 0).
    breached = fields.SmallIntField(default=0)
    days_to_first_follow_up = fields.FloatField(null=True)
    days_to_close = fields.FloatField(null=True)
    #: The rating shown, unless it is AUTO.
    rating_score = fields.SmallIntField(null=True)
    #: JSON, as the records of `schema.complaint`.
    tags = fields.TextField()
    owner_agency = fields.TextField(null=True)
    assigned_agencies = fields.TextField()
    copied_agencies = fields.TextField()
    dispositions = fields.TextField()
    timeline = fields.TextField()
    follow_ups = fields.TextField()
    ratings = fields.TextField()
    clocks = fields.TextField()
    attachments = fields.TextField()
    external_references = fields.TextField()
    #: `schema.complaint.Routed` as JSON; None where it was not written here.
    routing = fields.TextField(null=True)
    #: JSON, as the records of `schema.complaint`.
    sent = fields.TextField(default="[]")

    class Meta:
        table = "complaints"


class AssignmentRow(Model):
    """Agencies (slugs) that must act on a complaint now."""

    id = fields.CharField(max_length=120, primary_key=True)  # "<agency>/<complaint id>"
    agency = fields.CharField(max_length=64)
    complaint_id = fields.CharField(max_length=40)

    class Meta:
        table = "assignments"


class AgencyRow(Model):
    """An agency, as its file says it, and the health of its source as of the last attempt."""

    id = fields.CharField(max_length=64, primary_key=True)
    #: `schema.agency.Agency` and `schema.agency.SourceReport` as JSON.
    facts = fields.TextField()
    report = fields.TextField(null=True)
    #: The connector's own state between harvests.
    harvest = fields.BinaryField(null=True)

    class Meta:
        table = "agencies"


class QuarantineRow(Model):
    """A record that could not be read: its shape and the reason, never its values."""

    id = fields.CharField(max_length=160, primary_key=True)  # "<agency>/<digest>"
    agency = fields.CharField(max_length=64)
    native_id = fields.TextField(null=True)
    reason = fields.TextField()
    shape = fields.TextField()
    first_seen_at = fields.CharField(max_length=24)
    last_seen_at = fields.CharField(max_length=24)

    class Meta:
        table = "quarantine"


class PushRow(Model):
    """What an agency sent by itself, for as long as it could be sent again."""

    id = fields.CharField(max_length=264, primary_key=True)  # "<agency>/<webhook-id>"
    agency = fields.CharField(max_length=64)
    received_at = fields.CharField(max_length=24)
    #: Kept for the sender.
    cursor = fields.TextField(null=True)
    #: What the sender was told: JSON.
    answer = fields.TextField()

    class Meta:
        table = "pushes"


class DeliveryRow(Model):
    """A write on its way to an agency."""

    id = fields.CharField(max_length=40, primary_key=True)
    complaint_id = fields.CharField(max_length=40)
    agency = fields.CharField(max_length=64)
    kind = fields.CharField(max_length=16)
    state = fields.CharField(max_length=16)
    #: Of the event that queued it.
    seq = fields.BigIntField()
    entry = fields.IntField(null=True)
    attempts = fields.IntField()
    queued_at = fields.CharField(max_length=24)
    sent_at = fields.CharField(max_length=24, null=True)
    settled_at = fields.CharField(max_length=24, null=True)
    next_attempt_at = fields.CharField(max_length=24, null=True)
    native_id = fields.TextField(null=True)
    #: `schema.agency.SourceProblem` as JSON.
    error = fields.TextField(null=True)
    owner = fields.TextField(null=True)
    leased_until = fields.CharField(max_length=24, null=True)

    class Meta:
        table = "deliveries"


class SealedRow(Model):
    """What a delivery needs and no snapshot may keep, encrypted. It goes when the delivery is settled."""

    id = fields.CharField(max_length=40, primary_key=True)  # the delivery's
    content = fields.BinaryField()

    class Meta:
        table = "sealed"


class IdempotencyRow(Model):
    """A write that was done, for as long as it may be sent again. Keyed hashes and ids only."""

    id = fields.CharField(max_length=64, primary_key=True)  # hash of credential, action and key
    body = fields.CharField(max_length=64, null=True)
    #: `schema.writes.Outcome` as JSON.
    outcome = fields.TextField()
    #: The head right after it.
    seq = fields.BigIntField()
    created_at = fields.CharField(max_length=24)

    class Meta:
        table = "idempotency"


class LinkRow(Model):
    """Two records of one matter, as seen from one of them: each link is two rows."""

    id = fields.CharField(max_length=104, primary_key=True)  # "<complaint>/<kind>/<other>"
    complaint_id = fields.CharField(max_length=40)
    other_id = fields.CharField(max_length=40)
    kind = fields.CharField(max_length=16)
    created_at = fields.CharField(max_length=24)
    confidence = fields.FloatField()
    #: The head when it was made.
    seq = fields.BigIntField()

    class Meta:
        table = "links"


class DismissalRow(Model):
    """Two complaints that an officer called no duplicates, as seen from one of them: two rows each."""

    id = fields.CharField(max_length=88, primary_key=True)  # "<complaint>/<other>"
    complaint_id = fields.CharField(max_length=40)
    other_id = fields.CharField(max_length=40)
    created_at = fields.CharField(max_length=24)

    class Meta:
        table = "dismissals"


class ReporterRow(Model):
    """Which complaints a reporter's token opens."""

    id = fields.CharField(max_length=112, primary_key=True)  # "<hash>/<complaint>"
    hash = fields.CharField(max_length=64)
    complaint_id = fields.CharField(max_length=40)

    class Meta:
        table = "reporters"


class ReferenceRow(Model):
    """A number of another system that a complaint's record names."""

    id = fields.CharField(max_length=48, primary_key=True)  # "<complaint>/<place in external_references>"
    complaint_id = fields.CharField(max_length=40)
    #: In lower case.
    system = fields.TextField()
    key = fields.TextField()

    class Meta:
        table = "complaint_references"


class KeyRow(Model):
    """An operator's key, by its hash."""

    id = fields.CharField(max_length=40, primary_key=True)
    hash = fields.CharField(max_length=64, unique=True)
    name = fields.TextField()
    role = fields.CharField(max_length=24)
    #: Slugs, as JSON.
    agencies = fields.TextField()
    #: What it may do, as JSON; None: all that its role may.
    operations = fields.TextField(null=True)
    created_at = fields.CharField(max_length=24)
    expires_at = fields.CharField(max_length=24, null=True)
    revoked_at = fields.CharField(max_length=24, null=True)

    class Meta:
        table = "keys"


class AuditRow(Model):
    """A write, or one that was refused: chained, and never changed."""

    seq = fields.BigIntField(primary_key=True, generated=False)
    at = fields.CharField(max_length=24)
    actor = fields.CharField(max_length=128)
    action = fields.CharField(max_length=32)
    outcome = fields.CharField(max_length=32)
    complaint_id = fields.CharField(max_length=40, null=True)
    other_id = fields.CharField(max_length=40, null=True)
    delivery_id = fields.CharField(max_length=40, null=True)
    #: The ledger's head right after it.
    ledger_seq = fields.BigIntField()
    body = fields.CharField(max_length=64, null=True)
    previous = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)
    signature = fields.TextField(null=True)

    class Meta:
        table = "audit"


class IdentityRow(Model):
    """Who reported a complaint, encrypted: kept where the agency's file asks for it, until its purpose ends."""

    id = fields.CharField(max_length=40, primary_key=True)  # of the complaint
    content = fields.BinaryField()
    created_at = fields.CharField(max_length=24)

    class Meta:
        table = "identities"


class SubjectRow(Model):
    """What somebody asked for whose data it is, and what must outlast any harvest: by keyed hashes alone."""

    id = fields.CharField(max_length=64, primary_key=True)
    #: ERASE or RESTRICT.
    wish = fields.CharField(max_length=12)
    created_at = fields.CharField(max_length=24)

    class Meta:
        table = "subjects"
