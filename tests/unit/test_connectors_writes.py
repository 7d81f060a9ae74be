"""The tables that say how an agency is written to: what they make of a write, and what is said of mistakes in them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.manifest import parse_manifest
from connectors.native import NativeWords
from connectors.registry import completed, connect
from connectors.secrets import Secrets
from connectors.template import PathTemplate, Template
from connectors.wording import Wording
from connectors.words import Words, read_words
from schema.complaint import (
    Actor,
    AgencyReference,
    Channel,
    Classification,
    Complaint,
    Disposition,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    StatusEvent,
)
from schema.connector import Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import ConfigError, MappingFailure
from schema.status import ActorRole, ComplaintStatus

NOON = datetime(2026, 5, 4, 5, 0, tzinfo=UTC)
HEAD = """name = "Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "{kind}"
[http]
url = "https://contoh.example"
[fields]
native_id = "id"
status = "status"
[dates]
formats = ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
[status]
"Baru Masuk" = "SUBMITTED"
"lama*" = "SUBMITTED"
"ditutup sistem" = "CLOSED by SYSTEM"
"Selesai" = "CLOSED"
[category]
"INF" = "infrastruktur"
"INF-1" = "infrastruktur.jalan-berlubang"
[agencies]
"Provinsi" = "prov-banten"
[writes]
"""
REST = (
    HEAD.format(kind="rest")
    + """[rest]
list = "/aduan"
records = "items"
[rest.writes.submit]
path = "/aduan"
body = { judul = "title", acuan = "reference" }
native_id = "id"
find = { path = "/aduan", params = { acuan = "reference" }, records = "items", reference = "acuan", native_id = "id" }
"""
)
GRAPHQL = (
    HEAD.format(kind="graphql")
    + """[graphql]
