"""Agency files: what is accepted, and that each fault is named with file, line, key and allowed values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.addresses import Network
from connectors.http import http_for
from connectors.manifest import Manifest, load_manifests, parse_manifest
from connectors.registry import connect, kind_of, load_agencies
from connectors.secrets import Secret, Secrets, fill_in
from schema.agency import AgencyLevel, StoreMode
from schema.complaint import Channel
from schema.errors import ConfigError
from schema.status import ActorRole, ComplaintStatus

FILE = """\
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
store = "full"

[http]
url = "http://127.0.0.1:8105"
deadline = 10.0
rate = 20
[http.headers]
X-Api-Key = "env:CONTOH_KEY"
Authorization = "Bearer file:/run/secrets/contoh"

[poll]
every = 60
lookback = 600.0

[rest]
list = "/api/aduan"
params = { urut = "diubah" }
since = { param = "sejak", format = "%Y-%m-%d %H:%M:%S" }
records = "data.items"
total = "data.total"
fetch = "/api/aduan/{id}"
paging = { kind = "page", page = "halaman", size = "per_halaman", count = 200, first = 1 }

[fields]
native_id = "id"
status = "status.kode"
title = "judul"

[dates]
formats = ["%d/%m/%Y %H:%M", "iso"]

[timeline]
records = "riwayat"
status = "kode"
at = "waktu"

[status]
"baru" = "SUBMITTED"
"ditutup  oleh Sistem" = "CLOSED by SYSTEM"
"terdisposisi ke *" = "DISPOSED"

[channel]
WA = "WHATSAPP"

