"""1,000 broken texts and 200 broken workbooks: a typed error or records, and the next whole file heals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.offices import FORMS, XLSX
from tests.contract.test_files_hostile import EDITS, MEMBERS, TEXTS, edited, repacked, survives


@pytest.mark.soak
@settings(max_examples=1_000, deadline=None)
@given(st.sampled_from(TEXTS), EDITS, st.booleans())
def test_hostile_texts(name: str, edits: list[tuple[float, int, bytes]], joined: bool) -> None:
    survives(name, edited(FORMS[name], edits), joined)


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@given(st.sampled_from((None, *MEMBERS)), EDITS)
def test_hostile_sheets(member: str | None, edits: list[tuple[float, int, bytes]]) -> None:
    survives("xlsx.xlsx", edited(XLSX, edits) if member is None else repacked(XLSX, member, edits), False)
