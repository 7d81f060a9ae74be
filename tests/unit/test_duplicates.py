"""Likely duplicates: what is one matter and what is two, and what suggestions are worth on a set that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from gateway.duplicates import suggest
from gateway.duplicates.gist import gist
from gateway.duplicates.score import Scorer, metres
from gateway.duplicates.suggest import LEAST
from schema.complaint import Complaint, IncidentLocation
from schema.links import LinkKind
from schema.ports import Snapshot
from tests.unit.repeats import Regency, measured

WRITTEN = [each.complaint for each in Regency(seed=9, days=60).complaints(300, 0)]
CROWD = [said for each in WRITTEN if (said := gist(each)) is not None]


def complaint(text: str, region: str | None = None, **more: Any) -> Complaint:
    place = IncidentLocation(region_code=region, **more) if region or more else None
    return replace(
        WRITTEN[0], agency="kab-contoh", title=None, original_text=text, category=None, incident_location=place
    )


def score(one: Complaint, other: Complaint) -> float:
    mine, theirs = gist(one), gist(other)
    assert mine is not None
    assert theirs is not None
    scorer = Scorer([mine, theirs, *CROWD])
    found = scorer.score(mine, theirs)
    assert found == pytest.approx(scorer.score(theirs, mine), abs=0.1)
    return found


HOLE = "Jalan berlubang di Jl. Wijayakusuma RT 3 RW 5 Desa Tegalrejo, banyak motor jatuh. Mohon segera diperbaiki."


@pytest.mark.parametrize(
    "again",
    [
        HOLE,
        HOLE.lower(),
        HOLE.upper(),
        "Laporan ulang, sudah dua minggu belum ada tanggapan. " + HOLE,
        "jln berlubang di jl wijayakusuma rt03/rw05 ds tegalrejo byk motor jatuh",
        "Jalan berlubang di Jl. Wijayakusma RT.03/RW.05",
        "Aspal jalan Wijayakusuma, Tegalrejo rusak parah dan banyak kubangan. Terima kasih.",
    ],
)
def test_one_matter(again: str) -> None:
    assert score(complaint(HOLE), complaint(again)) >= LEAST


@pytest.mark.parametrize(
    "other",
    [
        HOLE.replace("RT 3", "RT 5"),
        HOLE.replace("RW 5", "RW 6"),
        HOLE.replace("Tegalrejo", "Margodadi"),
        HOLE.replace("Wijayakusuma", "Ronggowarsito"),
        "Lampu jalan mati di Jl. Wijayakusuma RT 3 RW 5 Desa Tegalrejo, gelap sekali. Mohon segera diperbaiki.",
        "Jalan berlubang, banyak motor jatuh. Mohon segera diperbaiki Pak, terima kasih banyak atas perhatiannya.",
        "Mohon segera diperbaiki.",
    ],
)
def test_another_matter(other: str) -> None:
    assert score(complaint(HOLE), complaint(other)) < LEAST


def test_places_beside_the_text() -> None:
    text = "Sampah menumpuk dan baunya menyengat, sudah seminggu tidak diangkut"
    here = complaint(text, "36.03.01")
    assert score(here, complaint(text, "36.03.01.2001")) >= LEAST
    assert score(here, complaint(text, "36.03")) >= LEAST
    assert score(here, complaint(text, "36.03.02")) < LEAST
    point = complaint(text, latitude=-6.2, longitude=106.5)
    assert score(point, complaint(text, latitude=-6.2005, longitude=106.5)) >= LEAST
    assert score(point, complaint(text, latitude=-6.25, longitude=106.5)) < LEAST
    assert metres((-6.2, 106.5), (-6.3, 106.5)) == pytest.approx(11_119, rel=0.01)


def test_a_known_set() -> None:
    """The full size is in tests/soak."""
    figures = measured(Regency(seed=1, days=60).complaints(900, 60), every=12)
    assert figures.precision >= 0.95
    assert figures.recall >= 0.8


class Near:
    """As much of a snapshot as is asked."""

    def __init__(self, near: Sequence[Complaint]) -> None:
        self.near = near

    async def neighbours(self, complaint: Complaint, days: int, most: int) -> Sequence[Complaint]:
        return self.near


@pytest.mark.anyio
@pytest.mark.parametrize("crowd", [0, 60])
async def test_suggestions(crowd: int) -> None:
    asked = complaint(HOLE)
    earlier = replace(complaint(HOLE), id="complaint_earlier", submitted_at=asked.submitted_at - timedelta(days=2))
    later = replace(earlier, id="complaint_later", submitted_at=asked.submitted_at + timedelta(days=2))
    elsewhere = replace(earlier, id="complaint_elsewhere", agency="sp4n-lapor", original_text=HOLE[:60])
    emptied = replace(earlier, id="complaint_emptied", title=None, original_text=None)
    twelve = [replace(earlier, id=f"complaint_{number}") for number in range(12)]
    snapshot = cast("Snapshot", Near([*WRITTEN[1:crowd], emptied, earlier, later, elsewhere]))
    found = await suggest(snapshot, asked)
    assert [(each.complaint.id, each.kind) for each in found] == [
        ("complaint_earlier", LinkKind.DUPLICATE_OF),
        ("complaint_later", LinkKind.SAME_AS),
        ("complaint_elsewhere", LinkKind.SAME_AS),
    ]
    assert found[0].score == 1.0
    assert len(await suggest(cast("Snapshot", Near(twelve)), asked)) == 10
    assert await suggest(snapshot, emptied) == ()
    out_of_time = iter(range(1_000_000))
    assert await suggest(snapshot, asked, seconds=lambda: float(next(out_of_time) * 10)) == ()