query = "{ aduan { id } }"
records = "aduan"
[graphql.writes.submit]
mutation = "mutation ($judul: String!, $acuan: String) { lapor(judul: $judul, acuan: $acuan) { id } }"
variables = { judul = "title", acuan = "reference" }
native_id = "lapor.id"
[graphql.writes.submit.find]
query = "query ($acuan: String) { cari(acuan: $acuan) { id acuan } }"
variables = { acuan = "reference" }
records = "cari"
reference = "acuan"
native_id = "id"
"""
)


def read(text: str) -> frozenset[DeliveryKind]:
    return completed(parse_manifest(text, slug="kab-contoh", file="kab-contoh.toml")).takes


def test_what_a_file_describes_is_taken_by_machine() -> None:
    assert read(REST) == read(GRAPHQL) == {DeliveryKind.SUBMIT}
    assert read(REST.replace("[writes]\n", "").partition("[rest.writes")[0]) == frozenset()


def test_the_example_in_the_docs_is_one() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text(encoding="utf-8")
    example = docs.partition("## Writes by tables")[2].split("```")[1].removeprefix("toml")
    fields = '[fields]\nnative_id = "id"\nstatus = "status"\n'
    head = HEAD.format(kind="rest").replace(
        "[writes]\n", '[rest]\nlist = "/aduan"\nrecords = "items"\nfetch = "/{id}"\n'
    )
    text = head.replace(fields, "") + example.replace("[fields]\n", fields)
    assert read(text) == {DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP}


def test_who_sends_can_be_written_to_by_the_tables_of_its_backfill() -> None:
    text = REST.replace('kind = "rest"', 'kind = "webhook"').replace("[rest", "[webhook.backfill")
    text = text.replace('status = "status"\n', 'status = "status"\nupdated_at = "updated"\n')
    text = text.replace("[writes]\n", '[writes]\n[webhook]\nsecrets = ["env:A"]\n')
    assert read(text) == {DeliveryKind.SUBMIT}
    connector = connect(parse_manifest(text, slug="kab-contoh", file="x"), Secrets({"A": "0123456789abcdef"}))
    assert isinstance(connector, Sender)
    assert connector.writes == connector.finds == {DeliveryKind.SUBMIT}
    with pytest.raises(ConfigError, match=r":32: rest\.writes\.submit\.body\.judul: knows no titel"):
        read(text.replace('judul = "title"', 'judul = "titel"'))


MISTAKES = [
    (REST, ('judul = "title"', 'judul = "titel"'), "kab-contoh.toml:29: rest.writes.submit.body.judul: knows no titel"),
    (REST, ('judul = "title"', 'judul = "titel"'), "(allowed: address, at, category"),
    (REST, ('judul = "title"', 'judul = "reporter.nik"'), "knows no reporter.nik (allowed: email, name, phone)"),
    (REST, ('judul = "title"', 'judul = "title ||"'), "is not a JMESPath expression"),
    (REST, ('judul = "title"', 'judul = "score"'), "knows no score"),
    (REST, ('judul = "title"', "judul = 2026-05-04"), "can't be sent (allowed: an expression in quotes, number"),
    (
        REST,
        ('path = "/aduan"\nbody', 'path = "/aduan/{native_id}"\nbody'),
        "knows no {native_id} (allowed: {reference})",
    ),
    (REST, ('path = "/aduan"\nbody', 'path = "/aduan/{reference"\nbody'), "a brace has no partner"),
    (REST, ('native_id = "id"\nfind', "find"), "submit.native_id: is missing: the record would not be known again"),
    (REST, ('native_id = "id"\nfind', 'native_id = "id["\nfind'), "submit.native_id: is not a JMESPath"),
    (REST, (', acuan = "reference" }\nnative', " }\nnative"), "looks for a reference that the write does not send"),
    (REST, ('params = { acuan = "reference" }, ', ""), "would ask for everything"),
    (REST, ('reference = "acuan"', 'reference = "acuan["'), "submit.find.reference: is not a JMESPath"),
    (REST, ('records = "items", reference = "acuan", ', 'records = "items", '), "submit.find.reference: is missing"),
    (REST, ("[rest.writes.submit]", "[rest.writes.sumbit]"), "rest.writes.sumbit: is not known here"),
    (REST, ("[rest.writes.submit]", "[rest.writes.rating]"), "does not use native_id"),
    (REST, ("body =", 'method = "GET"\nbody ='), "(allowed: POST, PUT, PATCH, DELETE)"),
    (REST, ("body =", 'method = "DELETE"\nbody ='), "a DELETE has no body"),
    (REST, ("body = { ", "form = true\nbody = { a = { b = 1 }, "), "submit.body.a: a form holds no tables"),
    (REST, ("body =", 'idempotency = "Kunci Ganda"\nbody ='), "submit.idempotency: is not a header's name"),
    (REST, ("[writes]\n", ""), "writes: is missing: [writes] says that the agency takes writes"),
    (REST, ("[writes]\n", "[writes]\nconfirm = true\n"), "rest.fetch: is missing: `writes.confirm` reads new records"),
    (REST, ("[writes]\n", "[writes]\nsettle = 3\n"), "writes.settle: is not known here"),
    (REST.partition("[rest.writes")[0], ("", ""), "rest.writes: is missing: it says how the agency is written to"),
    (GRAPHQL, ("mutation (", "query ("), "submit.mutation: is a query (allowed: mutation)"),
    (GRAPHQL, ('query = "query', 'query = "mutation'), "submit.find.query: is a mutation"),
    (GRAPHQL, ('acuan = "reference" }\nnative', 'acu = "reference" }\nnative'), "does not declare $acu"),
    (GRAPHQL, ('judul = "title"', 'judul = "judul"'), "graphql.writes.submit.variables.judul: knows no judul"),
]


@pytest.mark.parametrize(("text", "change", "said"), MISTAKES, ids=[said[-30:] for *_, said in MISTAKES])
def test_mistakes_are_told_with_line_key_and_what_is_allowed(text: str, change: tuple[str, str], said: str) -> None:
    assert change[0] in text
    with pytest.raises(ConfigError) as raised:
        read(text.replace(*change, 1) if change[0] else text)
    assert said in str(raised.value)
    assert raised.value.file == "kab-contoh.toml"


def complaint(**fields: Any) -> Complaint:
    told: dict[str, Any] = {
        "id": "complaint_1",
        "agency": "kab-contoh",
        "native_id": None,
        "tracking_id": "SMP-0000-0000-0001",
        "status": ComplaintStatus.SUBMITTED,
        "submitted_at": NOON,
        "updated_at": NOON,
        "status_changed_at": NOON,
    }
    return Complaint(**{**told, **fields})


def names(write: Write) -> dict[str, Any]:
    return Wording(parse_manifest(REST, slug="kab-contoh", file="kab-contoh.toml")).names(write)


def test_a_complaint_in_the_agencys_words() -> None:
    of = complaint(
        title="Jalan rusak",
        original_text="Asli",
        edited_text="Suntingan",
        category="infrastruktur.trotoar",
        classification=Classification.ASPIRASI,
        channel=Channel.WEBSITE,
        incident_date=date(2026, 5, 2),
        incident_location=IncidentLocation(region_code="36.03.01"),
    )
    found = names(Write(kind=DeliveryKind.SUBMIT, reference="SMP-0000-0000-0001", complaint=of))
    assert (found["text"], found["at"], found["incident_date"]) == ("Suntingan", "04/05/2026 12:00", "02/05/2026")
    # The word of the topic for what has none; canonical where the file has no such map.
    assert (found["category"], found["category_code"]) == ("INF", "infrastruktur.trotoar")
    assert (found["classification"], found["channel"], found["region"]) == ("ASPIRASI", "WEBSITE", "36.03.01")
    assert (found["reference"], found["native_id"], found["reporter"]) == ("SMP-0000-0000-0001", None, {})


def test_what_is_written_to_a_complaint_in_the_agencys_words() -> None:
    told: dict[str, Any] = {"reference": "delivery_1", "complaint": complaint(), "native_id": "7"}

    def closed(role: ActorRole) -> Write:
        event = StatusEvent(to_status=ComplaintStatus.CLOSED, occurred_at=NOON, actor=Actor(role), note="Beres")
        return Write(kind=DeliveryKind.STATUS_CHANGE, status=event, **told)

    assert names(closed(ActorRole.SYSTEM))["status"] == "ditutup sistem"
    assert (names(closed(ActorRole.AGENCY))["status"], names(closed(ActorRole.AGENCY))["note"]) == ("Selesai", "Beres")
    handed = Disposition(to_agency=AgencyReference("Banten", agency="prov-banten"), occurred_at=NOON)
    found = names(Write(kind=DeliveryKind.TRANSFER, disposition=handed, **told))
    assert (found["to"], found["to_name"], found["is_not_authority"]) == ("Provinsi", "Banten", False)
    answer = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOON, content="Dicek", is_confidential=True)
    found = names(Write(kind=DeliveryKind.FOLLOW_UP, follow_up=answer, **told))
    assert (found["kind"], found["content"], found["is_confidential"]) == ("PROGRESS", "Dicek", True)


def test_words_are_written_as_the_file_spells_them_the_first_that_fits() -> None:
    own = read_words(status={"Proses  Baru": "SUBMITTED", "BARU": "SUBMITTED"})
    words = NativeWords(own.over(Words(statuses=read_words(status={"x": "SUBMITTED", "y": "CLOSED"}).statuses)))
    assert words.status(ComplaintStatus.SUBMITTED) == "Proses  Baru"
    assert words.status(ComplaintStatus.CLOSED) == "y"
    assert words.status(ComplaintStatus.POSTPONED) is None
    assert words.category("infrastruktur.jalan-berlubang") is None
    assert words.institution(AgencyReference("Dinas", "D-1")) == "D-1"


def test_null_is_left_out_and_nothing_in_a_value_is_computed() -> None:
    template = Template(
        {"a": "title", "b": {"c": "address"}, "d": [1, "'x'", "address"], "e": "flag", "f": "files[].n"}
    )
    value = "'; {{7*7}} ${jndi} `1` {native_id}"
    filled = template.fill({"title": value, "flag": False, "files": [{"n": "1"}, {"n": "2"}]})
    assert filled == {"a": value, "d": [1, "x"], "e": False, "f": ["1", "2"]}


@pytest.mark.parametrize("key", ["", ".", "..", None])
def test_a_key_that_would_lead_elsewhere_is_not_sent(key: str | None) -> None:
    with pytest.raises(MappingFailure) as raised:
        PathTemplate("/aduan/{native_id}").fill({"native_id": key})
    assert not raised.value.arrived
    assert PathTemplate("/aduan/{native_id}/x").fill({"native_id": "../a?b#c"}) == "/aduan/..%2Fa%3Fb%23c/x"
