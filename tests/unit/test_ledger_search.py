"""Words and stems."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.ledger.database import Dialect
from gateway.ledger.search import _stem, hits, question, stems, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Perbaikan, memperbaiki & DIPERBAIKI!", "baik baik baik"),
        ("Jalan-jalan di Jl.Sudirman No.12", "jalan jalan di jl sudirm no 12"),
        ("jum'at\0malam", "jum at malam"),
        ("＂ＡＩＲ＂ _mati_", "air mati"),
        ("?! \ud800 😀", ""),
    ],
)
def test_texts_are_cut_into_stems(text: str, found: str) -> None:
    assert stems(text) == found


def test_words_are_only_cut_and_lowered() -> None:
    assert words("Memperbaiki Jl.Sudirman") == "memperbaiki jl sudirman"


def test_a_run_without_end_is_cut_short() -> None:
    assert len(words("x" * 100_000)) == 64


@given(st.text(max_size=200))
@example('" OR stems:* NEAR(a b) AND NOT ^x')
@settings(deadline=None)
def test_every_text_is_found_by_itself_and_none_is_syntax(text: str) -> None:
    asked = question(text, Dialect.SQLITE)
    if asked is None:
        assert not words(text)
        return
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE complaint_search USING fts5(id UNINDEXED, stems, tokenize = 'unicode61')")
    index.execute("INSERT INTO complaint_search VALUES ('a', ?)", [stems(text)])
    assert [row[0] for row in index.execute(hits("?1", Dialect.SQLITE), [asked])] == ["a"]


def test_threads_do_not_mix_their_words() -> None:
    texts = [f"memper{word}kan" for word in ("besar", "kecil", "baik", "luas", "panjang", "pendek", "cepat")]
    alone = [stems(text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            _stem.cache_clear()
            assert list(threads.map(stems, texts)) == alone
