"""Filters as SQL: one text per shape, values apart, prefixes by group."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.database import Dialect, Sql
from gateway.ledger.filters import complaint_conditions, matching, params, shape_of
from gateway.ledger.listing import page
from gateway.ledger.rows import regions, top_category
from gateway.ledger.sqlite import placeholders
from gateway.ledger.statement import among
from schema.complaint import Channel
from schema.errors import BadUserInput
from schema.query import PUBLIC, ComplaintFilter, ComplaintOrder, RowKey, Window

GROUPS = st.lists(st.sampled_from(["36", "03", "0", "a", "-", "/", "."]), min_size=1, max_size=4)


def question(filter: ComplaintFilter) -> tuple[str, list[Any]]:
    """A filter as a condition, and what is bound in it."""
    conditions = complaint_conditions(filter, Dialect.SQLITE)
    return matching(shape_of(conditions), "c.public", Dialect.SQLITE), params(conditions)


def fulfilled(filter: ComplaintFilter, **columns: Any) -> bool:
    """Whether a complaint with these columns is what the filter means."""
    condition, values = question(filter)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE complaints (public, {', '.join(columns)})")
        database.execute(f"INSERT INTO complaints VALUES (1, {', '.join('?' * len(columns))})", list(columns.values()))
        [[found]] = database.execute(placeholders(f"SELECT count(*) FROM complaints c WHERE {condition}"), values)
    return bool(found)


@given(code=GROUPS.map(".".join), asked=GROUPS.map(".".join))
@settings(deadline=None)
def test_a_category_covers_itself_and_what_follows_it_after_a_dot(code: str, asked: str) -> None:
    covered = fulfilled(ComplaintFilter(category=asked), category=code, top_category=top_category(code))
    assert covered is (code == asked or code.startswith(asked + "."))


@given(
    code=st.lists(st.sampled_from(["36", "03", "01", "0", "3", "2001"]), max_size=5).map(".".join),
    asked=st.sampled_from(["36", "03", "36.03", "36.01", "36.03.01", "36.03.01.2001"]),
)
@settings(deadline=None)
def test_a_region_covers_itself_and_what_follows_it_after_a_dot(code: str, asked: str) -> None:
    province, regency = regions(code)
    covered = fulfilled(ComplaintFilter(region_code=asked), region_code=code, province=province, regency=regency)
    assert covered is (code == asked or code.startswith(asked + "."))


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
    assert question(ComplaintFilter()) == ("c.public", [])


@pytest.mark.parametrize(
    ("moment", "bound"),
    [
        (datetime(2021, 3, 1, tzinfo=UTC), "2021-03-01T00:00:00.000Z"),
        (datetime(2021, 3, 1, 0, 0, 0, 1, tzinfo=UTC), "2021-03-01T00:00:00.001Z"),
        (datetime(2021, 3, 1, 7, tzinfo=timezone(timedelta(hours=7))), "2021-03-01T00:00:00.000Z"),
    ],
)
def test_moments_are_bound_as_they_are_stored(moment: datetime, bound: str) -> None:
    assert question(ComplaintFilter(submitted_after=moment)) == ("c.public AND c.submitted_at >= $1", [bound])


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
        complaint_conditions(ComplaintFilter(updated_before=moment), Dialect.SQLITE)
