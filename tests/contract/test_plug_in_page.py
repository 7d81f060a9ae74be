"""docs/plug-in.md, followed word for word: an agency from nothing to gold, with one file and no Python."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product
from pathlib import Path

import pytest

from connectors.manifest import parse_manifest, read_manifest
from connectors.registry import BUILT_IN, check
from connectors.templates import AUTH, level_of, text_of, zone_of
from gateway.cli import run
from simulators.listener import Listener
from tests.contract.curhat import PERSON, PHONE, SECRET, curhat

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plug-in.md").read_text()
ADDRESS = "https://curhat.contoh.example"
#: Fenced blocks by language, in order.
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

Simpul = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def city() -> AsyncIterator[Listener]:
    listener = Listener(curhat())
    await listener.open()
    yield listener
    listener.end()


@pytest.fixture
def simpul(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Simpul:
    """Runs a command in an empty directory: its exit code and what it printed, without runs of blanks."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SIMPUL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMPUL_KOTA_CONTOH_SECRET", SECRET)
    monkeypatch.setenv("COLUMNS", "160")

    async def simpul(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(run, list(words))
        told = capsys.readouterr()
        return code, " ".join((told.out + told.err).split())

    return simpul


async def follow(block: str, simpul: Simpul, address: str) -> None:
    """Runs the commands of a block; each line under one must stand in what it prints."""
    shown = ""
    for line in block.splitlines():
        if not line.startswith("$ "):
            assert " ".join(line.split()) in shown, f"{line!r} is not in {shown!r}"
        elif line.startswith("$ simpul"):
            code, shown = await simpul(*shlex.split(line.replace(ADDRESS, address))[2:])
            assert code == 0, shown


async def test_the_page_leads_from_nothing_to_gold(city: Listener, simpul: Simpul, tmp_path: Path) -> None:
    file = tmp_path / "agencies" / "kota-contoh.toml"
    for language, block in BLOCKS:
        if language == "console" and "agency apply" not in block:  # tests/live has hubs that run
            await follow(block, simpul, city.url)
        elif language == "toml" and block.startswith("name"):
            file.write_text(block.replace(ADDRESS, city.url))
        elif language == "toml":
            file.write_text(file.read_text().replace("[status]\n", f"[status]\n{block}"))

    code, told = await simpul("agency", "certify", str(file), "--live", "--json")
    certified = json.loads(told)
    assert (code, certified["tier"], certified["on"], certified["missing"]) == (0, "GOLD", "live", [])

    assert await tier_in_the_hub(simpul) == "GOLD"
    file.write_text(file.read_text() + "\n# another\n")
    assert await tier_in_the_hub(simpul) is None

    recording = file.with_suffix("") / "recording"
    recorded = "".join(path.read_text() for path in sorted(recording.iterdir()))
    for person in (*PERSON.split(), PHONE, "surel@", "Melati", "106.051234", SECRET, "tiket-masuk"):
        assert person not in recorded
    assert "CW-000017" in recorded


async def tier_in_the_hub(simpul: Simpul) -> str | None:
    assert (await simpul("db", "migrate"))[0] == 0
    assert (await simpul("sync", "--json"))[0] == 0
    _, told = await simpul("agency", "list", "--json")
    [listed] = json.loads(told)
    _, shown = await simpul("agency", "list")
    assert ("GOLD" in shown) == (listed["agency"]["tier"] == "GOLD")
    tier: str | None = listed["agency"]["tier"]
    return tier


async def test_what_a_change_of_the_file_does_is_seen_offline(city: Listener, simpul: Simpul, tmp_path: Path) -> None:
    file = tmp_path / "agencies" / "kota-contoh.toml"
    file.parent.mkdir()
    [text] = [block for language, block in BLOCKS if language == "toml" and block.startswith("name")]
    file.write_text(text.replace(ADDRESS, city.url))
    assert (await simpul("agency", "record", str(file)))[0] == 0
    city.end()
    code, told = await simpul("agency", "certify", str(file))
    assert code == 0
    assert "tier: gold" in told

    file.write_text(file.read_text().replace('original_text = "isi.cerita"\n', ""))
    code, told = await simpul("agency", "replay", str(file))
    assert code == 0
    assert "status word mapped nowhere: TITIP (10)" in told
    assert "changed since the last time: original_text of 60 records" in told

    file.write_text(file.read_text().replace('"epoch_ms"]', '"iso"]'))
    code, told = await simpul("agency", "replay", str(file), "--json")
    assert code == 1
    assert len(json.loads(told)["rejected"]) == 60
    code, told = await simpul("agency", "certify", str(file))
    assert code == 1
    assert "tier: none" in told
    assert "for bronze: ids-round-trip: only 0 records came" in told
    assert "docs/contract.md#ids-round-trip" in told


async def test_new_asks_for_what_a_script_left_out(simpul: Simpul, tmp_path: Path) -> None:
    code, told = await simpul("agency", "new", "kab-contoh")
    assert (code, "--kind" in told, "graphql" in told) == (2, True, True)
    code, told = await simpul("agency", "new", "Kab_Contoh", "--kind", "rest")
    assert (code, "lower-case" in told) == (2, True)
    words = ("--kind", "sql", "--region", "51.03")
    assert (await simpul("agency", "new", "kab-contoh", *words))[0] == 0
    text = (tmp_path / "agencies" / "kab-contoh.toml").read_text()
    assert 'name = "Pemerintah Kabupaten Badung"' in text
    assert 'time_zone = "Asia/Makassar"' in text
    code, told = await simpul("agency", "new", "kab-contoh", *words)
    assert (code, "is there already" in told) == (2, True)


async def test_new_asks_at_a_terminal(tmp_path: Path) -> None:
    """Kind, address, recognition, region; an empty answer takes what is offered."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "agency", "new", "prov-contoh"),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.write(ours, b"graphql\nhttps://graf.example\napi-key\n51\n")
    told, _ = await asyncio.wait_for(process.communicate(), 30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, told
    for question in (b"How is it spoken to", b"Base address", b"recognise the hub", b"Kemendagri code"):
        assert question in told
    file = tmp_path / "agencies" / "prov-contoh.toml"
    manifest = read_manifest(file)
    assert (manifest.kind, manifest.name, manifest.time_zone) == ("graphql", "Pemerintah Bali", "Asia/Makassar")
    assert manifest.http is not None
    assert (manifest.http.url, manifest.level) == ("https://graf.example", "PROVINCE")
    assert 'key = "env:SIMPUL_PROV_CONTOH_KEY"' in file.read_text()
    assert (file.parent / "agency.schema.json").exists()
    assert (file.with_suffix("") / "test_prov_contoh.py").read_text().count("contract(") == 1


def test_what_new_writes_is_valid_at_once() -> None:
    for kind, auth in product(BUILT_IN, AUTH):
        place = {"level": level_of("36.03"), "region": "36.03", "time_zone": zone_of("36.03")}
        name, url = 'Kabupaten "Contoh"', "https://a.example/"
        text = text_of("kab-contoh", name=name, **place, kind=kind, auth=auth, url=url)  # type: ignore[arg-type]
        check(parse_manifest(text, slug="kab-contoh", file="kab-contoh.toml"))
        assert [line for line in text.splitlines() if len(line) > 120] == []
        assert not re.search(r"\{(slug|KEY|name|level|region|time_zone|kind|url|auth)\}", text)
