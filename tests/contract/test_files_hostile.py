"""Files that are too large, broken or malicious: a typed error or records, never a crash."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.base import Means
from connectors.files.connector import FilesConnector
from connectors.secrets import Secrets
from schema.errors import BadPayload, ConfigError, SourceError, Unreachable
from schema.status import ComplaintStatus
from tests.contract.offices import (
    FILE,
    FORMS,
    HEAD,
    READ,
    ROWS,
    XLSX,
    Office,
    as_csv,
    as_xlsx,
    harvest,
    row,
)

S = ComplaintStatus


async def test_limits(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(3_000_000))
    many = as_csv([row(number) for number in range(11)])
    cases = [
        ("a.xlsx", bomb.getvalue(), "max_unpacked = 2_000_000", "unpacks to 3,000,000 bytes; 2,000,000 are allowed"),
        ("a.csv", many, "max_rows = 10", "has more than 10 rows"),
        ("a.csv", many * 3, "max_bytes = 1_000", "bytes; 1,000 are allowed"),
        ("a.xlsx", XLSX, 'sheet = "Lain"', "has no sheet 'Lain'; it has Pengaduan"),
        ("a.csv", many, "header = 2", "has no column No"),
        ("a.csv", many, 'encoding = "klingon"', "encoding that was agreed is unknown"),
        ("a.json", orjson.dumps({"items": {}}), 'records = "items"', "no list of records"),
        ("a.json", b"[" * 200 + b"]" * 200, "", "nested too deep"),
    ]
    for number, (name, body, files, message) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        office = Office(folder, files)
        office.put(name, body)
        with pytest.raises(BadPayload, match=message):
            await office.read()


async def test_a_sheet_that_fills_memory_ends_its_own_process_alone(tmp_path: Path) -> None:
    far = as_xlsx([HEAD, *(list(each.values()) for each in ROWS)])
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(far)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            body = old.read(member)
            if member.filename.endswith("sheet1.xml"):
                body = body.replace(b'r="A4"', b'r="XFD1048576"').replace(b'<row r="4"', b'<row r="1048576"')
            new.writestr(member, body)
    office = Office(tmp_path)
    office.put("a.xlsx", file.getvalue())
    with pytest.raises(BadPayload):
        await office.read()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.folder.rmdir()
    with pytest.raises(Unreachable, match="the folder of files can't be read"):
        await office.read()


def test_an_agencys_file_that_lacks_something(tmp_path: Path) -> None:
    cases = [
        (FILE.replace('folder = "ekspor"', ""), "says nowhere where the files are"),
        (FILE.replace('[http]\nurl = "http://127.0.0.1:1"', "").replace("{files}", "[files.updates]"), "is missing"),
        (FILE.replace("{files}", 'records = "a[["'), "files.records"),
        (FILE.replace("{files}", '[files.inbox]\nkey = "rahasia"'), "must name the agency's key"),
        (FILE.replace("{files}", '[files.inbox]\nkey = "env:NOBODY"'), "files.inbox.key"),
    ]
    for file, message in cases:
        office = Office(tmp_path, file=file)
        with pytest.raises(ConfigError, match=message):
            FilesConnector(office.manifest, Means(Secrets({}), None, tmp_path))


# ------------------------------------------------------------ mutations

TOKENS = [
    *(b'"', b";", b",", b"\t", b"\r", b"\n", b"\x00", b"\x1a", b"\xff\xfe", b"\xef\xbb\xbf", b"sep=", b'="1"'),
    *(b"\x00abc", b"[[[[", b"{}", b"null", b"1e999", b'"\\ud800"', b"<row>", b'r="XFD9"', b"&x;", b'count="99999999"'),
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS) | st.binary(max_size=8)),
    min_size=1,
    max_size=5,
)
JOINED = 'joined = { Lain = ["Masuk", "Judul"] }'


def edited(body: bytes, edits: Sequence[tuple[float, int, bytes]]) -> bytes:
    for place, length, new in edits:
        at = int(place * len(body))
        body = body[:at] + new + body[at + length :]
    return body


def repacked(body: bytes, member: str, edits: Sequence[tuple[float, int, bytes]]) -> bytes:
    """A whole archive in which one member is broken."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            content = old.read(each)
            new.writestr(each, edited(content, edits) if each.endswith(member) else content)
    return file.getvalue()


def survives(name: str, body: bytes, joined: bool) -> None:
    """Two harvests, the second after something whole came."""

    async def read(office: Office) -> None:
        async with office.plugged(memory=False) as connector:
            for _ in range(2):
                with suppress(SourceError):
                    records, _ = await harvest(connector)
                    assert all(records)
                with suppress(SourceError):
                    await connector.check()
            office.put(name, FORMS[name], ago=60)
            records, _ = await harvest(connector)
            assert READ.keys() <= records.keys()
            assert {id: records[id].status.value for id in READ} == READ

    with tempfile.TemporaryDirectory() as folder, capture_logs():
        office = Office(Path(folder), JOINED if joined and name != "xlsx.xlsx" else "")
        office.put(name, body)
        asyncio.run(read(office))


TEXTS = sorted(set(FORMS) - {"xlsx.xlsx"})
MEMBERS = ("sheet1.xml", "sharedStrings.xml", "workbook.xml", "styles.xml", "workbook.xml.rels")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TEXTS), EDITS, st.booleans())
def test_hostile_texts(name: str, edits: list[tuple[float, int, bytes]], joined: bool) -> None:
    survives(name, edited(FORMS[name], edits), joined)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from((None, *MEMBERS)), EDITS)
def test_hostile_sheets(member: str | None, edits: list[tuple[float, int, bytes]]) -> None:
    survives("xlsx.xlsx", edited(XLSX, edits) if member is None else repacked(XLSX, member, edits), False)
