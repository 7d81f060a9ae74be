"""What a citizen wrote: title, texts, place, name. The same seed always writes the same."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import msgspec

from schema.complaint import Channel, Classification, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.case import Case, Filed, Reply, Step, replies, steps
from simulators.dice import dice
from simulators.matters import Matter
from simulators.places import Place, place_at, places


class Stars(msgspec.Struct, frozen=True):
    """A rating."""

    score: int
    source: RatingSource
    at: int
    comment: str | None


class Story(msgspec.Struct, frozen=True):
    """Everything an agency's system could tell of a case. Each dialect tells it in its own words."""

    case: Case
    title: str
    text: str
    edited: str | None
    place: Place
    address: str | None
    latitude: float | None
    longitude: float | None
    name: str
    phone: str
    email: str
    channel: Channel
    classification: Classification
    tags: tuple[str, ...]
    incident: date
    photo: str | None
    log: list[Step]
    replies: list[Reply]
    stars: Stars | None

    @property
    def handed(self) -> list[Step]:
        """The steps that handed it over."""
        return [step for step in self.log if step.unit is not None]

    @property
    def unit(self) -> str | None:
        """Who has it now; None before it was handed to anyone."""
        handed = self.handed
        return handed[-1].unit if handed else None

    @property
    def closed_at(self) -> int | None:
        return self.log[-1].at if self.log[-1].status in _ENDS else None


_ENDS = {ComplaintStatus.CLOSED, ComplaintStatus.ARCHIVED, ComplaintStatus.REJECTED, ComplaintStatus.DUPLICATE}
_CLASSES = (
    (Classification.PENGADUAN_BERKADAR_PENGAWASAN,) * 66
    + (Classification.ASPIRASI,) * 24
    + (Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN,) * 7
    + (Classification.PERMINTAAN_INFORMASI,) * 3
)
_CHANNELS = (
    (Channel.WEBSITE,) * 60
    + (Channel.MOBILE_APP,) * 24
    + (Channel.WHATSAPP,) * 6
    + (Channel.SOCIAL_MEDIA,) * 3
    + (Channel.SMS, Channel.SMS, Channel.PHONE, Channel.PHONE, Channel.WALK_IN, Channel.EMAIL, Channel.LETTER)
)
_STREETS = (
    "Merdeka",
    "Raya Serang",
    "Sudirman",
    "Ahmad Yani",
    "Kebon Nanas",
    "Melati",
    "Pahlawan",
    "Gatot Subroto",
    "Kaliurang",
    "Pramuka",
    "Dewi Sartika",
    "Imam Bonjol",
    "Anggrek III",
    "Pasar Lama",
)
_HAMLETS = ("Kampung Baru", "Kampung Sawah", "Perumahan Griya Asri", "Dusun Krajan", "Gang Mangga", "Banjar Tengah")
_FIRST = ("Siti", "Agus", "Wayan", "Rina", "Budi", "Dewi", "Joko", "Made", "Yusuf", "Fitri", "Hendra", "Nurul", "Andi")
_LAST = ("Santoso", "Rahmawati", "Putra", "Sari", "Hidayat", "Suparno", "Lestari", "Nasution", "Wibowo", "Handayani")
_OPENINGS = (
    "Assalamualaikum.",
    "Selamat pagi Pak/Bu.",
    "Yth. Bapak/Ibu pimpinan,",
    "Izin melapor.",
    "Salam sejahtera.",
)
_SINCE = (
    "Sudah berlangsung dua bulan.",
    "Mulai terjadi sejak awal bulan.",
    "Ini laporan saya yang kedua.",
    "Warga RT kami sudah pernah bersurat.",
    "Terjadi hampir setiap hari.",
)
_THANKS = (
    "Terima kasih.",
    "Atas perhatiannya kami ucapkan terima kasih.",
    "Kami tunggu kabar baiknya.",
    "Hatur nuhun.",
)
_COMMENTS = ("Cepat ditangani.", "Lumayan, tetapi lama.", "Belum tuntas.", "Petugasnya ramah", None, None)


def story(case: Case) -> Story:
    """All of a case, told anew from its seeds, or as it was written."""
    return _seeded(case) if case.filed is None else _written(case, case.filed)


def _written(case: Case, filed: Filed) -> Story:
    log = steps(case)
    return Story(
        case=case,
        title=filed.title,
        text=filed.text,
        edited=None,
        place=place_at(filed.region, case.area),
        address=filed.address,
        latitude=filed.latitude,
        longitude=filed.longitude,
        name=filed.name,
        phone=filed.phone,
        email=filed.email,
        channel=filed.channel,
        classification=filed.classification,
        tags=filed.tags,
        incident=filed.incident or datetime.fromtimestamp(case.submitted, UTC).date(),
        photo=filed.files[0].name if filed.files else None,
        log=log,
        replies=replies(case, log),
        stars=_stars(case, log),
    )


