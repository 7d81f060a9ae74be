"""Every value that people are shown has a name in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, StrEnum
from pathlib import Path

import pytest

from schema import agency, clocks, complaint, delivery, events, links, query, regions, status, writes
from schema.agency import SourceErrorCode
from schema.labels import EnumLabel, label, labels, source_message
from schema.messages import fault_message, problem_message, transfer_message
from schema.query import Language, Measure
from schema.writes import Action, InputFault, ProblemCode, TransferRefusal

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "graph" / "hub.graphql"
ENUM = r"^enum (\w+) \{(.*?)^\}"

VOCABULARY = {
    member
    for module in (agency, clocks, complaint, delivery, events, links, query, regions, status, writes)
    for member in vars(module).values()
    if isinstance(member, type) and issubclass(member, StrEnum) and member is not StrEnum
}
# Measure names columns of a bucket, actions stand in the audit, faults have sentences, and Audience and link__Purpose
# stand in directives only.
NOT_SHOWN = {Measure.__name__, Action.__name__, InputFault.__name__, "Audience", "link__Purpose"}
#: Values that came after the contract was written, where it says that they may.
GROWN = {("SourceErrorCode", "REJECTED")}

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
    ours = {name: [each for each in _labelled(name) if (name, each) not in GROWN] for name in enums}
    assert {name: ours[name] for name in enums if name not in NOT_SHOWN} == {
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


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("said", [*ProblemCode, *TransferRefusal, *InputFault])
def test_a_refusal_is_one_sentence(said: ProblemCode | TransferRefusal | InputFault, language: Language) -> None:
    other = Language.EN if language is Language.ID else Language.ID
    match said:
        case ProblemCode():
            message, translated = problem_message(said, language), problem_message(said, other)
        case TransferRefusal():
            message, translated = transfer_message(said, language), transfer_message(said, other)
        case InputFault():
            message, translated = fault_message(said, language), fault_message(said, other)
    assert re.fullmatch(r"[A-Z][^.]+\.", message)
    assert message != translated
