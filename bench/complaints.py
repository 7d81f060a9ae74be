"""Synthetic complaints: as long and as nested as real ones, all invented, the same in every run.

Everything lies in the past and every clock that fell due has been breached, so nothing happens to them while the hub
is measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schema.agency import Agency, AgencyLevel
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    Actor,
    AgencyReference,
    Channel,
    Classification,
    Complaint,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    NativeStatus,
    StatusEvent,
    complaint_id,
)
from schema.status import PAUSED, TERMINAL, ActorRole, ComplaintStatus

S = ComplaintStatus


def _agency(slug: str, name: str, level: AgencyLevel, zone: str, region: str | None) -> Agency:
    return Agency(id=slug, name=name, level=level, time_zone=zone, connector_kind="rest", region_code=region)


AGENCIES = (
    _agency("sp4n-lapor", "SP4N-LAPOR!", AgencyLevel.NATIONAL, "Asia/Jakarta", None),
    _agency("prov-bali", "Pemerintah Provinsi Bali", AgencyLevel.PROVINCE, "Asia/Makassar", "51"),
    _agency("prov-sumbar", "Pemerintah Provinsi Sumatera Barat", AgencyLevel.PROVINCE, "Asia/Jakarta", "13"),
    _agency("prov-diy", "Pemerintah Daerah DI Yogyakarta", AgencyLevel.PROVINCE, "Asia/Jakarta", "34"),
    _agency("kab-tangerang", "Pemerintah Kabupaten Tangerang", AgencyLevel.DISTRICT, "Asia/Jakarta", "36.03"),
    _agency("kab-sleman", "Pemerintah Kabupaten Sleman", AgencyLevel.DISTRICT, "Asia/Jakarta", "34.04"),
    _agency("kab-badung", "Pemerintah Kabupaten Badung", AgencyLevel.DISTRICT, "Asia/Makassar", "51.03"),
)

_REGENCIES = {
    None: ("36.03", "34.04", "51.03", "13.71", "51.71", "34.71"),
    "51": ("51.01", "51.02", "51.03", "51.04", "51.71"),
    "13": ("13.01", "13.02", "13.05", "13.71"),
    "34": ("34.01", "34.02", "34.03", "34.04"),
}
#: Ways through the states, the common ones more than once.
_WAYS = (
    *(2 * ((S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED),)),
    *(2 * ((S.SUBMITTED, S.DISPOSED, S.IN_FOLLOW_UP, S.CLOSED),)),
    (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP),
    (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED),
    (S.SUBMITTED, S.VERIFIED, S.DISPOSED),
    (S.SUBMITTED, S.VERIFIED, S.AWAITING_INFORMATION),
    (S.SUBMITTED, S.VERIFIED, S.POSTPONED),
    (S.SUBMITTED, S.VERIFIED, S.ARCHIVED),
    (S.SUBMITTED, S.VERIFIED, S.DUPLICATE),
    (S.SUBMITTED, S.VERIFIED, S.REJECTED),
    (S.SUBMITTED, S.VERIFIED),
    (S.SUBMITTED,),
)
_CATEGORIES = (
    "infrastruktur.jalan",
    "infrastruktur.trotoar",
    "lingkungan.pengelolaan-sampah",
    "kesehatan",
    "perhubungan",
    "perhubungan.parkir-liar",
    "infrastruktur.penerangan-jalan",
)
_CHANNELS = (*(4 * (Channel.WEBSITE,)), Channel.MOBILE_APP, Channel.WHATSAPP, Channel.PHONE)
_THINGS = ("Jalan penghubung desa", "Lampu penerangan", "Saluran air", "Tumpukan sampah", "Antrean loket", "Trotoar")
_TROUBLES = ("rusak parah", "mati sejak minggu lalu", "tersumbat lumpur", "belum ditangani", "menutup akses warga")
_EFFECTS = (
    "Anak sekolah harus memutar lewat jalan lain setiap pagi.",
    "Saat hujan air masuk ke halaman rumah warga.",
    "Sudah dua pengendara terjatuh di tempat yang sama.",
    "Warga sudah bersurat ke kantor desa tetapi belum ada jawaban.",
)
_WISHES = ("Mohon segera ditindaklanjuti, terima kasih.", "Mohon petugas turun melihat langsung ke lokasi.")
_STREETS = ("Merdeka", "Sudirman", "Ahmad Yani", "Melati", "Pahlawan", "Kaliurang")
_FIRST, _SPAN = datetime(2022, 1, 1, tzinfo=UTC), 3 * 365 * 86_400


def complaints(agency: Agency, count: int) -> Iterator[Complaint]:
    """The agency's complaints, in the order of their numbers."""
    rng = random.Random(agency.id)
    return (_complaint(agency, number, rng) for number in range(1, count + 1))


