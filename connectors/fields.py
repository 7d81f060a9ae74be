"""Where in a raw record each field of a complaint stands: the tables of JMESPath expressions in an agency's file."""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. Kinds derive their own settings from it too."""


class Fields(Section, frozen=True, kw_only=True):
    """`[fields]`: JMESPath from a raw record to a field of `ComplaintRecord`.

    `status`, `classification`, `category`, `channel`, `region` and `status_actor` are looked up in the maps of that
    name; `status_label` and `status_code` are kept as the native status; `native_category` is the category in words.
    `reference` is the key under which the hub wrote the record, where the agency keeps it.
    """

    native_id: str | None = None
    tracking_id: str | None = None
    url: str | None = None
    status: str | None = None
    status_label: str | None = None
    status_code: str | None = None
    status_actor: str | None = None
    status_reason: str | None = None
    status_changed_at: str | None = None
    title: str | None = None
    original_text: str | None = None
    edited_text: str | None = None
    classification: str | None = None
    category: str | None = None
    native_category: str | None = None
    channel: str | None = None
    native_channel: str | None = None
    tags: str | None = None
    incident_date: str | None = None
    region: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    address: str | None = None
    is_anonymous: str | None = None
    is_confidential: str | None = None
    reporter_name: str | None = None
    reporter_phone: str | None = None
    reporter_email: str | None = None
    submitted_at: str | None = None
    updated_at: str | None = None
    closed_at: str | None = None
    owner_agency: str | None = None
    owner_agency_id: str | None = None
    reference: str | None = None


class TimelineFields(Section, frozen=True, kw_only=True):
    """`[timeline]`: the agency's status log. `records` is a JMESPath in the record, the others in one entry of it."""

    records: str
    status: str
    at: str
    label: str | None = None
    code: str | None = None
    note: str | None = None
    actor: str | None = None


class FollowUpFields(Section, frozen=True, kw_only=True):
    """`[follow_ups]`. `kind` is looked up in `[follow_up_kind]`; without one an entry is PROGRESS."""

    records: str
    at: str
    content: str | None = None
    kind: str | None = None
    actor: str | None = None
    from_name: str | None = None
    from_id: str | None = None
    to_name: str | None = None
    to_id: str | None = None
    is_confidential: str | None = None


class DispositionFields(Section, frozen=True, kw_only=True):
    """`[dispositions]`."""

    records: str
    at: str
    to_name: str
    to_id: str | None = None
    from_name: str | None = None
    from_id: str | None = None
    note: str | None = None
    is_not_authority: str | None = None


class RatingFields(Section, frozen=True, kw_only=True):
    """`[ratings]`. `source` is looked up in `[rating_source]`; without one it is CITIZEN."""

    records: str
    score: str
    at: str
    source: str | None = None
    comment: str | None = None


class AttachmentFields(Section, frozen=True, kw_only=True):
    """`[attachments]`. `byte_size` in bytes."""

    records: str
    url: str
    filename: str | None = None
    content_type: str | None = None
    byte_size: str | None = None


class InstitutionFields(Section, frozen=True, kw_only=True):
    """`[assigned_agencies]` and `[copied_agencies]`."""

    records: str
    name: str
    id: str | None = None


class ReferenceFields(Section, frozen=True, kw_only=True):
    """`[external_references]`: keys of the same matter in other systems."""

    records: str
    system: str
    id: str
    url: str | None = None
    synced_at: str | None = None
