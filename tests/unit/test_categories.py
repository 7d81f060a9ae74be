"""SP4N-LAPOR!'s topics."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from schema.categories import Category, by_lapor_id, category, children, covers, top, topics
from schema.query import Language

FACTS = Path(__file__).resolve().parents[3] / "shared" / "data"
EVERY = [found for topic in topics() for found in (topic, *children(topic.code))]


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def test_all_are_there() -> None:
    assert len(topics()) == 38
    assert len(EVERY) == 958
    assert len({found.code for found in EVERY}) == len(EVERY)


def test_roads() -> None:
    roads = category("infrastruktur.jalan")
    assert roads == Category("infrastruktur.jalan", "Infrastruktur Jalan", "Roads", (928,))
    assert roads.parent == "infrastruktur"
    assert roads in children("infrastruktur")
    assert by_lapor_id(928) == roads


def test_every_category_is_well_formed() -> None:
    for found in EVERY:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)?", found.code)
        assert len(found.code) <= 120
        assert category(found.code) == found
        assert found.name() == found.name(Language.ID) == found.indonesian == " ".join(found.indonesian.split())
        assert found.name(Language.EN)
        assert (found.parent is None) == (found in topics())
        assert top(found.code) == (found.parent or found.code)


def test_every_topic_has_an_english_name() -> None:
    assert all(topic.english for topic in topics())
    assert category("agama.lainnya") == Category("agama.lainnya", "Lainnya terkait Agama")


def test_what_is_not_known() -> None:
    assert category("infrastruktur.sihir") is None
    assert children("sihir") == ()
    assert by_lapor_id(1) is None


def test_covering_compares_whole_codes() -> None:
    assert covers("infrastruktur", "infrastruktur.jalan")
    assert covers("infrastruktur.jalan", "infrastruktur.jalan")
    assert not covers("infrastruktur.jalan", "infrastruktur.jalan-berlubang")
    assert not covers("infrastruktur.jalan", "infrastruktur")


@pytest.mark.skipif(not FACTS.exists(), reason="the source's facts are not here")
def test_nothing_of_the_source_is_lost() -> None:
    facts: dict[str, list[str]] = json.loads((FACTS / "lapor_categories.json").read_text(encoding="utf-8"))
    assert [len(children(topic.code)) for topic in topics()] == [len(set(subs)) for subs in facts.values()]


@pytest.mark.skipif(not FACTS.exists(), reason="the source's facts are not here")
def test_numeric_ids_name_the_same_thing_there() -> None:
    with (FACTS / "lapor_category_ids.csv").open(encoding="utf-8", newline="") as file:
        facts = {int(row["id"]): row["name"] for row in csv.DictReader(file)}
    known = {number: found for number in facts if (found := by_lapor_id(number))}
    # "Lainnya" and "PKH Program Keluarga Harapan" stand under two topics, and the ids don't say which.
    assert set(facts) - set(known) == {1659, 1660}
    assert {number: _letters(found.indonesian) for number, found in known.items()} == {
        number: _letters(name) for number, name in facts.items() if number in known
    }
