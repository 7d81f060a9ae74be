"""docs/agency.schema.json: what editors complete and check agency files by says what the program says."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from connectors.json_schema import agency_schema, agency_schema_text
from connectors.manifest import NOT_AGENCIES, parse_manifest
from connectors.registry import BUILT_IN, check
from schema.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "agencies").glob("*.toml") if path.name not in NOT_AGENCIES)
FILE = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "https://aduan.example"
budget = { requests = 1000, per = "hour" }
[auth]
kind = "bearer"
token = "env:CONTOH"
[[errors]]
status = [404, "5xx"]
then = "retry"
[rest]
list = "/aduan"
records = "data"
since = { param = "sejak", until = "sampai", first_day = 2015-01-01 }
paging = { kind = "page", page = "hal", size = "per" }
[fields]
native_id = "id"
status = "status"
[status]
baru = "SUBMITTED"
"ditutup *" = "CLOSED by SYSTEM"
[category]
jalan = "infrastruktur"
[clocks]
VERIFY = 3
FINISH.ASPIRASI = 14
"FINISH.PERMINTAAN_INFORMASI" = 20
"""


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    Draft7Validator.check_schema(agency_schema())
    return Draft7Validator(agency_schema())


def read(text: str) -> Any:
    """As editors hand TOML to a validator: dates are texts."""
    return json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))


def test_the_committed_file_is_what_the_program_prints() -> None:
    committed = (ROOT / "docs" / "agency.schema.json").read_text()
    assert committed == agency_schema_text(), "run: simpul agency schema > docs/agency.schema.json"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_pilots_files_name_it_and_fit(file: Path, validator: Draft7Validator) -> None:
    text = file.read_text()
    assert text.startswith("#:schema ../docs/agency.schema.json\n")
    assert [error.message for error in validator.iter_errors(read(text))] == []


def test_a_file_with_a_bit_of_everything_fits(validator: Draft7Validator) -> None:
    check(parse_manifest(FILE, slug="kab-contoh", file="kab-contoh.toml"))
    assert list(validator.iter_errors(read(FILE))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "Pemerintah Kabupaten Contoh"\n', ""),
        ('level = "DISTRICT"', 'level = "CITY"'),
        ('kind = "rest"', 'kind = "rest"\ncolour = 1'),
        ("[http]", "[sql]\n[http]"),
        ("[rest]", "[graphql]"),
        ('url = "https://aduan.example"', 'url = "https://aduan.example"\nrat = 1'),
        ('per = "hour"', 'per = "week"'),
        ('token = "env:CONTOH"', 'token = "env:CONTOH"\nusername = "a"'),
        ('kind = "bearer"', 'kind = "digest"'),
        ('then = "retry"', 'then = "shrug"'),
        ('kind = "page"', 'kind = "pages"'),
        ('list = "/aduan"\n', ""),
        ('param = "sejak", ', ""),
        ("CLOSED by SYSTEM", "CLOSED by NOBODY"),
        ('baru = "SUBMITTED"', 'baru = "NEW"'),
        ('jalan = "infrastruktur"', 'jalan = "Infrastruktur!"'),
        ("VERIFY = 3", "VERIFY = 0"),
        ("FINISH.ASPIRASI = 14", "FINISH.DOA = 14"),
    ],
)
def test_what_the_program_refuses_an_editor_underlines(old: str, new: str, validator: Draft7Validator) -> None:
    wrong = FILE.replace(old, new, 1)
    assert wrong != FILE
    assert list(validator.iter_errors(read(wrong))) != []
    with pytest.raises(ConfigError):
        check(parse_manifest(wrong, slug="kab-contoh", file="kab-contoh.toml"))


def test_the_tables_of_a_kind_that_a_package_brings_are_let_through(validator: Draft7Validator) -> None:
    assert list(validator.iter_errors(read(FILE.replace('"rest"', '"soap"').replace("[rest]", "[soap]")))) == []


def test_keys_are_explained() -> None:
    schema = agency_schema()
    assert set(BUILT_IN) <= set(schema["properties"])
    told = schema["definitions"]["HttpSettings"]["properties"]
    assert told["deadline"]["description"].startswith("seconds in all for one request")
    assert schema["definitions"]["RestSettings"]["properties"]["records"]["description"]
    silent = {name for name, key in schema["properties"].items() if "description" not in key}
    assert silent <= set(BUILT_IN)
