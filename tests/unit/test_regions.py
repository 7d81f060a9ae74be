"""Regions by Kemendagri code."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.regions import Region, RegionLevel, covers, parent_of, parse_code, parts, province_of, regency_of, region

FACTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "regions.csv"


def _below(code: str | None = None) -> list[Region]:
    return [found for part in parts(code) for found in (part, *_below(part.code))]


EVERY = _below()
codes = st.sampled_from([found.code for found in EVERY])
quick = settings(deadline=None, max_examples=50)


def test_all_are_there() -> None:
    assert Counter(found.level for found in EVERY) == {"PROVINCE": 38, "REGENCY": 514, "DISTRICT": 7285}
    assert len({found.code for found in EVERY}) == len(EVERY)


def test_the_classic_misrouting() -> None:
    assert region("36.03") == Region("36.03", "Kabupaten Tangerang", RegionLevel.REGENCY, "36")
    names = {found.code: found.name for found in parts("36")}
    assert (names["36.71"], names["36.74"]) == ("Kota Tangerang", "Kota Tangerang Selatan")


def test_the_pilots_regions_are_known() -> None:
    named = {code: found.name for code in ("51", "13", "34", "34.04", "51.03") if (found := region(code))}
    assert named == {
        "51": "Bali",
        "13": "Sumatera Barat",
        "34": "Daerah Istimewa Yogyakarta",
        "34.04": "Kabupaten Sleman",
        "51.03": "Kabupaten Badung",
    }


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("36", RegionLevel.PROVINCE),
        ("36.03", RegionLevel.REGENCY),
        ("36.03.01", RegionLevel.DISTRICT),
        ("36.03.01.2001", RegionLevel.VILLAGE),
        ("99.99", RegionLevel.REGENCY),
        ("", None),
        ("3", None),
        ("36.0", None),
        ("3603", None),
        ("36.", None),
        (".36", None),
        ("36.03.1", None),
        ("36.03.01.200", None),
        ("36.03.01.2001.01", None),
        ("36 ", None),
        ("36\n", None),
        ("３６", None),
        ("AB.CD", None),
    ],
)
def test_the_shape_of_a_code(code: str, level: RegionLevel | None) -> None:
    assert parse_code(code) is level


@pytest.mark.parametrize("code", ["99", "36.99", "36.03.01.2001", "", "36.0", "# MIT"])
def test_what_is_not_known(code: str) -> None:
    assert region(code) is None
    assert parts(code) == ()


@quick
@given(codes)
def test_a_region_and_its_place(code: str) -> None:
    found = region(code)
    assert found is not None
    assert found.level is parse_code(code)
    assert found.name == " ".join(found.name.split()) != ""
    assert found.parent == parent_of(code)
    assert found in parts(found.parent)
    assert province_of(code) in {province.code for province in parts()}
    assert regency_of(code) == (None if found.level is RegionLevel.PROVINCE else code[:5])


@quick
@given(codes, codes)
def test_covering_is_being_an_ancestor(whole: str, part: str) -> None:
    ancestors, code = {part}, parent_of(part)
    while code:
        ancestors.add(code)
        code = parent_of(code)
    assert covers(whole, part) == (whole in ancestors)


def test_covering_compares_whole_groups() -> None:
    assert covers("36", "36.03.01")
    assert not covers("36.0", "36.03")
    assert not covers("3", "36")


def test_parts_come_by_code() -> None:
    assert [found.code for found in EVERY] == sorted(found.code for found in EVERY)


@pytest.mark.skipif(not FACTS.exists(), reason="the source's facts are not here")
def test_names_are_those_of_the_source() -> None:
    with FACTS.open(encoding="utf-8", newline="") as file:
        facts = {row["code"]: (" ".join(row["name"].split()), row["level"]) for row in csv.DictReader(file)}
    assert {found.code: (found.name, found.level) for found in EVERY} == facts
