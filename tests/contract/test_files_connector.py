"""The `files` connector over real folders: what it reads, what it refuses, and that nothing is read twice or undone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.files import table, taking
from connectors.files.inbox import MAX_WAITING, Full, Inbox, given_name
from connectors.files.settings import InboxSettings
from connectors.secrets import Secret
from schema.connector import Keeper
from schema.errors import BadPayload
from schema.status import ComplaintStatus
from tests.contract.offices import (
    BEFORE,
    FILE,
    FORMS,
    NOW,
    OWN,
    READ,
    WHOLE,
    XLSX,
    Office,
    as_csv,
    as_xlsx,
    harvest,
    row,
    statuses,
)

pytestmark = pytest.mark.anyio
S = ComplaintStatus


@pytest.mark.parametrize("name", FORMS)
async def test_the_same_records_in_every_form(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path)
    office.put(name, FORMS[name])
    records, rejected = await office.read()
    assert (statuses(records), rejected) == (READ, [])
    record = records["A-1"]
    assert (record.title, record.submitted_at) == ("Lampu 1", datetime(2024, 3, 1, 1, tzinfo=UTC))
    assert record.updated_at == NOW - timedelta(hours=1)
    async with office.plugged() as connector:
        probe = await connector.check()
    assert (len(probe.page.records), probe.request) == (3, f"file {name}")


async def test_cells_of_excel_are_what_they_were_meant_to_be(tmp_path: Path) -> None:
    office = Office(tmp_path, 'joined = { Masuk = ["Tanggal", "Jam"] }', 'classification = "Jenis"')
    moment = datetime(2024, 3, 1, 8, 15)  # noqa: DTZ001 - a spreadsheet knows no zones
    head = ["No", "Status", "Judul", "Tanggal", "Jam"]
    rows: list[list[Any]] = [[12, "baru", 5, moment, ""], ["007", "baru", 2.5, datetime(2024, 3, 1), "08:15:00"]]  # noqa: DTZ001
    lost: list[list[Any]] = [[5103012345678901, "baru", "x", moment, ""], [None, "baru", "tanpa nomor", moment, ""]]
    office.put("a.xlsx", as_xlsx([head, *rows, *lost], skip=2))
    records, rejected = await office.read()
    assert {(each.native_id, each.title) for each in records.values()} == {("12", "5"), ("007", "2.5")}
    assert {each.submitted_at for each in records.values()} == {datetime(2024, 3, 1, 1, 15, tzinfo=UTC)}
    told = [each.reason for each in rejected]
    assert told[0] == "a.xlsx, row 6: No: is a number that has lost digits: format the column as text"
    assert told[1].startswith("a.xlsx, row 7: ")


async def test_windows_1252_is_read_and_logged(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put("a.csv", as_csv([row(1, Judul="Café – “macet”")]).decode().encode("cp1252"))
    with capture_logs() as logs:
        records, _ = await office.read()
    assert records["A-1"].title == "Café – “macet”"
    assert [(log["event"], log["read_as"]) for log in logs] == [("files.encoding", "cp1252")]


async def test_a_bad_row_is_set_aside_with_its_number_and_no_value(tmp_path: Path) -> None:
    office = Office(tmp_path)
    body = as_csv([row(1), row(2, Masuk="rahasia"), row(3)])
    office.put("a.csv", body + b"A-4,baru,Lampu,2024-03-01,satu lagi\r\n,baru,tanpa nomor,2024-03-01\r\n")
    records, rejected = await office.read()
    assert set(records) == {"A-1", "A-3"}
    assert [each.reason.rpartition(": ")[0].split(": ")[0] for each in rejected] == [
        f"a.csv, row {n}" for n in (3, 5, 6)
    ]
    assert "rahasia" not in str(rejected)
    assert [each.native_id for each in rejected if each.native_id] == ["A-2"]
    office.put("a.csv", as_csv([row(1), row(2), row(3)]), ago=60)
    records, rejected = await office.read(NOW - timedelta(hours=2))
    assert ("A-2" in records, rejected) == (True, [])


CUT = {
    "within a quotation": ("b.csv", WHOLE[: WHOLE.index(b"sejak")]),
    "within a row": ("b.csv", WHOLE[: WHOLE.index(b"A-3") + 6]),
    "within the header": ("b.csv", WHOLE[:9]),
    "within a character": ("b.csv", as_csv([row(9, Judul="é")]).split(b"\xa9")[0]),
    "a cut archive": ("b.xlsx", XLSX[: len(XLSX) // 2]),
    "a cut line": ("b.ndjson", FORMS["lines.ndjson"][:-20]),
    "a cut list": ("b.json", FORMS["list.json"][:-20]),
    "nothing": ("b.csv", b""),
    "a web page": ("b.csv", b"<!DOCTYPE html><html>No session</html>"),
    "an old workbook": ("b.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600)),
    "bytes": ("b.csv", bytes(range(256)) * 4),
    "other columns": ("b.csv", WHOLE.replace(b"Status", b"Keadaan")),
    "another form": ("b.csv", XLSX),
}


@pytest.mark.parametrize("case", CUT)
async def test_half_a_file_is_not_applied_until_it_is_whole(tmp_path: Path, case: str) -> None:
    office = Office(tmp_path)
    office.put("a.csv", BEFORE)
    name, body = CUT[case]
    async with office.plugged() as connector:
        assert statuses((await harvest(connector))[0]) == {"A-1": "SUBMITTED", "A-2": "SUBMITTED"}
        path = office.put(name, body, ago=600)
        with pytest.raises(BadPayload, match=f"^{path.name} "):
            await harvest(connector, NOW)
        held = await connector.fetch(["A-1", "A-2", "A-3"])
        assert [each.status for each in held.records] == [S.SUBMITTED, S.SUBMITTED]
        path.unlink()
        office.put("b.csv", WHOLE, ago=500)
        records, _ = await harvest(connector, NOW - timedelta(hours=3))
    assert statuses(records) == {"A-1": "CLOSED", "A-2": "CLOSED", "A-3": "CLOSED"}
    assert records["A-2"].title == 'Lampu "mati" sejak kemarin'


async def test_an_older_file_that_can_not_be_read_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put("a.csv", b"<html>", ago=7200)
    office.put("b.csv", BEFORE)
    records, rejected = await office.read()
    assert (len(records), [each.reason for each in rejected]) == (2, ["a.csv is html where csv was expected"])


async def test_a_file_that_still_changes_is_left_alone(tmp_path: Path) -> None:
    office = Office(tmp_path)
    for name in (".a.csv", "a.csv.part", "~$a.xlsx", "a.csv.tmp", "baca.md"):
        office.put(name, b"x")
    async with office.plugged() as connector:
        assert (await connector.check()).reply == "there is no file yet"
        for _ in range(2):
            office.put("a.csv", WHOLE[:50], ago=0.5)
            assert await harvest(connector) == ({}, [])
            office.now += timedelta(seconds=1)
        office.put("a.csv", WHOLE, ago=2.5)
        assert len((await harvest(connector))[0]) == 3
        office.put("b.csv", as_csv([row(7)]), ago=-86_400)  # a clock that is ahead
        assert "A-7" not in (await harvest(connector))[0]
        office.now += timedelta(seconds=3)
        records, _ = await harvest(connector)
    assert records["A-7"].updated_at is not None
    assert records["A-7"].updated_at <= office.now


async def test_what_was_read_is_not_read_again_over_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office, parsed = Office(tmp_path), list[str]()
    read_table = table.read_table

    def counted(path: Path, name: str, *args: Any) -> Any:
        parsed.append(name)
        return read_table(path, name, *args)

    monkeypatch.setattr(taking, "read_table", counted)
    office.put("a.csv", BEFORE)
    async with office.plugged() as connector:
        await harvest(connector)
        assert await harvest(connector, NOW) == ({}, [])
    office.put("copy.csv", BEFORE, ago=30)
    office.put("b.csv", as_csv([row(2, "selesai")]), ago=20)
    assert statuses((await office.read(NOW))[0]) == {"A-2": "CLOSED"}
    assert await office.read(NOW) == ({}, [])
    (office.folder / "a.csv").unlink()
    assert statuses((await office.read())[0]) == {"A-1": "SUBMITTED", "A-2": "CLOSED"}
    assert parsed == ["a.csv", "b.csv"]
    async with office.plugged(memory=False) as connector:
        assert statuses((await harvest(connector))[0]) == {"A-1": "SUBMITTED", "A-2": "CLOSED"}
    assert oct((tmp_path / "data" / "files.db").stat().st_mode)[-3:] == "600"


async def test_an_older_file_that_comes_later_turns_nothing_back(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put("b.csv", as_csv([row(1, "selesai")]), ago=60)
    async with office.plugged() as connector:
        first = (await harvest(connector))[0]["A-1"]
        office.put("a.csv", as_csv([row(1), row(2)]), ago=600)
        assert statuses((await harvest(connector, NOW))[0]) == {"A-2": "SUBMITTED"}
        office.put("c.csv", as_csv([row(1, "proses")]), ago=30)
        last = (await harvest(connector, NOW))[0]["A-1"]
    assert (first.status, last.status) == (S.CLOSED, S.IN_FOLLOW_UP)
    assert first.updated_at is not None
    assert last.updated_at is not None
    assert first.updated_at < last.updated_at


async def test_by_name_if_the_agency_says_so(tmp_path: Path) -> None:
    office = Office(tmp_path, 'newest = "name"\npattern = "ekspor-*.csv"')
    office.put("ekspor-10.csv", as_csv([row(1, "selesai")]), ago=600)
    office.put("ekspor-9.csv", as_csv([row(1)]), ago=60)
    office.put("lain.csv", as_csv([row(1, "proses")]), ago=10)
    assert statuses((await office.read())[0]) == {"A-1": "CLOSED"}


async def test_a_moment_in_the_row_goes_before_the_files(tmp_path: Path) -> None:
    office = Office(tmp_path, fields=OWN)
    office.put("a.csv", as_csv([row(1, "selesai", Diubah="2024-03-05"), row(2, Diubah="2024-03-05")]), ago=600)
    async with office.plugged() as connector:
        await harvest(connector)
        office.put("b.csv", as_csv([row(1, Diubah="2024-03-04"), row(2, "proses", Diubah="2024-03-06")]), ago=60)
        records, _ = await harvest(connector, NOW)
    assert statuses(records) == {"A-2": "IN_FOLLOW_UP"}
    assert records["A-2"].updated_at == datetime(2024, 3, 5, 17, tzinfo=UTC)


async def test_what_was_not_used_is_told_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put("a.csv", as_csv([row(number) for number in range(1_201)]))
    async with office.plugged() as connector:
        pages = connector.changes(None)
        sizes = [len((await anext(pages)).records), len((await anext(pages)).records)]
        await pages.aclose()  # type: ignore[attr-defined]  # the port says no more than AsyncIterator
        rest, _ = await harvest(connector, NOW)
    assert (sizes, len(rest)) == ([500, 500], 701)


async def test_only_columns_that_are_named_are_kept(tmp_path: Path) -> None:
    office = Office(tmp_path, fields='reporter_name = "Pelapor"\nis_anonymous = "Anonim"')
    office.put("a.csv", as_csv([row(1, Pelapor="Ni Luh Rahasia", Telepon="0812000111", Anonim="ya")]))
    records, _ = await office.read()
    assert records["A-1"].reporter is None
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert b"Lampu 1" in kept
    assert b"Rahasia" not in kept
    assert b"0812000111" not in kept


async def test_drops_are_removed_once_they_were_read_and_are_old(tmp_path: Path) -> None:
    now = [1_000_000.0]
    settings = InboxSettings(key="env:KEY", keep_files=2, keep_days=1)
    inbox = Inbox(tmp_path / "inbox", settings, [Secret("kunci")], now=lambda: now[0])

    async def drop(name: str) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield name.encode()

        await inbox.drop(name, chunks())

    def held() -> list[str]:
        return [given_name(path.name) for path in sorted(inbox.folder.iterdir())]

    for number in range(4):
        await drop(f"{number}.csv")
    inbox.tidy(())
    assert held() == ["0.csv", "1.csv", "2.csv", "3.csv"]  # nothing that was not read
    read = {path.name for path in inbox.folder.iterdir()}
    inbox.tidy(read)
    assert held() == ["2.csv", "3.csv"]
    (inbox.folder / ".cut.part").write_bytes(b"x")
    os.utime(inbox.folder / ".cut.part", (now[0], now[0]))
    now[0] += 86_401
    await drop("4.csv")
    inbox.tidy(read)
    assert held() == ["4.csv"]
    for number in range(5, settings.keep_files + MAX_WAITING + 4):
        await drop(f"{number}.csv")
    with pytest.raises(Full):
        await drop("last.csv")


async def test_another_way_to_read_is_another_record(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put("a.csv", as_csv([row(1, "ditinjau", Alamat="Jalan Contoh"), row(2, Alamat="Jalan Lain")]), ago=600)
    gone = office.put("b.csv", as_csv([row(3, "ditinjau", Alamat="x")]), ago=500)
    office.put("c.csv", as_csv([row(2, "selesai", Alamat="Jalan Lain")]), ago=400)
    assert statuses((await office.read())[0]) == {"A-1": "UNMAPPED", "A-2": "CLOSED", "A-3": "UNMAPPED"}
    gone.unlink()
    office = Office(tmp_path, fields='address = "Alamat"', file=FILE + 'ditinjau = "VERIFIED"\n')
    records, _ = await office.read(NOW)
    assert statuses(records) == {"A-1": "VERIFIED", "A-2": "CLOSED", "A-3": "VERIFIED"}
    places = {id: each.incident_location and each.incident_location.address for id, each in records.items()}
    assert places == {"A-1": "Jalan Contoh", "A-2": "Jalan Lain", "A-3": None}
    assert await office.read(NOW) == ({}, [])


async def test_files_may_be_ranked_in_another_way_from_now_on(tmp_path: Path) -> None:
    office = Office(tmp_path, 'newest = "name"')
    office.put("ekspor-2.csv", as_csv([row(1)]), ago=600)
    await office.read()
    office = Office(tmp_path)
    office.put("0.csv", as_csv([row(1, "selesai")]), ago=60)
    assert statuses((await office.read(NOW))[0]) == {"A-1": "CLOSED"}


async def test_what_is_forgotten_is_on_no_disk_and_comes_no_more(tmp_path: Path) -> None:
    office = Office(tmp_path)
    rows = [row(n, Judul=f"Pagar {n} roboh") for n in (1, 2, 3)]
    office.put("a.csv", as_csv(rows))
    async with office.plugged() as connector:
        assert isinstance(connector, Keeper)
        assert set((await harvest(connector))[0]) == {"A-1", "A-2", "A-3"}
        assert (await connector.held(["A-2", "none"]))["A-2"]["row"]["Judul"] == "Pagar 2 roboh"
        await connector.forget(["A-2", "none"])
        assert await connector.held(["A-2"]) == {}
        assert b"Pagar 1" in stored(tmp_path)
        assert b"Pagar 2" not in stored(tmp_path)
    for ago in (60, 30):
        office.put("a.csv", as_csv([row(n, Judul=f"Pagar {n} roboh, {ago}") for n in (1, 2, 3)]), ago=ago)
        records, rejected = await office.read()
        assert (set(records), rejected) == ({"A-1", "A-3"}, [])
        assert b"Pagar 2" not in stored(tmp_path)


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("files.db*"))
