"""A restart goes on where the simulator ended, whatever ended it."""

from __future__ import annotations

from pathlib import Path

from schema.complaint import FollowUpKind
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency, life
from simulators.case import Filed
from simulators.content import story
from simulators.dialects import DIALECTS
from simulators.journal import Journal

ANCHOR = 1_777_852_800


def play(slug: str, folder: Path) -> Agency:
    journal = Journal(folder / f"{slug}.ndjson")
    return Agency(DIALECTS[slug], seed=1, anchor=ANCHOR, now=lambda: ANCHOR + 500.0, journal=journal, count=50)


def told(agency: Agency) -> list[bytes]:
    return [agency.record(place) for place in agency.newest_first()]


def test_every_agency_comes_back_as_it_was(tmp_path: Path) -> None:
    for slug in DIALECTS:
        first = play(slug, tmp_path)
        chance = life(slug, 1, 0)
        for _ in range(60):
            first.live(chance)
        first.move(5, chance)
        first.close()
        second = play(slug, tmp_path)
        assert told(second) == told(first)
        second.move(3, chance)
        second.close()
        third = play(slug, tmp_path)
        assert told(third) == told(second)
        assert len(third.cases) == 50 or slug != "kab-tangerang"


def test_what_was_written_comes_back_too(tmp_path: Path) -> None:
    for slug in DIALECTS:
        first = play(slug, tmp_path)
        filed = Filed(title="Jalan", text="Rusak", matter="jalan", region="36.03.01", reference="SMP-1", name="Siti")
        case = first.file(filed)
        native_id = first.dialect.native_id(case)
        first.write(native_id, follow_up=FollowUpKind.PROGRESS, content="Dicek", reference="delivery_1")
        first.write(native_id, unit="Dinas Perhubungan", note="Bukan wewenang", not_authority=True)
        first.write(native_id, to=ComplaintStatus.CLOSED, actor=ActorRole.REPORTER)
        first.write(native_id, score=4, actor=ActorRole.REPORTER)
        first.fail("lose")
        lost = first.file(filed)
        first.heal()
        again = first.file(filed)
        assert first.find(first.dialect.native_id(lost)) is None
        first.close()
        second = play(slug, tmp_path)
        assert told(second) == told(first)
        ids = [native_id, second.dialect.native_id(again)]
        assert second.writings.held() == {"SMP-1": ids, "delivery_1": [native_id]}
        assert second.writings.tally().duplicates == {"SMP-1": 2}
        assert second.referred("SMP-1") == [second.find(id) for id in ids]
        found = story(second.cases[second.referred("SMP-1")[0]])
        assert [step.status for step in found.log] == [
            ComplaintStatus.SUBMITTED,
            ComplaintStatus.DISPOSED,
            ComplaintStatus.CLOSED,
        ]
        assert (found.stars and found.stars.score, [r.content for r in found.replies]) == (4, ["Dicek"])
        assert second.file(filed).number > again.number > lost.number
        second.close()


def test_a_line_that_was_cut_is_dropped_and_the_rest_goes_on(tmp_path: Path) -> None:
    first = play("prov-diy", tmp_path)
    first.move(4, life("test", 1, 0))
    first.close()
    path = tmp_path / "prov-diy.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    second = play("prov-diy", tmp_path)
    assert sum(len(case.moves) for case in second.cases) == 3
    second.move(1, life("test", 2, 0))
    second.close()
    assert sum(len(case.moves) for case in play("prov-diy", tmp_path).cases) == 4
