"""Personal identifiers planted in every text that enters: on no disk, in no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.sync.privacy import discreet
from schema.complaint import (
    AgencyReference,
    Attachment,
    ComplaintRecord,
    Disposition,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    Rating,
    RatingSource,
    StatusEvent,
)
from schema.redaction import redacted
from schema.status import ComplaintStatus
from tests.app.towns import Town, town_hub
from tests.unit.desk_case import NOW

CANARIES = ("3603124509900001", "081234567890", "0274-512345", "budi.s@gmail.com", "B 1234 XYZ")
PLANTED = "NIK {}, WA {}, telp {}, surel {}, mobil {}.".format(*CANARIES)
CLEAN = "NIK [NIK], WA [telepon], telp [telepon], surel [surel], mobil [pelat]."
FIELDS = """id title text originalText statusReason tags incidentLocation { address } followUps { content }
  timeline { note }"""
ALL = f"{{ complaints(first: 50) {{ nodes {{ {FIELDS} }} }} }}"
SUBMIT = f"""mutation($input: SubmitComplaintInput!) {{ submitComplaint(input: $input) {{
  ... on SubmitComplaintSuccess {{ complaint {{ {FIELDS} }} reporterToken }}
  ... on InvalidInput {{ message }} ... on NotPermitted {{ message }} }} }}"""


def town(slug: str, store: str) -> Town:
    """Its first complaint is full of canaries."""
    made = Town(slug, store, size=2)
    row = made.rows["1"]
    row |= {"judul": PLANTED, "isi": f"Isi. {PLANTED}", "alamat": f"Jl. Melati, {PLANTED}", "alasan": PLANTED}
    row |= {"kata": ["jalan", "hp 081234567890"]}
    row["riwayat"][0]["catatan"] = PLANTED
    row["tanggapan"][0]["isi"] = PLANTED
    return made


def held(folder: Path) -> str:
    return "".join(file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file())


def canaries(*texts: object) -> list[str]:
    return [canary for canary in CANARIES for text in texts if canary in str(text)]


def told(complaint: dict[str, Any]) -> None:
    """Where the canaries were, there are marks."""
    assert complaint["title"] == complaint["statusReason"] == CLEAN
    assert complaint["text"] == complaint["originalText"] == f"Isi. {CLEAN}"
    assert complaint["incidentLocation"]["address"] == f"Jl. Melati, {CLEAN}"
    assert complaint["tags"] == ["jalan", "hp [telepon]"]
    assert complaint["timeline"][0]["note"] == complaint["followUps"][0]["content"] == CLEAN


async def test_what_an_agency_tells(tmp_path: Path) -> None:
    kept, live = town("kab-uji", "full"), town("kab-tertutup", "status")
    async with town_hub(tmp_path, kept, live) as hub:
        rows = {row["id"]: row for row in (await hub.ask(ALL))["complaints"]["nodes"]}
        assert live.asked  # its content came while somebody waited
        told(rows[kept.id(1)])
        told(rows[live.id(1)])
        assert not canaries(rows, await hub.ask(ALL))
        assert not canaries(held(tmp_path))
        found = await hub.ask('{ complaints(filter: {text: "081234567890"}) { totalCount } }')
        assert found["complaints"]["totalCount"] == 0
        kept.change(1, 5, judul=f"Lagi: {PLANTED}")
        await hub.harvest()
        changes = "{ events { nodes { kind complaint { title } ... on ComplaintCorrected { changedFields } } } }"
        assert "Lagi: NIK [NIK]" in str(answer := await hub.ask(changes))
        assert not canaries(answer, held(tmp_path))


async def test_what_people_write(tmp_path: Path) -> None:
    asked = {
        "idempotencyKey": "q2Jx7-mPz81sLw0v",
        "title": PLANTED,
        "text": f"Isi. {PLANTED}",
        "incidentLocation": {"regionCode": "36.03.01", "address": f"Jl. Melati, {PLANTED}"},
        "agency": "kab-uji",
    }
    async with town_hub(tmp_path, Town("kab-uji", "full", size=1)) as hub:
        answer = (await hub.ask(SUBMIT, input=asked))["submitComplaint"]
        assert answer["complaint"]["title"] == CLEAN, answer
        assert answer["complaint"]["originalText"] == f"Isi. {CLEAN}"
        assert answer["complaint"]["incidentLocation"]["address"] == f"Jl. Melati, {CLEAN}"
        # The same input is known again, though the ledger has other words; another number is another input.
        again = (await hub.ask(SUBMIT, input=asked))["submitComplaint"]
        assert again["complaint"]["id"] == answer["complaint"]["id"]
        other = asked | {"text": f"Isi. {PLANTED}".replace("081234567890", "081234567891")}
        assert "complaint" not in (await hub.ask(SUBMIT, input=other))["submitComplaint"]
        assert not canaries(answer, again, await hub.ask(ALL), held(tmp_path))


def test_every_text_of_a_record_and_nothing_else() -> None:
    file = Attachment(id="attachment_1", filename=f"{CANARIES[1]}.jpg", url=f"https://x.id/{CANARIES[1]}.jpg")
    there = AgencyReference("Dinas")
    record = ComplaintRecord(
        native_id="081234567890",
        tracking_id="3603124509900001",
        url="https://x.id/081234567890",
        status=ComplaintStatus.SUBMITTED,
        edited_text=PLANTED,
        attachments=(file,),
        dispositions=(Disposition(to_agency=there, occurred_at=NOW, note=PLANTED),),
        follow_ups=(FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, attachments=(file,), content="Baik."),),
        ratings=(Rating(score=5, source=RatingSource.CITIZEN, occurred_at=NOW, comment=PLANTED),),
    )
    clean = discreet(record)
    assert (clean.native_id, clean.tracking_id, clean.url) == (record.native_id, record.tracking_id, record.url)
    assert clean.edited_text == clean.dispositions[0].note == clean.ratings[0].comment == CLEAN
    for attachment in (clean.attachments[0], clean.follow_ups[0].attachments[0]):
        assert (attachment.filename, attachment.url) == ("[telepon].jpg", file.url)
    assert redacted(CLEAN) == CLEAN
    assert discreet(clean) is clean


def test_a_record_without_any_is_passed_on_as_it_is() -> None:
    record = ComplaintRecord(
        native_id="7",
        tracking_id="U-7",
        status=ComplaintStatus.SUBMITTED,
        title="Lampu mati di KM 12",
        tags=("lampu",),
        incident_location=IncidentLocation(address="Jl. Melati No. 3 RT 03 RW 05"),
        timeline=(StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=NOW, note="Sejak 12-03-2026"),),
    )
    assert discreet(record) is record
