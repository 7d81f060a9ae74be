"""A complaint as an agency's own system keeps it: a compact row, and the course that it took."""

from __future__ import annotations

import functools
import random
from datetime import date

import msgspec

from schema.complaint import Channel, Classification, FollowUpKind
from schema.status import ActorRole, ComplaintStatus
from simulators.dice import dice
from simulators.matters import MATTERS, Matter

S = ComplaintStatus
DAY = 86_400


class Move(msgspec.Struct, array_like=True, frozen=True):
    """Something that was done to a case while the simulator ran. `at` in seconds since 1970.

    Attributes:
        written: it was written through the agency's API; then the rest may be set.
        unit: who it was handed to, in place of the usual one.
        quiet: the status stayed as it was: no entry of the log.
        score: stars, by the citizen.
        reference: key of this in the system that wrote it.
    """

    to: ComplaintStatus
    at: int
    actor: ActorRole
    follow_up: FollowUpKind | None = None
    disposes: bool = False
    written: bool = False
    note: str | None = None
    unit: str | None = None
    not_authority: bool = False
    quiet: bool = False
    content: str | None = None
    is_confidential: bool = False
    score: int | None = None
    reference: str | None = None


class FiledFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that came with a complaint; the simulator keeps no bytes. `size` in bytes."""

    name: str
    type: str = "application/octet-stream"
    size: int = 0


class Filed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A complaint that was written through the agency's API, in place of what seeds would tell.

    Attributes:
        matter: a key of `simulators.matters`, for instance `jalan`.
        region: Kemendagri code, as far as it is known.
        reference: key of the complaint in the system that wrote it.
    """

    title: str
    text: str
    matter: str = "lain"
    region: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    incident: date | None = None
    channel: Channel = Channel.WEBSITE
    classification: Classification = Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN
    is_anonymous: bool = False
    is_confidential: bool = False
    name: str = ""
    phone: str = ""
    email: str = ""
    tags: tuple[str, ...] = ()
    files: tuple[FiledFile, ...] = ()
    reference: str | None = None


class Case(msgspec.Struct, kw_only=True):
    """The row. Everything else is told from its seeds whenever it is asked for.

    Attributes:
        number: the agency's running number.
        seed: of its words; a copy in another system has the same one.
        area: slug of the agency whose places it tells of.
        course: seed of the course it took.
        matter: its place in MATTERS.
        submitted, settled, updated: seconds since 1970; `settled` is the end of the seeded course.
        outcome: state at the end of the seeded course, and who brought it there.
        forwarded: sent on to a system of a higher level.
        origin: its number at kab-tangerang, if it came from there.
        moves: what happened since.
        filed: what was written through the API, if it came that way.
    """

    number: int
    seed: int
    area: str
    course: int
    matter: int
    submitted: int
    settled: int
    outcome: tuple[ComplaintStatus, ActorRole]
    is_anonymous: bool
    is_confidential: bool
    forwarded: bool = False
    origin: int | None = None
    moves: tuple[Move, ...] = ()
    filed: Filed | None = None

    @property
    def steps_since(self) -> list[Move]:
        """The moves that stand in the status log."""
        return [move for move in self.moves if not move.quiet]

    @property
    def status(self) -> ComplaintStatus:
        return self.moves[-1].to if self.moves else self.outcome[0]

    @property
    def actor(self) -> ActorRole:
        since = self.steps_since
        return since[-1].actor if since else self.outcome[1]

    @property
    def updated(self) -> int:
        return self.moves[-1].at if self.moves else self.settled

    @property
    def about(self) -> Matter:
        return MATTERS[self.matter]


class Step(msgspec.Struct, frozen=True):
    """One entry of the status log. `unit` is who gets it, when it is handed over."""

    status: ComplaintStatus
    at: int
    actor: ActorRole
    note: str | None = None
    unit: str | None = None
    not_authority: bool = False
    reference: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """One follow-up."""

    kind: FollowUpKind
    at: int
    content: str
    is_confidential: bool = False
    reference: str | None = None


