"""The JSON Schema of an agency's file, for editors that complete and check TOML (`simpul agency schema`).

Made from the structs that read the file, so that it can't say something else than they do. Draft 7, which editors know.
What only Python can check (addresses, zones, JMESPath, secrets in the wrong place) it lets through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final

import msgspec

from connectors.base import Kind
from connectors.registry import BUILT_IN
from connectors.settings import AgencyFile
from connectors.words import CATEGORY, REGION, SLUG
from schema.categories import children, topics
from schema.clocks import ClockKind
from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus

ID: Final = "https://simpul.example/agency.schema.json"
_REF: Final = "#/definitions/{name}"
_ATTRIBUTE = re.compile(r" {8}(\w+(?:, \w+)*): (.+)")

Schema = dict[str, Any]


def agency_schema() -> Schema:
    """The schema of a file of any kind. A kind that a package brings is let through with whatever table it has."""
    kinds: dict[str, Kind] = {name: import_module(module).KIND for name, module in sorted(BUILT_IN.items())}
    structs: list[type[msgspec.Struct]] = [AgencyFile, *(kind.settings for kind in kinds.values())]
    references, components = msgspec.json.schema_components(structs, ref_template=_REF)
    definitions = {name: _tidy(component) for name, component in components.items()}
    file_name, *tables = (reference["$ref"].rpartition("/")[2] for reference in references)
    root = definitions.pop(file_name)
    common = {**root["properties"], **_maps()}
    own = {name: {"$ref": _REF.format(name=table)} for name, table in zip(kinds, tables, strict=True)}
    common["kind"] = {"anyOf": [{"enum": list(kinds)}, {"type": "string"}]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ID,
        "title": "An agency's file (Simpul)",
        "description": "docs/connectors.md explains each key.",
        "type": "object",
        "properties": _with_words(_attributes(AgencyFile), common) | own,
        "required": root["required"],
        "allOf": [
            _of_kind(name, kind, common, definitions[table])
            for (name, kind), table in zip(kinds.items(), tables, strict=True)
        ],
        "definitions": _described(dict(zip(tables, structs[1:], strict=True)), definitions),
    }


def _of_kind(name: str, kind: Kind, common: Mapping[str, Any], table: Schema) -> Schema:
    """What holds where `kind` is this one: which tables there may be, and which there must be."""
    needed = [name] * bool(table.get("required")) + ["http"] * kind.http
    then: Schema = {"properties": {key: {} for key in (*common, name)}, "additionalProperties": False}
    return {
        "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
        "then": then | ({"required": needed} if needed else {}),
    }


def _tidy(schema: Any) -> Any:
    """Without what TOML has not (null), and without what editors don't need."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _tidy(part) for name, part in schema.items() if name not in ("discriminator", "title", "properties")}
    if "properties" in schema:  # a key of a file may be called `title` too
        found["properties"] = {name: _tidy(part) for name, part in schema["properties"].items()}
    if found.get("default", 0) in (None, {}, []) or isinstance(found.get("default"), dict):
        found.pop("default", None)
    if "prefixItems" in found:  # draft 2020-12's way to say how a list begins
        found |= {"items": found.pop("prefixItems"), "additionalItems": found["items"]}
    choices = [choice for choice in found.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del found["anyOf"]
        found = {**choices[0], **found}
    elif choices:
        found["anyOf"] = choices
    return {"$ref": found["$ref"]} if "$ref" in found else found


def _maps() -> dict[str, Schema]:
    """The tables of native words: what may stand on the right."""
    statuses = [*ComplaintStatus, *(f"{status} by {actor}" for status in ComplaintStatus for actor in ActorRole)]
    codes = [code.code for topic in topics() for code in (topic, *_below(topic.code))]
    days = {"type": "integer", "minimum": 1, "maximum": 1000}
    per_class = {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(Classification, days)}
    clocks: Schema = {kind: {"anyOf": [days, per_class]} for kind in ClockKind}
    clocks |= {f"{kind}.{name}": days for kind in ClockKind for name in Classification}
    return {
        "status": _map({"enum": [str(status) for status in statuses]}),
        "status_actor": _map({"enum": list(ActorRole)}),
        "classification": _map({"enum": list(Classification)}),
        "category": _map({"anyOf": [{"enum": codes}, _like(CATEGORY)]}),
        "channel": _map({"enum": list(Channel)}),
        "regions": _map(_like(REGION)),
        "follow_up_kind": _map({"enum": list(FollowUpKind)}),
        "rating_source": _map({"enum": list(RatingSource)}),
        "agencies": _map(_like(SLUG)),
        "clocks": {"type": "object", "properties": clocks, "additionalProperties": False},
    }


def _below(code: str) -> Iterable[Any]:
    for child in children(code):
        yield child
        yield from _below(child.code)


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _like(pattern: re.Pattern[str]) -> Schema:
    return {"type": "string", "pattern": f"^({pattern.pattern})$"}


def _described(tables: Mapping[str, type[msgspec.Struct]], definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Definitions with the words of their docstrings at each key."""
    found = {}
    for name, definition in sorted(definitions.items()):
        text = definition.pop("description", "")
        words = _attributes(tables[name]) if name in tables else _read_attributes(text)
        if "properties" in definition:
            definition["properties"] = _with_words(words, definition["properties"])
        summary = " ".join(text.partition("Attributes:")[0].split())
        found[name] = ({"description": summary} if summary else {}) | definition
    return found


def _with_words(words: Mapping[str, str], properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """In draft 7 nothing beside a `$ref` counts, so a description there needs an `allOf`."""
    found = {}
    for name, schema in properties.items():
        told = {"description": words[name]} if name in words else {}
        inner = {"allOf": [schema]} if told and "$ref" in schema else schema
        found[name] = told | inner
    return found


def _attributes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What docstrings say of a struct's attributes, those of its bases too."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        found |= _read_attributes(base.__doc__ or "" if issubclass(base, msgspec.Struct) else "")
    return found


def _read_attributes(text: str) -> dict[str, str]:
    """The `Attributes:` of a docstring, by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.partition("Attributes:")[2].splitlines():
        if match := _ATTRIBUTE.match(line):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2].strip())
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def agency_schema_text() -> str:
    """The schema as text, as `docs/agency.schema.json` has it."""
    return json.dumps(agency_schema(), indent=1, ensure_ascii=False) + "\n"