def _complaint(agency: Agency, number: int, rng: random.Random) -> Complaint:
    timeline = _timeline(agency, rng)
    last, submitted = timeline[-1], timeline[0].occurred_at
    title = f"{rng.choice(_THINGS)} {rng.choice(_TROUBLES)}"
    address = f"Jl. {rng.choice(_STREETS)} No. {rng.randrange(1, 200)}"
    return Complaint(
        id=complaint_id(agency.id, str(number)),
        agency=agency.id,
        native_id=str(number),
        tracking_id=f"{agency.id.upper()}-{number:07d}",
        version=1,
        status=last.to_status,
        native_status=last.native_status,
        status_actor=last.actor.role if last.actor else None,
        status_changed_at=last.occurred_at,
        submitted_at=submitted,
        updated_at=last.occurred_at,
        closed_at=last.occurred_at if last.to_status in TERMINAL else None,
        synced_at=last.occurred_at + timedelta(minutes=5),
        title=f"{title}, {address}",
        original_text=f"{title} di {address}. {rng.choice(_EFFECTS)}",
        edited_text=f"{title} di {address}. {rng.choice(_WISHES)}" if rng.random() < 0.3 else None,
        classification=rng.choice(tuple(Classification)),
        category=rng.choice(_CATEGORIES),
        native_category="Infrastruktur",
        channel=rng.choice(_CHANNELS),
        incident_date=submitted.date(),
        incident_location=_place(agency, address, rng),
        is_anonymous=rng.random() < 0.3,
        is_confidential=rng.random() < 0.03,
        owner_agency=AgencyReference(agency.name),
        assigned_agencies=(AgencyReference("Dinas Pekerjaan Umum", str(number % 40)),),
        timeline=timeline,
        follow_ups=_follow_ups(timeline),
        clocks=_clocks(timeline),
        days_to_close=float(rng.randrange(1, 60)) if last.to_status is S.CLOSED else None,
    )


def _timeline(agency: Agency, rng: random.Random) -> tuple[StatusEvent, ...]:
    at, before, moves = _FIRST + timedelta(seconds=rng.randrange(_SPAN)), None, []
    for status in rng.choice(_WAYS):
        actor = Actor(ActorRole.AGENCY, agency.id) if before else Actor(ActorRole.REPORTER)
        moves.append(
            StatusEvent(
                from_status=before,
                to_status=status,
                occurred_at=at,
                native_status=NativeStatus(status.value.replace("_", " ").capitalize()),
                actor=actor,
                note="Mohon ditindaklanjuti sesuai kewenangan." if status is S.DISPOSED else None,
            )
        )
        before, at = status, at + timedelta(seconds=rng.randrange(3_600, 6 * 86_400))
    return tuple(moves)


def _place(agency: Agency, address: str, rng: random.Random) -> IncidentLocation:
    code = agency.region_code
    regency = code if code and len(code) == 5 else rng.choice(_REGENCIES[code])
    return IncidentLocation(
        region_code=f"{regency}.{rng.randrange(1, 7):02d}",
        latitude=round(rng.uniform(-8.8, 0.5), 6),
        longitude=round(rng.uniform(98.0, 116.0), 6),
        address=address,
    )


def _follow_ups(timeline: tuple[StatusEvent, ...]) -> tuple[FollowUp, ...]:
    return tuple(
        FollowUp(
            kind=FollowUpKind.FINAL_ANSWER if move.to_status is S.ANSWERED else FollowUpKind.PROGRESS,
            occurred_at=move.occurred_at,
            content="Petugas telah meninjau lokasi dan pekerjaan dijadwalkan pada minggu berikutnya.",
            actor=move.actor,
        )
        for move in timeline
        if move.to_status in (S.IN_FOLLOW_UP, S.ANSWERED)
    )


def _clocks(timeline: tuple[StatusEvent, ...]) -> tuple[SlaClock, ...]:
    start, last = timeline[0].occurred_at, timeline[-1]
    due = start + timedelta(days=20)
    if last.to_status in TERMINAL or last.to_status is S.ANSWERED:
        finish = SlaClock(kind=ClockKind.FINISH, limit_days=14, started_at=start, stopped_at=last.occurred_at)
    elif last.to_status in PAUSED:
        finish = SlaClock(kind=ClockKind.FINISH, limit_days=14, started_at=start, paused_since=last.occurred_at)
    else:
        finish = SlaClock(
            kind=ClockKind.FINISH, limit_days=14, started_at=start, due_at=due, breached=True, breached_at=due
        )
    return (finish,)
