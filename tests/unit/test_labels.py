"""Every value that people are shown has a name in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, StrEnum
from pathlib import Path

import pytest

from schema import agency, clocks, complaint, events, query, regions, status
from schema.agency import SourceErrorCode
from schema.labels import EnumLabel, label, labels, source_message
from schema.query import Language, Measure

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "graph" / "hub.graphql"
ENUM = r"^enum (\w+) \{(.*?)^\}"

VOCABULARY = {
    member
    for module in (agency, clocks, complaint, events, query, regions, status)
    for member in vars(module).values()
    if isinstance(member, type) and issubclass(member, StrEnum) and member is not StrEnum
}
# Measure names columns of a bucket; Audience and link__Purpose stand in directives only.
NOT_SHOWN = {Measure.__name__, "Audience", "link__Purpose"}

SHOWN = sorted((enum for enum in VOCABULARY if enum.__name__ not in NOT_SHOWN), key=lambda enum: enum.__name__)


def _labelled(enum_name: str) -> list[str]:
    return [found.value for found in labels() if found.enum_name == enum_name]


@pytest.mark.parametrize("enum", SHOWN, ids=lambda enum: enum.__name__)
def test_the_vocabulary_is_labelled_in_order(enum: Iterable[Enum]) -> None:
    assert _labelled(getattr(enum, "__name__", "")) == [member.value for member in enum]


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not here")
def test_the_contract_is_labelled() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    enums = {name: re.findall(r"^  ([A-Z_]+)$", body, re.M) for name, body in re.findall(ENUM, text, re.M | re.S)}
    assert {name: _labelled(name) for name in enums if name not in NOT_SHOWN} == {
        name: values for name, values in enums.items() if name not in NOT_SHOWN
    }


@pytest.mark.parametrize("language", Language)
def test_a_label_is_a_short_name(language: Language) -> None:
    for found in labels(language):
        assert found == EnumLabel(found.enum_name, found.value, label(found.enum_name, found.value, language))
        assert found.label == found.label.strip()
        assert 0 < len(found.label) <= 40
        assert found.label[0].isupper()


def test_values_of_one_enum_are_told_apart() -> None:
    for language in Language:
        shown = [(found.enum_name, found.label) for found in labels(language)]
        assert len(set(shown)) == len(shown)


def test_the_languages_differ() -> None:
    assert label("ComplaintStatus", "IN_FOLLOW_UP") == "Ditindaklanjuti"
    assert label("ComplaintStatus", "IN_FOLLOW_UP", Language.EN) == "In progress"


def test_there_is_no_label_for_nothing() -> None:
    with pytest.raises(KeyError):
        label("ComplaintStatus", "LOST")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("code", SourceErrorCode)
def test_a_source_message_is_one_sentence(code: SourceErrorCode, language: Language) -> None:
    message = source_message(code, language)
    assert re.fullmatch(r"[A-Z][^.]+\.", message)
    assert message != source_message(code, Language.EN if language is Language.ID else Language.ID)
