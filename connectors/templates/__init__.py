"""The file that `simpul agency new` begins an agency with: each key explained, what must be written marked EDIT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from connectors.manifest import Manifest
from connectors.registry import kind_of
from schema.agency import AgencyLevel

_FOLDER: Final = Path(__file__).parent
#: A key with a remark behind it; between them two blanks at least.
_REMARK: Final = re.compile(r"^(.*\S) {2,}(# .*)$", re.MULTILINE)

#: How agencies recognise the hub, by the name that `--auth` takes; `{KEY}` begins the names of the secrets.
AUTH: Final[Mapping[str, str]] = {
    "none": "",
    "bearer": '[auth]\nkind = "bearer"                    # Authorization: Bearer ...\ntoken = "env:{KEY}_TOKEN"\n',
    "basic": '[auth]\nkind = "basic"                     # user and password\nusername = "simpul"'
    '                # EDIT\npassword = "env:{KEY}_PASSWORD"\n',
    "api-key": '[auth]\nkind = "api_key"\nheader = "X-Api-Key"               # EDIT: or query = "api_key"\n'
    'key = "env:{KEY}_KEY"\n',
    "headers": '[auth]\nkind = "headers"                   # several headers, each with a secret\n'
    '[auth.headers]\nAuthorization = "Bearer env:{KEY}_TOKEN"\ntoken = "env:{KEY}_TOKEN_2"     # EDIT\n',
    "oauth2": '[auth]\nkind = "oauth2"                    # client credentials\n'
    'token_url = "{url}/oauth/token"    # EDIT\nclient_id = "simpul"               # EDIT\n'
    'client_secret = "env:{KEY}_SECRET"\n',
}

#: Provinces by the first digit or two of their codes; all others are in WIB.
_ZONES: Final = (
    ("Asia/Makassar", ("51", "52", "53", "63", "64", "65", "7")),
    ("Asia/Jayapura", ("8", "9")),
)


def zone_of(region: str | None) -> str:
    """The time zone of a region: WIB, WITA or WIT."""
    return next((zone for zone, starts in _ZONES if region and region.startswith(starts)), "Asia/Jakarta")


def level_of(region: str | None) -> AgencyLevel:
    """The level whose agencies have such a code."""
    if region is None:
        return AgencyLevel.NATIONAL
    return AgencyLevel.DISTRICT if "." in region else AgencyLevel.PROVINCE


def text_of(
    slug: str, *, name: str, level: AgencyLevel, region: str | None, time_zone: str, kind: str, auth: str, url: str
) -> str:
    """The text of a new agency's file."""
    values = {
        "{slug}": slug,
        "{KEY}": "SIMPUL_" + slug.upper().replace("-", "_"),
        "{name}": _quoted(name),
        "{level}": level.value,
        "{region}": f'region = "{region}"' if region else '# region = "36.03"',
        "{time_zone}": time_zone,
        "{kind}": kind,
        "{url}": url.rstrip("/"),
    }
    own = _FOLDER / f"{kind}.toml"
    body = own.read_text(encoding="utf-8") if own.exists() else _of_third_party(slug, kind)
    text = "\n".join(part for part in (_part("head"), body, _part("maps")) if part)
    text = text.replace("{auth}\n", AUTH[auth])
    for mark, value in values.items():
        text = text.replace(mark, value)
    return re.sub(r"\n{3,}", "\n\n", _REMARK.sub(_aligned, text))


def _aligned(line: re.Match[str]) -> str:
    return f"{line[1]:<39}{line[2]}"


def _part(name: str) -> str:
    return (_FOLDER / f"{name}.part.toml").read_text(encoding="utf-8")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _of_third_party(slug: str, kind: str) -> str:
    """The table of a kind that an installed package brings: its keys, as its settings name them."""
    stub = Manifest(slug=slug, file=f"{slug}.toml", name=slug, level=AgencyLevel.NATIONAL, time_zone="UTC", kind=kind)
    found = kind_of(stub)
    http = '[http]\nurl = "{url}"\n\n{auth}\n' if found.http else ""
    keys = [
        f"# {field.encode_name} =" + (" # EDIT: required" if field.required else "")
        for field in msgspec.structs.fields(found.settings)
    ]
    return "\n".join([http + f"[{kind}]", *keys, ""])
