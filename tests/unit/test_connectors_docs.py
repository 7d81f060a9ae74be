"""docs/connectors.md names every key, kind and error code that there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from connectors import fields, manifest, paging, registry
from connectors.addresses import Network
from connectors.rest.connector import RestSettings, Since
from schema.agency import SourceErrorCode
from schema.clocks import ClockKind

DOCS = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text()
NAMED = set(
    re.findall(r"[A-Za-z_0-9]+", " ".join(re.findall(r"```.*?```|`[^`]+`|^#.*$", DOCS, re.DOTALL | re.MULTILINE)))
)

SECTIONS: list[type[msgspec.Struct]] = [
    manifest._File,
    manifest.HttpSettings,
    manifest.PollSettings,
    manifest.PrivacySettings,
    manifest.DateSettings,
    RestSettings,
    Since,
    paging.ByPage,
    paging.ByOffset,
    paging.ByCursor,
    paging.ByLink,
    *(thing for thing in vars(fields).values() if isinstance(thing, type) and issubclass(thing, fields.Section)),
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_named(section: type[msgspec.Struct]) -> None:
    assert {field.encode_name for field in msgspec.structs.fields(section)} - NAMED == set()


def test_every_kind_code_clock_and_network_is_named() -> None:
    assert {*registry.BUILT_IN, *Network, *ClockKind} - NAMED == set()
    assert [code for code in SourceErrorCode if f"| {code} |" not in DOCS] == []


def test_the_example_is_a_valid_file() -> None:
    example = re.search(r"```toml\n(name = .*?)```", DOCS, re.DOTALL)
    assert example is not None
    parsed = manifest.parse_manifest(example[1], slug="kab-contoh", file="docs/connectors.md")
    parsed.settings_as(RestSettings)
