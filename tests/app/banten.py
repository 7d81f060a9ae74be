"""Provinsi Banten, which is no pilot: a second system like Kabupaten Tangerang's, for the province above it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from schema.ports import Clock
from simulators.agency import Agency
from simulators.asgi import midnight, serve
from simulators.case import Case
from simulators.content import Story
from simulators.dialect import Dialect
from simulators.dialects.kab_tangerang import DIALECT as TANGERANG
from simulators.listener import Listener

SLUG, NAME = "prov-banten", "Pemerintah Provinsi Banten"
_FILE = Path(__file__).parents[2] / "agencies" / "kab-tangerang.toml"
_DISTRICT = "Pemerintah Kabupaten Tangerang"
_MAP = f'[agencies]\n"{NAME}" = "{SLUG}"\n'


def tangerang_file() -> str:
    """Kabupaten Tangerang's file, which knows the province too."""
    return _FILE.read_text(encoding="utf-8").replace("[agencies]\n", _MAP)


def banten_file() -> str:
    """The province's file. The key is Tangerang's."""
    text = tangerang_file()
    for before, after in (
        (f'name = "{_DISTRICT}"', f'name = "{NAME}"'),
        ('level = "DISTRICT"', 'level = "PROVINCE"'),
        ('region = "36.03"', 'region = "36"'),
        ("https://tangerangkab.go.id", "https://bantenprov.go.id"),
        ("https://aduan.tangerangkab.example", "https://aduan.bantenprov.example"),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def write_files(folder: Path) -> None:
    """Writes both files into a folder of agencies."""
    (folder / "kab-tangerang.toml").write_text(tangerang_file(), encoding="utf-8")
    (folder / f"{SLUG}.toml").write_text(banten_file(), encoding="utf-8")


def banten_agency(now: Clock, *, count: int = 5) -> Agency:
    """The province's system, with few complaints of its own."""
    anchor = midnight(now().timestamp())
    return Agency(_DIALECT, seed=36, anchor=anchor, now=lambda: now().timestamp(), count=count)


@asynccontextmanager
async def banten(now: Clock, *, count: int = 5) -> AsyncIterator[tuple[Agency, str]]:
    """The province's system on this machine, and its address for `http.url`."""
    agency = banten_agency(now, count=count)
    listener = Listener(serve(agency))
    await listener.open()
    try:
        yield agency, listener.url
    finally:
        listener.end()


def _tracking_id(case: Case) -> str:
    return TANGERANG.tracking_id(case).replace("TNG", "BTN")


def _render(story: Story) -> bytes:
    told = TANGERANG.render(story).replace(_DISTRICT.encode(), NAME.encode())
    return told.replace(b'"TNG-', b'"BTN-').replace(b"tangerangkab", b"bantenprov")


#: Its complaints are of the same places: the slug names them, not the agency.
_DIALECT: Dialect = msgspec.structs.replace(TANGERANG, tracking_id=_tracking_id, render=_render)
