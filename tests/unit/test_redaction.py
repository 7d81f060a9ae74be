"""Personal identifiers in texts: found where people write them, and nothing else taken for one."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.redaction import redacted
from tests.unit.identifiers import cases

MARK = re.compile(r"\[(?:NIK|telepon|surel|pelat)\]")
SET = list(cases(2_000, seed=7))


def survives(value: str, text: str) -> bool:
    """It, or so much of it that it could be guessed."""
    return any(part in text for part in (value, *(run for run in re.findall(r"\d+", value) if len(run) > 3)))


def test_the_synthetic_set() -> None:
    planted = found = marks = kept = alike = 0
    wrong = []
    for case in SET:
        text = redacted(case.text)
        gone = [value for value in case.planted if not survives(value, text)]
        stays = [value for value in case.alike if value in text]
        planted, found, marks = planted + len(case.planted), found + len(gone), marks + len(MARK.findall(text))
        alike, kept = alike + len(case.alike), kept + len(stays)
        if len(gone) < len(case.planted) or len(stays) < len(case.alike):
            wrong.append((case, text))
    recall, precision = found / planted, found / marks
    figures = f"{planted} planted, {alike} look-alikes: recall {recall:.4f}, precision {precision:.4f}, {kept} kept"
    print(figures)
    assert recall >= 0.99, (figures, wrong[:20])
    assert precision >= 0.98, (figures, wrong[:20])


def test_all_of_it_is_redacted_once() -> None:
    for case in SET:
        once = redacted(case.text)
        assert redacted(once) == once


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NIK saya 3603124509900001, WA 0812-3456-7890", "NIK saya [NIK], WA [telepon]"),
        ("NIK 360312450990001 (kurang satu)", "NIK [NIK] (kurang satu)"),
        ("3603124509900001-081234567890", "[NIK]-[telepon]"),
        ("081234567890/081398765432", "[telepon]/[telepon]"),
        ("0812 3456 7890 2 kali", "[telepon] 2 kali"),
        ("0 8 1 2 3 4 5 6 7 8 9 0", "[telepon]"),
        ("０８１２３４５６７８９０", "[telepon]"),
        ("(0274) 512345, Telp. 0361/223344", "[telepon], Telp. [telepon]"),
        ("5189 0812 3456 7890", "5189 0812 3456 7890"),
        ("-7.0812345678, 110.812345678", "-7.0812345678, 110.812345678"),
        ("Rp 085.000.000 dan 62.812.345.678", "Rp 085.000.000 dan 62.812.345.678"),
        ("SMP-0812-3456-7890 dan TNG-2026-003301", "SMP-0812-3456-7890 dan TNG-2026-003301"),
        ("112, 14045, 1500123, 0800 1234567", "112, 14045, 1500123, 0800 1234567"),
        ("budi@dinkes.go.id, pengaduan@dinkes.go.id", "[surel], pengaduan@dinkes.go.id"),
        ("B 1234 XYZ, ab5678cd, motor b 12 ab", "[pelat], [pelat], motor [pelat]"),
        ("Blok B 12 A, KM 12, RT 03 RW 05, Jl. A 12", "Blok B 12 A, KM 12, RT 03 RW 05, Jl. A 12"),
    ],
)
def test_what_it_reads_like(text: str, told: str) -> None:
    assert redacted(text) == told


#: What makes up numbers, words beside them, and everything else.
PIECES = st.sampled_from(
    [
        *(
            "08",
            "62",
            "+62",
            "0812",
            "3603124509900001",
            "3456",
            "7890",
            "NIK",
            "WA ",
            "telp",
            "Rp ",
            "meter ",
            "motor ",
        ),
        *("B ", "AB", "XYZ", "VA", "gmail.com", "budi", ".go.id", "info", "://", "[NIK]", "[telepon]", "[surel]"),
        *("[pelat]", *"0123456789 .-()/@#_,:\n\u200b[]aZé٣"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=24).map("".join), st.text(max_size=60))


@given(TEXTS)
@settings(max_examples=400)
def test_twice_is_once(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once
    assert len(once) <= 3 * len(text)


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_a_text_without_digits_or_at_is_not_touched(text: str) -> None:
    words = re.sub(r"[\d@]", "", text)
    assert redacted(words) is words


@pytest.mark.parametrize(
    "piece", ["a", "0", "08", "1 ", "0812-", "@", "a@", "a@b.", "NIK ", "B 1234 ", "(0", "0/", "3603124509900001 ", "-"]
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    began = time.process_time()
    redacted(text)
    assert time.process_time() - began < 1.0
