"""Filters as SQL: one text per shape, values apart, prefixes by group."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.database import Dialect, Sql
from gateway.ledger.filters import complaint_conditions
from gateway.ledger.listing import matching, page
from gateway.ledger.sqlite import placeholders
from gateway.ledger.statement import among
from schema.complaint import Channel
from schema.errors import BadUserInput
from schema.query import PUBLIC, ComplaintFilter, ComplaintOrder, RowKey, Window

GROUPS = st.lists(st.sampled_from(["36", "03", "0", "a", "-", "/", "."]), min_size=1, max_size=4)


@given(code=GROUPS.map(".".join), asked=GROUPS.map(".".join))
@settings(deadline=None)
def test_a_code_covers_itself_and_what_follows_it_after_a_dot(code: str, asked: str) -> None:
    sql = Sql()
    [_, condition] = complaint_conditions(ComplaintFilter(category=asked), PUBLIC, sql)
    question = f"SELECT {condition.replace('c.category', sql.bind(code))}"
    [[covered]] = sqlite3.connect(":memory:").execute(placeholders(question), sql.params)
    assert bool(covered) is (code == asked or code.startswith(asked + "."))


def test_lists_of_any_length_make_few_texts() -> None:
    texts = set()
    for length in range(101):
        sql = Sql()
        texts.add(among(sql, range(length)))
        assert set(sql.params) == set(range(length))
    assert len(texts) == 9


def test_the_text_depends_on_the_shape_alone() -> None:
    def text(*ids: str, word: str, after: str) -> str:
        filter = ComplaintFilter(ids=ids, text=word, channel=Channel.SMS, overdue=False)
        window = Window(limit=7, after=RowKey((after,), "complaint_x"))
        return page(filter, ComplaintOrder(), window, PUBLIC, Dialect.SQLITE).sql

    assert text("a", "b", "c", word="jalan", after="2021") == text("x", "'", '"', "$1", word='";a--', after="'")


def test_nothing_asked_restricts_to_what_may_be_seen() -> None:
    sql = Sql()
    assert matching(ComplaintFilter(), PUBLIC, sql, Dialect.SQLITE) == "c.public"
    assert sql.params == []


@pytest.mark.parametrize(
    ("moment", "bound"),
    [
        (datetime(2021, 3, 1, tzinfo=UTC), "2021-03-01T00:00:00.000Z"),
        (datetime(2021, 3, 1, 0, 0, 0, 1, tzinfo=UTC), "2021-03-01T00:00:00.001Z"),
        (datetime(2021, 3, 1, 7, tzinfo=timezone(timedelta(hours=7))), "2021-03-01T00:00:00.000Z"),
    ],
)
def test_moments_are_bound_as_they_are_stored(moment: datetime, bound: str) -> None:
    sql = Sql()
    complaint_conditions(ComplaintFilter(submitted_after=moment), PUBLIC, sql)
    assert sql.params == [bound]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_a_moment_out_of_range_is_refused(moment: datetime) -> None:
    with pytest.raises(BadUserInput):
        complaint_conditions(ComplaintFilter(updated_before=moment), PUBLIC, Sql())
