"""`simpul agency new`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console
from rich.prompt import Prompt

from connectors.contract.certificate import folder_of
from connectors.json_schema import agency_schema_text
from connectors.manifest import Manifest, parse_manifest
from connectors.registry import BUILT_IN, check, kind_of, kinds
from connectors.templates import AUTH, level_of, text_of, zone_of
from connectors.words import SLUG
from gateway.settings import load
from schema.agency import AgencyLevel
from schema.errors import ConfigError
from schema.regions import region as region_of

console = Console(highlight=False)

Auth = Literal["none", "bearer", "basic", "api-key", "headers", "oauth2"]

_TEST = '''"""The contract of {slug}: pytest {file}"""

from pathlib import Path

from connectors.testing import contract, {on}

test_contract = contract(lambda: {on}(Path(__file__).parents[1] / "{slug}.toml"))
'''


def new(
    agency: str,
    *,
    kind: str | None = None,
    auth: Auth | None = None,
    url: str | None = None,
    region: str | None = None,
    level: AgencyLevel | None = None,
    name: str | None = None,
    time_zone: str | None = None,
    folder: Path | None = None,
) -> None:
    """Begin an agency: its file with everything explained, a test of three lines, and a folder for its recording.

    What is not given is asked for at a terminal.

    Parameters
    ----------
    agency
        Its id for ever, for instance kab-contoh: lower-case letters, digits and single hyphens.
    kind
        How it is spoken to: files, graphql, lapor, open311, rest, sql, webhook, or a third party's.
    auth
        How it recognises the hub.
    url
        Base address, for kinds over HTTP.
    region
        Kemendagri code: 36 for a province, 36.03 for a district; none for a national agency.
    level
        By default what the region's code says.
    name
        Its official name; by default the region's.
    time_zone
        By default the region's: Asia/Jakarta, Asia/Makassar or Asia/Jayapura.
    folder
        Of the agencies' files; by default SIMPUL_AGENCIES_DIR.
    """
    if not SLUG.fullmatch(agency):
        raise ConfigError("is no id: lower-case letters, digits and single hyphens", key=agency)
    folder = folder or load().agencies_dir
    file = folder / f"{agency}.toml"
    if file.exists():
        raise ConfigError("is there already", file=str(file))
    kind = _kind(kind)
    over_http = kind_of(_stub(agency, kind)).http
    if over_http:
        url = url or _asked("url", "Base address", "https://aduan.example.go.id")
        auth = auth or _auth()
    if level is not AgencyLevel.NATIONAL:
        region = region or _asked("region", "Kemendagri code (empty for a national agency)", "") or None
    text = text_of(
        agency,
        name=name or _name(agency, region),
        level=level or level_of(region),
        region=region,
        time_zone=time_zone or zone_of(region),
        kind=kind,
        auth=auth or "none",
        url=url or "https://agency.example",
    )
    if kind in BUILT_IN:
        check(parse_manifest(text, slug=agency, file=str(file)))
    _write(file, text, "recorded" if over_http else "live")
    _told(file)


def _kind(given: str | None) -> str:
    kind = given or _asked("kind", "How is it spoken to", "rest", kinds())
    if kind not in kinds():
        raise ConfigError(f"no kind is called {kind!r}", key="--kind", allowed=kinds())
    return kind


def _stub(slug: str, kind: str) -> Manifest:
    return Manifest(slug=slug, file=slug, name=slug, level=AgencyLevel.NATIONAL, time_zone="UTC", kind=kind)


def _auth() -> Auth:
    found = _asked("auth", "How does it recognise the hub", "none", list(AUTH))
    return next(auth for auth in get_args(Auth) if auth == found)


def _asked(flag: str, question: str, default: str, choices: list[str] | None = None) -> str:
    """An answer from whoever sits there; a script must give the flag."""
    if not sys.stdin.isatty():
        raise ConfigError("is needed", key=f"--{flag}", allowed=choices or ())
    return Prompt.ask(question, choices=choices, default=default)


def _name(slug: str, region: str | None) -> str:
    found = region_of(region) if region else None
    return f"Pemerintah {found.name}" if found else slug


def _write(file: Path, text: str, on: str) -> None:
    own = folder_of(file)
    (own / "recording").mkdir(parents=True, exist_ok=True)
    test = f"test_{file.stem.replace('-', '_')}.py"
    (own / test).write_text(_TEST.format(slug=file.stem, file=f"{own.name}/{test}", on=on), encoding="utf-8")
    file.write_text(f"#:schema {_schema(file.parent)}\n{text}", encoding="utf-8")


def _schema(folder: Path) -> str:
    """Where editors find how these files are written, seen from their folder; put there if it is nowhere."""
    published = folder.parent / "docs" / "agency.schema.json"
    if published.exists():
        return "../docs/agency.schema.json"
    (folder / "agency.schema.json").write_text(agency_schema_text(), encoding="utf-8")
    return "agency.schema.json"


def _told(file: Path) -> None:
    console.print(f"{file}: describe the agency here (places marked EDIT)", markup=False, soft_wrap=True)
    console.print(f"{folder_of(file)}/: its test, recording and certificate", markup=False, soft_wrap=True)
    console.print(f"then: simpul agency check {file}", markup=False, soft_wrap=True)