[clocks]
VERIFY = 3
FINISH.ASPIRASI = 14
"""


def parse(text: str, slug: str = "kab-contoh") -> Manifest:
    return parse_manifest(text, slug=slug, file=f"agencies/{slug}.toml")


def test_a_whole_file() -> None:
    manifest = parse(FILE)
    agency = manifest.agency()
    assert (agency.id, agency.level, agency.region_code) == ("kab-contoh", AgencyLevel.DISTRICT, "36.03")
    assert (agency.connector_kind, agency.store, agency.parent) == ("rest", StoreMode.FULL, None)
    assert manifest.clocks == {"VERIFY": 3, "FINISH.ASPIRASI": 14}
    assert manifest.http.reaches is Network.LOOPBACK
    assert manifest.at("https://aduan.example").http.reaches is Network.PUBLIC
    assert kind_of(manifest).settings.__name__ == "RestSettings"


def test_words_are_folded_and_know_beginnings_actors_and_canonical_values() -> None:
    words = parse(FILE).words
    assert words.status("BARU").status is ComplaintStatus.SUBMITTED
    closed = words.status("Ditutup Oleh  Sistem")
    assert (closed.status, closed.actor) == (ComplaintStatus.CLOSED, ActorRole.SYSTEM)
    assert words.status("Terdisposisi ke Dinas X").status is ComplaintStatus.DISPOSED
    assert words.status("REJECTED").status is ComplaintStatus.REJECTED
    assert words.status("entah", None).status is ComplaintStatus.UNMAPPED
    assert words.status("7", "baru").status is ComplaintStatus.SUBMITTED
    assert (words.channel("wa"), words.channel("radio")) == (Channel.WHATSAPP, Channel.OTHER)


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        ('kind = "rest"', 'kind = "rest"\nclour = 1', "clour", 6),
        ("rate = 20", "rat = 20", "http.rat", 11),
        ("rate = 20", 'rate = "fast"', "http.rate", 11),
        ("rate = 20", "rate = 0", "http.rate", 11),
        ('level = "DISTRICT"', 'level = "CITY"', "level", 2),
        ('level = "DISTRICT"', 'level = "PROVINCE"', "region", 3),
        ('region = "36.03"', 'region = "3603"', "region", 3),
        ('region = "36.03"\n', "", "region", None),
        ("Asia/Jakarta", "Asia/Nowhere", "time_zone", 4),
        ("Asia/Jakarta", "../etc/passwd", "time_zone", 4),
        ('store = "full"', 'store = "some"', "store", 6),
        ('name = "Pemerintah Kabupaten Contoh"\n', "", "name", None),
        ("http://127.0.0.1:8105", "ftp://127.0.0.1", "http.url", 9),
        ("http://127.0.0.1:8105", "http://user:pw@host", "http.url", 9),
        ("http://127.0.0.1:8105", "http://host/?key=1", "http.url", 9),
        ('"env:CONTOH_KEY"', '"hunter2hunter2"', "http.headers.X-Api-Key", 13),
        ('"Bearer file:/run/secrets/contoh"', '"Bearer abcdef"', "http.headers.Authorization", 14),
        ('title = "judul"', 'title = "judul["', "fields.title", 32),
        ('title = "judul"', 'titel = "judul"', "fields.titel", 32),
        ('at = "waktu"\n', "", "timeline.at", 37),
        ('"baru" = "SUBMITTED"', '"baru" = "NEW"', "status.baru", 43),
        ('"baru" = "SUBMITTED"', '"baru" = "SUBMITTED by NOBODY"', "status.baru", 43),
        ('"baru" = "SUBMITTED"', '"baru" = 1', "status.baru", 43),
        ('"baru" = "SUBMITTED"', '"baru" = "SUBMITTED"\nBARU = "CLOSED"', "status.BARU", 44),
        ('"baru" = "SUBMITTED"', '1.2 = "SUBMITTED"', "status.1", 42),
        ('WA = "WHATSAPP"', 'WA = "WHATSUP"', "channel.WA", 48),
        ("VERIFY = 3", "VERIFY = 0", "clocks.VERIFY", 51),
        ("VERIFY = 3", "VERFY = 3", "clocks.VERFY", 51),
        ("FINISH.ASPIRASI = 14", "FINISH.DOA = 14", "clocks.FINISH.DOA", 52),
        ('kind = "rest"', 'kind = "resst"', "rest", 20),
    ],
)
def test_a_fault_is_named(old: str, new: str, key: str, line: int | None) -> None:
    assert old in FILE
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace(old, new, 1))
    error = caught.value
    assert (error.file, error.key) == ("agencies/kab-contoh.toml", key)
    if line is not None:
        assert error.line is not None
        assert abs(error.line - line) <= 1
    assert "hunter2" not in str(error)
    assert "abcdef" not in str(error)


def test_allowed_values_are_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace('"NEW"', "").replace('= "SUBMITTED"', '= "NEW"'))
    assert caught.value.allowed == tuple(ComplaintStatus)
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace("rate = 20", "rat = 20"))
    assert "rate" in caught.value.allowed
    with pytest.raises(ConfigError) as caught:
        parse(FILE.replace('"DISTRICT"', '"CITY"'))
    assert caught.value.allowed == tuple(AgencyLevel)


@pytest.mark.parametrize("slug", ["Kab", "kab_contoh", "1kab", "kab--contoh", "kab-", "", "k" * 64])
def test_the_file_name_is_a_slug(slug: str) -> None:
    with pytest.raises(ConfigError, match="slug"):
        parse(FILE, slug=slug)


def test_not_toml_names_the_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse('name = "x"\nlevel = \n')
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("old", "new", "key", "allowed"),
    [
        ('kind = "page"', 'kind = "pages"', "rest.paging.kind", "page"),
        ('kind = "page", page', 'kind = "page", seite', "rest.paging.seite", "size"),
        ('records = "data.items"\n', "", "rest.records", ""),
        ('records = "data.items"', 'records = "data["', "rest.records", ""),
        ("/api/aduan/{id}", "/api/aduan/", "rest.fetch", ""),
        ('list = "/api/aduan"', 'list = "/api/aduan"\nlast = 1', "rest.last", "total"),
    ],
)
def test_the_kinds_own_table_is_checked(old: str, new: str, key: str, allowed: str) -> None:
    manifest = parse(FILE.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        connect(manifest, lambda reference: Secret("x"))
    assert (caught.value.file, caught.value.key) == (manifest.file, key)
    assert caught.value.line is not None
    assert not allowed or allowed in caught.value.allowed


def test_an_unknown_kind_names_the_known_ones() -> None:
    manifest = parse(FILE.replace('kind = "rest"', 'kind = "soap"').replace("[rest]", "[soap]"))
    with pytest.raises(ConfigError) as caught:
        kind_of(manifest)
    assert caught.value.allowed == ("files", "graphql", "lapor", "open311", "rest", "sql", "webhook")
    assert caught.value.line == 5


def test_one_bad_file_fails_all_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "kab-contoh.toml").write_text(FILE)
    assert list(load_agencies(tmp_path)) == ["kab-contoh"]
    (tmp_path / "kab-lain.toml").write_text(FILE.replace("rate = 20", "rat = 20"))
    with pytest.raises(ConfigError, match=r"kab-lain\.toml:11: http\.rat"):
        load_manifests(tmp_path)
    (tmp_path / "kab-lain.toml").write_text('parent = "prov-nirgends"\n' + FILE)
    with pytest.raises(ConfigError, match=r"kab-lain\.toml:1: parent"):
        load_manifests(tmp_path)
    with pytest.raises(ConfigError, match="directory"):
        load_manifests(tmp_path / "nowhere")


def test_secrets_are_resolved_late_and_never_shown(tmp_path: Path) -> None:
    manifest = parse(FILE.replace("/run/secrets/contoh", str(tmp_path / "key")))
    with pytest.raises(ConfigError, match=r"CONTOH_KEY is not set") as caught:
        http_for(manifest, Secrets({}))
    assert (caught.value.key, caught.value.line) == ("http.headers.X-Api-Key", 13)
    (tmp_path / "key").write_text("file-canary\n")
    http = http_for(manifest, Secrets({"CONTOH_KEY": "env-canary"}))
    signature = http._credentials._signature
    shown = f"{http!r} {signature!r} {manifest!r} {vars(http)!r}"
    assert "canary" not in shown
    assert {name: secret.reveal() for name, secret in signature.headers.items()} == {
        "X-Api-Key": "env-canary",
        "Authorization": "Bearer file-canary",
    }


def test_a_secret_shows_stars() -> None:
    secret = Secret("canary")
    assert re.fullmatch(r"\*+( \*+)*", f"{secret} {secret!r} {str(secret)} {secret:>3}")  # noqa: RUF010  (str is tested)
    assert "canary" not in repr([secret])
    with pytest.raises(ConfigError) as caught:
        fill_in("env:X", lambda reference: Secret("canary\r\nX: y"))
    assert "canary" not in str(caught.value)