#: States on the way to each state, in the order they come; more than one way is possible.
PATHS: dict[ComplaintStatus, tuple[tuple[ComplaintStatus, ...], ...]] = {
    S.SUBMITTED: ((S.SUBMITTED,),),
    S.VERIFIED: ((S.SUBMITTED, S.VERIFIED),),
    S.AWAITING_INFORMATION: (
        (S.SUBMITTED, S.AWAITING_INFORMATION),
        (S.SUBMITTED, S.VERIFIED, S.AWAITING_INFORMATION),
    ),
    S.DISPOSED: (
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED),
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.DISPOSED),
    ),
    S.IN_FOLLOW_UP: (
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP),
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.DISPOSED, S.IN_FOLLOW_UP),
    ),
    S.POSTPONED: (
        (S.SUBMITTED, S.VERIFIED, S.POSTPONED),
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.POSTPONED),
    ),
    S.ANSWERED: ((S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED),),
    S.CLOSED: (
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED),
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED),
        (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED),
        (S.SUBMITTED, S.DISPOSED, S.IN_FOLLOW_UP, S.CLOSED),
    ),
    S.ARCHIVED: ((S.SUBMITTED, S.ARCHIVED), (S.SUBMITTED, S.VERIFIED, S.ARCHIVED)),
    S.REJECTED: ((S.SUBMITTED, S.REJECTED), (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.REJECTED)),
    S.DUPLICATE: ((S.SUBMITTED, S.VERIFIED, S.DUPLICATE),),
    S.UNMAPPED: ((S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.UNMAPPED),),
}

#: Who usually takes a complaint there.
ACTORS: dict[ComplaintStatus, tuple[ActorRole, ...]] = {
    S.SUBMITTED: (ActorRole.REPORTER,),
    S.VERIFIED: (ActorRole.NATIONAL_ADMIN,),
    S.AWAITING_INFORMATION: (ActorRole.NATIONAL_ADMIN,),
    S.DISPOSED: (ActorRole.NATIONAL_ADMIN,),
    S.IN_FOLLOW_UP: (ActorRole.AGENCY,),
    S.POSTPONED: (ActorRole.AGENCY,),
    S.ANSWERED: (ActorRole.AGENCY,),
    S.CLOSED: (ActorRole.SYSTEM, ActorRole.SYSTEM, ActorRole.SYSTEM, ActorRole.REPORTER, ActorRole.NATIONAL_ADMIN),
    S.ARCHIVED: (ActorRole.NATIONAL_ADMIN,),
    S.REJECTED: (ActorRole.NATIONAL_ADMIN,),
    S.DUPLICATE: (ActorRole.NATIONAL_ADMIN,),
    S.UNMAPPED: (ActorRole.AGENCY,),
}

_WRONG_UNITS = ("Sekretariat Daerah", "Dinas Perhubungan", "Dinas Lingkungan Hidup", "Satuan Polisi Pamong Praja")
_NOTES: dict[ComplaintStatus, tuple[str | None, ...]] = {
    S.VERIFIED: (None, None, "Data pelapor dan lokasi lengkap."),
    S.AWAITING_INFORMATION: ("Mohon lengkapi alamat kejadian.", "Mohon unggah foto pendukung.", None),
    S.DISPOSED: ("Mohon ditindaklanjuti sesuai kewenangan.", None, "Segera, sudah berulang."),
    S.IN_FOLLOW_UP: (None, "Petugas dijadwalkan ke lokasi.", "Sedang dikoordinasikan dengan wilayah."),
    S.POSTPONED: ("Menunggu anggaran perubahan.", "Menunggu jadwal alat berat."),
    S.ANSWERED: (None, "Jawaban sudah disampaikan kepada pelapor."),
    S.ARCHIVED: (
        "Tidak disertai bukti dukung.",
        "Melewati batas waktu kelengkapan.",
        "Bukan pengaduan pelayanan publik.",
    ),
    S.REJECTED: ("Bukan kewenangan kami.", "Sedang dalam proses hukum."),
    S.DUPLICATE: ("Sama dengan laporan sebelumnya.",),
}
_REPLIES: dict[FollowUpKind, tuple[str, ...]] = {
    FollowUpKind.INITIAL_RESPONSE: (
        "Terima kasih atas laporannya. Laporan Saudara kami teruskan ke bidang teknis.",
        "Yth. Pelapor, laporan sudah kami terima dan akan dicek ke lapangan.",
        "Laporan diterima. Petugas kami menghubungi ketua RT setempat hari ini.",
    ),
    FollowUpKind.PROGRESS: (
        "Petugas sudah meninjau lokasi dan mengukur kebutuhan bahan.",
        "Pekerjaan dijadwalkan minggu depan bila cuaca memungkinkan.",
        "Kami masih menunggu balasan dari instansi terkait.",
    ),
    FollowUpKind.FINAL_ANSWER: (
        "Pekerjaan telah selesai. Terima kasih atas kepeduliannya.",
        "Sudah ditangani pada hari ini; mohon dikabari bila terulang.",
        "Permohonan sudah diproses, silakan datang ke loket membawa tanda terima.",
    ),
    FollowUpKind.REPORTER_REPLY: (
        "Terima kasih, sudah beres \U0001f64f",
        "Belum ada petugas yang datang sampai hari ini.",
        "Foto dan alamat lengkap sudah saya kirim.",
    ),
    FollowUpKind.INFORMATION_REQUEST: (
        "Mohon dilengkapi alamat dan waktu kejadiannya.",
        "Apakah ada foto terbaru dari lokasi?",
    ),
}
_KIND_AT: dict[ComplaintStatus, FollowUpKind] = {
    S.IN_FOLLOW_UP: FollowUpKind.INITIAL_RESPONSE,
    S.ANSWERED: FollowUpKind.FINAL_ANSWER,
    S.AWAITING_INFORMATION: FollowUpKind.INFORMATION_REQUEST,
}


