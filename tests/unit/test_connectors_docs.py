"""docs/connectors.md names every key, kind and error code that there is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from connectors import manifest, registry
from connectors.addresses import Network
from connectors.rest.connector import RestSettings
from connectors.settings import AgencyFile
from schema.agency import SourceErrorCode
from schema.clocks import ClockKind

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "connectors.md").read_text()


def named(text: str) -> set[str]:
    """The words that a text shows as code, or has in its headings."""
    shown = re.findall(r"```.*?```|`[^`]+`|^#.*$", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"[A-Za-z_0-9]+", " ".join(shown)))


def keys(thing: object) -> set[str]:
    """The keys of a struct, and of the structs in it."""
    found: set[str] = set()
    if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
        for field in msgspec.structs.fields(thing):
            found |= {field.encode_name} | keys(field.type)
    for part in get_args(thing):
        found |= keys(part)
    return found


NAMED = named(DOCS)


def test_every_key_of_all_kinds_is_named() -> None:
    assert keys(AgencyFile) - NAMED == set()


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_every_key_of_a_kind_is_named_in_its_readme(kind: str) -> None:
    readme = (ROOT / "connectors" / kind / "README.md").read_text()
    assert keys(import_module(registry.BUILT_IN[kind]).KIND.settings) - named(readme) - NAMED == set()


def test_every_kind_code_clock_and_network_is_named() -> None:
    assert {*registry.BUILT_IN, *Network, *ClockKind} - NAMED == set()
    assert [code for code in SourceErrorCode if f"| {code} |" not in DOCS] == []


def test_the_example_is_a_valid_file() -> None:
    example = re.search(r"```toml\n(name = .*?)```", DOCS, re.DOTALL)
    assert example is not None
    parsed = manifest.parse_manifest(example[1], slug="kab-contoh", file="docs/connectors.md")
    parsed.settings_as(RestSettings)
