"""The routing file: an operator's rules on who is responsible for what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

import msgspec

from connectors.toml import Misfit, convert, line_of, lines_of
from schema.agency import AgencyLevel
from schema.categories import category
from schema.complaint import Channel, Classification
from schema.errors import ConfigError
from schema.query import Language
from schema.regions import RegionLevel, parse_code, region

#: The routing file's name in the folder of agencies' files.
FILE: Final = "routing.toml"
#: Rules that are built in, in their order. `transfer`: an officer forwarded it; `bounce`: it was sent on too often.
BUILT_IN: Final = ("regency", "province", "chosen", "national", "highest")
RESERVED: Final = (*BUILT_IN, "transfer", "bounce")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORD = re.compile(r"[^\W_]+")


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Reason(_Table, frozen=True, kw_only=True):
    """One sentence for the citizen, in both languages."""

    indonesian: str = msgspec.field(name="ID")
    english: str = msgspec.field(name="EN")

    def texts(self) -> dict[str, str]:
        """By language."""
        return {Language.ID.value: self.indonesian, Language.EN.value: self.english}


class Rule(_Table, frozen=True, kw_only=True):
    """Who is responsible for what: all conditions hold together, of a list any.

    Attributes:
        name: what `Routed.rule` says.
        explanation: why; the hub adds where it goes.
        categories: codes; each covers its sub-topics.
        regions: Kemendagri codes; each covers its parts.
        words: whole words, or several in a row, in title or text; case does not matter.
        unless: words that must not occur.
        agency: slug of the agency responsible.
        level: or its level: that of the place, else the nearest above.
    """

    name: str
    explanation: Reason
    categories: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    classifications: tuple[Classification, ...] = ()
    channels: tuple[Channel, ...] = ()
    words: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    agency: str | None = None
    level: AgencyLevel | None = None


class PlaceWords(_Table, frozen=True, kw_only=True):
    """Words that tell the place of a complaint that names no region."""

    region: str
    words: tuple[str, ...]
    unless: tuple[str, ...] = ()


class Rules(_Table, frozen=True, kw_only=True):
    """The routing file.

    Attributes:
        national: slug of the national agency that is the last door; by default the first by slug.
        places, rules: tried in their order.
    """

    national: str | None = None
    places: tuple[PlaceWords, ...] = ()
    rules: tuple[Rule, ...] = ()


def load_routing(path: Path | None, agencies: Collection[str] | None = None) -> Rules:
    """Reads a routing file.

    Args:
        path: None for no rules but those built in.
        agencies: slugs that rules may name; None does not look. Where one is unplugged later, its rules are skipped.

    Raises:
        ConfigError: it can't be read, or something in it is wrong; names file, line, key and allowed values.
    """
    if path is None:
        return Rules()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't be read ({type(error).__name__})", file=str(path)) from None
    return parse_routing(text, str(path), agencies)


def parse_routing(text: str, file: str, agencies: Collection[str] | None = None) -> Rules:
    """Reads a routing file's text; `load_routing` has the details."""
    lines = lines_of(text)
    try:
        rules = _rules(tomllib.loads(text.removeprefix("\ufeff")))
        _check(rules, agencies)
    except Misfit as misfit:
        raise ConfigError(
            str(misfit), file=file, line=line_of(lines, misfit.key), key=misfit.key or None, allowed=misfit.allowed
        ) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        message = "is not TOML: " + re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError(message, file=file, line=int(found[1]) if found else None) from None
    return rules


def tokens(text: str) -> str:
    """The words of a text, case-folded, each between single spaces."""
    return f" {' '.join(_WORD.findall(normalize('NFKC', text).casefold()))} "


def _rules(document: dict[str, Any]) -> Rules:
    """Each entry alone, so that an error can say which."""
    places, rules = document.pop("places", ()), document.pop("rules", ())
    return msgspec.structs.replace(
        convert(document, Rules),
        places=tuple(convert(table, PlaceWords, prefix=key) for key, table in _entries("places", places)),
        rules=tuple(convert(table, Rule, prefix=key) for key, table in _entries("rules", rules)),
    )


def _entries(name: str, tables: object) -> Iterable[tuple[str, object]]:
    if not isinstance(tables, list | tuple):
        raise Misfit(f"must be tables: [[{name}]]", name)
    return ((f"{name}[{number}]", table) for number, table in enumerate(tables))


def _check(rules: Rules, agencies: Collection[str] | None) -> None:
    _check_agency(rules.national, "national", agencies)
    for number, place in enumerate(rules.places):
        key = f"places[{number}]"
        _check_regions((place.region,), f"{key}.region")
        _check_words(place.words, f"{key}.words")
        _check_words(place.unless, f"{key}.unless")
        if not place.words:
            raise Misfit("is empty", f"{key}.words")
    seen: set[str] = set()
    for number, rule in enumerate(rules.rules):
        _check_rule(rule, f"rules[{number}]", agencies)
        if rule.name in seen:
            raise Misfit("is the name of an earlier rule", f"rules[{number}].name")
        seen.add(rule.name)


def _check_rule(rule: Rule, key: str, agencies: Collection[str] | None) -> None:
    if not _NAME.fullmatch(rule.name) or rule.name in RESERVED:
        raise Misfit("is not a name: lower-case letters, digits and hyphens, and none that is built in", f"{key}.name")
    if (rule.agency is None) is (rule.level is None):
        raise Misfit("says either `agency` or `level`", key, ("agency", "level"))
    if not any((rule.categories, rule.regions, rule.classifications, rule.channels, rule.words)):
        conditions = ("categories", "regions", "classifications", "channels", "words")
        raise Misfit("has no condition, so that no later one would be tried", key, conditions)
    _check_agency(rule.agency, f"{key}.agency", agencies)
    _check_regions(rule.regions, f"{key}.regions")
    _check_words(rule.words, f"{key}.words")
    _check_words(rule.unless, f"{key}.unless")
    for code in rule.categories:
        if category(code) is None:
            raise Misfit(f"{code!r} is not a category's code", f"{key}.categories", ("see schema/categories.tsv",))
    for language, text in rule.explanation.texts().items():
        if not text.strip():
            raise Misfit("is empty", f"{key}.explanation.{language}")


def _check_agency(slug: str | None, key: str, agencies: Collection[str] | None) -> None:
    if slug is not None and agencies is not None and slug not in agencies:
        raise Misfit(f"{slug!r} is no agency here", key, tuple(sorted(agencies)))


def _check_regions(codes: Iterable[str], key: str) -> None:
    for code in codes:
        level = parse_code(code)
        if level is None or (level is not RegionLevel.VILLAGE and region(code) is None):
            raise Misfit(f"{code!r} is not a Kemendagri code of a region", key, ("like 36", "like 36.03"))


def _check_words(words: Iterable[str], key: str) -> None:
    for word in words:
        if not tokens(word).strip():
            raise Misfit(f"{word!r} has no word in it", key)