def steps(case: Case) -> list[Step]:
    """The status log, oldest first."""
    rng = dice(case.course)
    path = rng.choice(_paths(case.outcome[0], case.forwarded))
    times = _times(rng, case.submitted, case.settled, len(path))
    log = [_step(rng, case, path, times, position) for position in range(len(path))]
    return log + [_taken(case, move) for move in case.steps_since]


def _taken(case: Case, move: Move) -> Step:
    unit = (move.unit or case.about.unit) if move.disposes else None
    return Step(move.to, move.at, move.actor, move.note, unit, move.not_authority, move.reference)


@functools.cache
def _paths(to: ComplaintStatus, forwarded: bool) -> tuple[tuple[ComplaintStatus, ...], ...]:
    """What was forwarded was handed over just once, straight to whom it belongs."""
    if not forwarded:
        return PATHS[to]
    return tuple(path for path in PATHS[to] if path.count(S.DISPOSED) == 1)


def _times(rng: random.Random, start: int, end: int, count: int) -> list[int]:
    """Strictly rising, from `start` to `end`."""
    if count == 1:
        return [start]
    room = max(end - start - count, 0)
    cuts = sorted(int(room * rng.random()) for _ in range(count - 2))
    return [start, *(start + 1 + cut + position for position, cut in enumerate(cuts)), end]


def _step(rng: random.Random, case: Case, path: tuple[ComplaintStatus, ...], times: list[int], position: int) -> Step:
    status = path[position]
    last = position == len(path) - 1
    actor = case.outcome[1] if last else rng.choice(ACTORS[status])
    notes = _NOTES.get(status, (None,))
    note = rng.choice(notes)
    if status is not S.DISPOSED:
        return Step(status, times[position], actor, note)
    moved_on = S.DISPOSED in path[position + 1 :]
    bounced = S.DISPOSED in path[:position]
    unit = rng.choice(_WRONG_UNITS) if moved_on else case.about.unit
    not_authority = bounced or case.forwarded
    return Step(status, times[position], actor, "Bukan wewenang kami" if not_authority else note, unit, not_authority)


def replies(case: Case, log: list[Step]) -> list[Reply]:
    """The follow-ups that belong to a status log, oldest first."""
    rng = dice(case.course ^ 0x5EED)
    seeded = len(log) - len(case.steps_since)
    found: list[Reply] = []
    for step in log[:seeded]:
        kind = _KIND_AT.get(step.status)
        if kind is not None:
            found.append(_reply(rng, kind, step.at))
        elif step.status is S.CLOSED and step.actor is ActorRole.REPORTER:
            found.append(_reply(rng, FollowUpKind.REPORTER_REPLY, step.at))
    if len(found) > 1 and rng.random() < 0.4:
        middle = (found[0].at + found[1].at) // 2
        found.insert(1, _reply(rng, FollowUpKind.PROGRESS, middle))
    return found + [_since(case, move.follow_up, move) for move in case.moves if move.follow_up is not None]


def _since(case: Case, kind: FollowUpKind, move: Move) -> Reply:
    if move.content is None:
        return _reply(dice(case.course ^ move.at), kind, move.at)
    return Reply(kind, move.at, move.content, move.is_confidential, move.reference)


def _reply(rng: random.Random, kind: FollowUpKind, at: int) -> Reply:
    return Reply(kind, at, rng.choice(_REPLIES[kind]), rng.random() < 0.03)
