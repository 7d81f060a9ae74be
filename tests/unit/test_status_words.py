"""The table of status words, line by line: what each system says and what it means here."""

from __future__ import annotations

import pytest

from connectors.lapor.wire import WORDS as LAPOR
from connectors.open311.wire import WORDS as OPEN311
from connectors.words import Words, read_words
from schema.status import ActorRole, ComplaintStatus

S, A = ComplaintStatus, ActorRole

#: As agencies' files would have them in `[status]`.
JAKI = read_words(
    status={
        "Menunggu": "SUBMITTED",
        "Koordinasi": "DISPOSED",
        "Disposisi": "DISPOSED",
        "Proses": "IN_FOLLOW_UP",
        "Selesai": "CLOSED",
        "rejected": "REJECTED",
    }
)
SAPAWARGA = read_words(
    status={
        "unverified": "SUBMITTED",
        "verified": "VERIFIED",
        "coordinated": "DISPOSED",
        "not_yet_coordinated": "DISPOSED",
        "diverted_to_span": "DISPOSED",
        "followup": "IN_FOLLOW_UP",
        "postponed": "POSTPONED",
        "finished": "CLOSED",
        "failed": "REJECTED",
        "rejected": "REJECTED",
    }
)

TABLE: list[tuple[Words, str, ComplaintStatus, ActorRole | None]] = [
    (LAPOR, "Belum Terverifikasi", S.SUBMITTED, None),
    (JAKI, "Menunggu", S.SUBMITTED, None),
    (SAPAWARGA, "unverified", S.SUBMITTED, None),
    (OPEN311, "open", S.SUBMITTED, None),
    (OPEN311, "new", S.SUBMITTED, None),
    (OPEN311, "Received", S.SUBMITTED, None),
    (LAPOR, "Terverifikasi", S.VERIFIED, None),
    (SAPAWARGA, "verified", S.VERIFIED, None),
    (LAPOR, "Menunggu Kelengkapan Informasi", S.AWAITING_INFORMATION, None),
    (LAPOR, "Terdisposisi ke Dinas Perhubungan", S.DISPOSED, None),
    (LAPOR, "Terdisposisi ke Badan Kepegawaian, Pendidikan, dan Pelatihan", S.DISPOSED, None),
    (JAKI, "Koordinasi", S.DISPOSED, None),
    (JAKI, "Disposisi", S.DISPOSED, None),
    (SAPAWARGA, "coordinated", S.DISPOSED, None),
    (SAPAWARGA, "not_yet_coordinated", S.DISPOSED, None),
    (SAPAWARGA, "diverted_to_span", S.DISPOSED, None),
    (OPEN311, "internal_referral", S.DISPOSED, None),
    (LAPOR, "Dalam Proses", S.IN_FOLLOW_UP, None),
    (LAPOR, "Ditindaklanjuti", S.IN_FOLLOW_UP, None),
    (JAKI, "Proses", S.IN_FOLLOW_UP, None),
    (SAPAWARGA, "followup", S.IN_FOLLOW_UP, None),
    (OPEN311, "in_progress", S.IN_FOLLOW_UP, None),
    (OPEN311, "investigating", S.IN_FOLLOW_UP, None),
    (OPEN311, "planned", S.IN_FOLLOW_UP, None),
    (LAPOR, "Tunda", S.POSTPONED, None),
    (SAPAWARGA, "postponed", S.POSTPONED, None),
    (LAPOR, "Selesai otomatis dalam 10 hari", S.ANSWERED, None),
    (LAPOR, "Ditutup oleh Sistem", S.CLOSED, A.SYSTEM),
    (LAPOR, "Ditutup oleh Pelapor", S.CLOSED, A.REPORTER),
    (LAPOR, "Ditutup oleh Admin", S.CLOSED, A.NATIONAL_ADMIN),
    (LAPOR, "Selesai", S.CLOSED, None),
    (JAKI, "Selesai", S.CLOSED, None),
    (SAPAWARGA, "finished", S.CLOSED, None),
    (OPEN311, "closed", S.CLOSED, None),
    (OPEN311, "fixed", S.CLOSED, None),
    (LAPOR, "Diarsipkan oleh Admin", S.ARCHIVED, A.NATIONAL_ADMIN),
    (LAPOR, "Diarsipkan oleh Sistem", S.ARCHIVED, A.SYSTEM),
    (LAPOR, "Diarsipkan oleh Pelapor", S.ARCHIVED, A.REPORTER),
    (OPEN311, "cancelled", S.ARCHIVED, None),
    (LAPOR, "Ditolak", S.REJECTED, None),
    (JAKI, "rejected", S.REJECTED, None),
    (SAPAWARGA, "failed", S.REJECTED, None),
    (SAPAWARGA, "rejected", S.REJECTED, None),
    (OPEN311, "not_councils_responsibility", S.REJECTED, None),
    (OPEN311, "duplicate", S.DUPLICATE, None),
]


@pytest.mark.parametrize(("words", "native", "status", "actor"), TABLE)
def test_a_native_word_has_its_canonical_status(
    words: Words, native: str, status: ComplaintStatus, actor: ActorRole | None
) -> None:
    for spelling in (native, native.upper(), native.lower(), f"  {native.replace(' ', '  ')} "):
        meaning = words.status(spelling)
        assert (meaning.status, meaning.actor) == (status, actor)


@pytest.mark.parametrize("words", [LAPOR, OPEN311, JAKI, SAPAWARGA])
@pytest.mark.parametrize("native", ["Menunggu Rapat Koordinasi", "wont_fix", "9", "Terverifikasi?", "-"])
def test_a_word_that_is_mapped_nowhere_is_never_guessed(words: Words, native: str) -> None:
    assert words.status(native).status is S.UNMAPPED


@pytest.mark.parametrize("native", ["In Progress", "in-progress", "NOT COUNCILS RESPONSIBILITY", "internal-referral"])
def test_open311_words_are_the_same_with_blanks_hyphens_and_capitals(native: str) -> None:
    assert OPEN311.status(native).status is not S.UNMAPPED


def test_an_agencys_file_goes_before_what_the_kind_knows() -> None:
    own = read_words(status={"open": "IN_FOLLOW_UP", "wont_fix": "REJECTED"})
    merged = own.over(OPEN311)
    assert merged.status("OPEN").status is S.IN_FOLLOW_UP
    assert merged.status("wont_fix").status is S.REJECTED
    assert merged.status("closed").status is S.CLOSED