def _seeded(case: Case) -> Story:
    rng = dice(case.seed)
    pick = rng.random
    matter = case.about
    area = places(case.area)
    place = area[int(pick() * len(area))]
    address = _address(rng, place)
    thing = rng.choice(matter.things)
    trouble = rng.choice(matter.troubles)
    wish = rng.choice(matter.wishes)
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    phone = f"08{int(12e9 + pick() * 8e9) % 10**10:010d}"
    title = _title(rng, thing, trouble, address, place)
    located = pick() < 0.6
    log = steps(case)
    return Story(
        case=case,
        title=title,
        text=_text(rng, matter, thing, trouble, wish, address, place, phone),
        edited=f"{thing} {trouble} di {address}, Kecamatan {place.district}. {wish}" if pick() < 0.35 else None,
        place=place,
        address=address if pick() < 0.85 else None,
        latitude=round(place.latitude + (pick() - 0.5) / 12, 6) if located else None,
        longitude=round(place.longitude + (pick() - 0.5) / 12, 6) if located else None,
        name=f"{first} {last}",
        phone=phone,
        email=f"{first}.{last}{int(pick() * 90)}@warga.example".lower(),
        channel=_CHANNELS[int(pick() * len(_CHANNELS))],
        classification=_CLASSES[int(pick() * len(_CLASSES))],
        tags=(matter.key,) if pick() < 0.3 else (),
        incident=(datetime.fromtimestamp(case.submitted, UTC) - timedelta(days=int(pick() ** 2 * 20))).date(),
        photo=f"foto-{int(pick() * 1e6)}.jpg" if pick() < 0.18 else None,
        log=log,
        replies=replies(case, log),
        stars=_stars(case, log),
    )


def _address(rng: random.Random, place: Place) -> str:
    if rng.random() < 0.6:
        return f"Jl. {rng.choice(_STREETS)} No. {int(rng.random() * 180) + 1}"
    return f"{rng.choice(_HAMLETS)} RT {int(rng.random() * 12) + 1:02d}/RW {int(rng.random() * 9) + 1:02d}"


def _title(rng: random.Random, thing: str, trouble: str, address: str, place: Place) -> str:
    shape = rng.random()
    if shape < 0.4:
        return f"{thing} {trouble} di {place.district}"
    if shape < 0.7:
        return f"{thing} {trouble}, {address}"
    if shape < 0.86:
        return f"{place.district}: {thing.lower()} {trouble}"
    if shape < 0.94:
        return f"{thing.upper()} {trouble.upper()}!!"
    if shape < 0.96:
        return f'"{thing}" {trouble} \u2013 kapan & siapa?'
    if shape < 0.975:
        return f"<b>{thing}</b> {trouble}"
    if shape < 0.99:
        return f"{thing} {trouble} \U0001f62d\U0001f64f"
    return f"{thing}\t{trouble} -- '; \\ {place.district}"


def _text(
    rng: random.Random, matter: Matter, thing: str, trouble: str, wish: str, address: str, place: Place, phone: str
) -> str:
    pick = rng.random
    parts = [f"{thing} {trouble} di {address}, {place.district}."]
    if pick() < 0.5:
        parts.insert(0, rng.choice(_OPENINGS))
    if pick() < 0.7:
        parts.append(rng.choice(matter.effects))
    if pick() < 0.4:
        parts.append(rng.choice(_SINCE))
    if pick() < 0.8:
        parts.append(wish)
    if pick() < 0.03:
        parts.append(_personal(rng, place, phone))
    elif pick() < 0.3:
        parts.append(rng.choice(_THANKS))
    return ("\n" if pick() < 0.05 else " ").join(parts)


def _personal(rng: random.Random, place: Place, phone: str) -> str:
    """Citizens put their own numbers into texts; these belong to nobody."""
    if rng.random() < 0.6:
        district = place.code.replace(".", "")
        return f"NIK saya {district}{int(rng.random() * 28) + 41:02d}0890{int(rng.random() * 9999):04d}."
    return f"Bisa dihubungi di {phone}."


def _stars(case: Case, log: list[Step]) -> Stars | None:
    """What was written, else of the seeded course: a step that is made on request brings nothing else with it."""
    for move in reversed(case.moves):
        if move.score is not None:
            return Stars(move.score, RatingSource.CITIZEN, move.at, move.content)
    if case.outcome[0] is not ComplaintStatus.CLOSED:
        return None
    closing = log[len(log) - len(case.steps_since) - 1]
    rng = dice(case.course ^ 0x57A5)
    if closing.actor is ActorRole.REPORTER:
        return Stars(rng.choice((1, 2, 3, 4, 5, 5)), RatingSource.CITIZEN, closing.at, rng.choice(_COMMENTS))
    if closing.actor is ActorRole.SYSTEM and rng.random() < 0.7:
        return Stars(5, RatingSource.AUTO, closing.at, None)
    if closing.actor is ActorRole.NATIONAL_ADMIN and rng.random() < 0.2:
        return Stars(4, RatingSource.ADMIN, closing.at, None)
    return None
