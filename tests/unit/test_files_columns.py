"""Which columns of an export must be there, and which are kept."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.files.columns import Keep, columns_needed, names_in
from connectors.manifest import Manifest, parse_manifest

FILE = """
name = "Kabupaten Uji"
level = "DISTRICT"
region = "34.04"
time_zone = "Asia/Jakarta"
kind = "files"
[files]
folder = "x"
[privacy]
reporter_identity = %s
[fields]
native_id = '"No Tiket" || No'
status = "update.status || Status"
is_confidential = "contains(to_string(Sifat), 'rahasia')"
is_anonymous = "Anonim"
reporter_name = "Nama"
reporter_phone = "pelapor.hp"
address = "pelapor.alamat"
[ratings]
records = "[{stars: Bintang}]"
score = "stars"
at = "at"
"""
ROW: dict[str, Any] = {
    "No": "1",
    "Status": "baru",
    "Sifat": "rahasia",
    "Nama": "Budi",
    "NIK": "3603",
    "Bintang": 5,
    "pelapor": {"hp": "0812", "alamat": "Jl. A", "nik": "3603"},
}


def read(*, asked: bool) -> Manifest:
    return parse_manifest(FILE % str(asked).lower(), slug="kab-uji", file="kab-uji.toml")


def test_what_decides_who_may_see_it_must_be_there() -> None:
    needed = columns_needed(read(asked=False), joined=())
    assert needed == [{"No Tiket", "No"}, {"update", "status", "Status"}, {"Sifat"}, {"Anonim"}]


@pytest.mark.parametrize(
    ("asked", "anonymous", "named"),
    [
        (False, "tidak", False),
        (True, "tidak", True),
        (True, "ya", False),
        (True, "mungkin", False),
        (False, "ya", False),
    ],
)
def test_who_reported_is_kept_only_if_asked_for_and_not_anonymous(asked: bool, anonymous: str, named: bool) -> None:
    row = {**ROW, "Anonim": anonymous}
    kept = Keep(read(asked=asked))(row, row)
    assert ("Nama" in kept, "hp" in kept["pelapor"]) == (named, named)
    assert (kept["No"], kept["Bintang"], kept["pelapor"]["alamat"]) == ("1", 5, "Jl. A")
    assert "NIK" not in kept
    assert "hp" in row["pelapor"], "the row itself is left as it was"


def test_an_expression_that_looks_at_all_columns_keeps_them() -> None:
    assert names_in("values(@)") is None
    assert names_in("a.*.b") is None
    assert names_in("join(' ', [a, \"b c\"][?@])") == {"a", "b c"}
