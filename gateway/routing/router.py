"""Finds the agency for a complaint: rules first, then the place, then the citizen's choice, last the national door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from gateway.routing import reasons
from gateway.routing.reasons import Texts
from gateway.routing.rules import Rule, Rules, tokens
from schema import categories, regions
from schema.agency import Agency, AgencyLevel
from schema.complaint import Routed
from schema.errors import LedgerError
from schema.writes import SubmitComplaint

#: From the nearest to the citizen upward.
_UPWARD = (AgencyLevel.DISTRICT, AgencyLevel.PROVINCE, AgencyLevel.NATIONAL)


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint that looks for its agency.

    Attributes:
        told: code of the region where it happened, given or read from the words.
        place: the same as far as it is known: the chosen agency's region, where it lies in that or nothing was told.
        read: the place was read from the words.
        words: of title and text, as `tokens` has them.
        hint: the agency the citizen chose.
    """

    asked: SubmitComplaint
    agencies: Mapping[str, Agency]
    words: str
    told: str | None
    place: str | None
    read: bool
    hint: Agency | None


_Found: TypeAlias = tuple[str, Agency, Texts]


class Router:
    """Routes by one set of rules. Pure: the same question has the same answer."""

    def __init__(self, rules: Rules) -> None:
        self.use(rules)

    def use(self, rules: Rules) -> None:
        """Routes by other rules from now on."""
        self._rules = rules
        self._tests = [(rule, _spoken(rule.words), _spoken(rule.unless)) for rule in rules.rules]
        self._places = [(place.region, _spoken(place.words), _spoken(place.unless)) for place in rules.places]

    def route(self, asked: SubmitComplaint, agencies: Mapping[str, Agency]) -> Routed:
        """The agency that a complaint goes to.

        Args:
            agencies: those that have a file, by slug; PAUSED ones too, whose deliveries wait.

        Raises:
            LedgerError: no agency at all is plugged in.
        """
        if not agencies:
            raise LedgerError("no agency is plugged in, so that no complaint can be taken")
        case = self._case(asked, agencies)
        name, agency, texts = self._by_rule(case) or self._by_place(case) or self._chosen(case) or self._last(case)
        if case.read and case.told is not None:
            texts = reasons.joined(reasons.read(case.told), texts)
        if case.hint is not None and case.hint.id != agency.id:
            texts = reasons.joined(texts, reasons.not_chosen(case.hint, agency))
        return Routed(agency=agency.id, rule=name, explanation=texts)

    def national(self, agencies: Mapping[str, Agency]) -> Agency | None:
        """The national agency that is the last door; None if none is plugged in."""
        if self._rules.national is not None and self._rules.national in agencies:
            return agencies[self._rules.national]
        return _first(agencies, lambda each: each.level is AgencyLevel.NATIONAL)

    def _case(self, asked: SubmitComplaint, agencies: Mapping[str, Agency]) -> _Case:
        words = f"{tokens(asked.title)}|{tokens(asked.text)}"
        hint = agencies.get(asked.agency) if asked.agency is not None else None
        given = asked.incident_location.region_code if asked.incident_location is not None else None
        spoken = self._spoken_of(words) if given is None else None
        return _Case(
            asked=asked,
            agencies=agencies,
            words=words,
            told=given or spoken,
            place=_narrowed(given or spoken, hint),
            read=spoken is not None,
            hint=hint,
        )

    def _spoken_of(self, words: str) -> str | None:
        return next((place for place, said, unsaid in self._places if _says(words, said, unsaid)), None)

    def _by_rule(self, case: _Case) -> _Found | None:
        for rule, said, unsaid in self._tests:
            if _fits(rule, case) and _says(case.words, said, unsaid) and (found := self._target(rule, case)):
                return found
        return None

    def _target(self, rule: Rule, case: _Case) -> _Found | None:
        texts = rule.explanation.texts()
        if rule.agency is not None:
            agency = case.agencies.get(rule.agency)
            reaches = agency is not None and _reaches(agency, case.place)
            return (rule.name, agency, reasons.joined(texts, reasons.goes(agency))) if agency and reaches else None
        if rule.level is AgencyLevel.NATIONAL:
            agency = self.national(case.agencies)
            return (rule.name, agency, reasons.joined(texts, reasons.goes(agency))) if agency else None
        if rule.level is None or case.place is None:
            return None
        for level in _UPWARD[_UPWARD.index(rule.level) :]:
            if agency := self._at(level, case):
                missing = level is not rule.level and not _is_empty(rule.level, case.place)
                where = reasons.above(rule.level, case.place, agency) if missing else reasons.goes(agency)
                return rule.name, agency, reasons.joined(texts, where)
        return None

    def _by_place(self, case: _Case) -> _Found | None:
        if case.place is None:
            return None
        if case.hint is not None and case.place != case.told:
            return "chosen", case.hint, reasons.chosen_in(case.hint, case.told)
        if agency := self._at(AgencyLevel.DISTRICT, case):
            return "regency", agency, reasons.there(case.place, agency)
        if agency := self._at(AgencyLevel.PROVINCE, case):
            of_regency = regions.regency_of(case.place) is not None
            above = of_regency and not _is_empty(AgencyLevel.DISTRICT, case.place)
            texts = reasons.above(AgencyLevel.DISTRICT, case.place, agency) if above else None
            return "province", agency, texts or reasons.there(case.place, agency)
        return None

    def _chosen(self, case: _Case) -> _Found | None:
        if case.hint is None or not _covers(case.hint, case.place):
            return None
        texts = reasons.chosen_in(case.hint, None) if case.place is None else reasons.chosen(case.hint, case.place)
        return "chosen", case.hint, texts

    def _last(self, case: _Case) -> _Found:
        if agency := self.national(case.agencies):
            return "national", agency, reasons.last(case.place, agency)
        # Somebody has to take it: who looks after most can pass it on best.
        lone = min(case.agencies.values(), key=lambda each: (-_UPWARD.index(each.level), each.id))
        return "highest", lone, reasons.highest(lone)

    def _at(self, level: AgencyLevel, case: _Case) -> Agency | None:
        """The agency of a level that looks after the place."""
        if level is AgencyLevel.NATIONAL:
            return self.national(case.agencies)
        return _first(case.agencies, lambda each: each.level is level and _looks_after(each, case.place))


def _first(agencies: Mapping[str, Agency], fits: Callable[[Agency], bool]) -> Agency | None:
    """Of those that fit, one that is part of no other; by slug."""
    found = {slug: agency for slug, agency in agencies.items() if fits(agency)}
    return min(found.values(), key=lambda each: (each.parent in found, each.id), default=None)


def _narrowed(place: str | None, hint: Agency | None) -> str | None:
    if hint is None or hint.region_code is None:
        return place
    return hint.region_code if place is None or regions.covers(place, hint.region_code) else place


def _covers(agency: Agency, place: str | None) -> bool:
    return place is None or agency.region_code is None or regions.covers(agency.region_code, place)


def _looks_after(agency: Agency, place: str | None) -> bool:
    return place is not None and agency.region_code is not None and regions.covers(agency.region_code, place)


def _reaches(agency: Agency, place: str | None) -> bool:
    """Whether it is not the agency of another region."""
    return _covers(agency, place) or (
        place is not None and agency.region_code is not None and regions.covers(place, agency.region_code)
    )


def _is_empty(level: AgencyLevel, place: str) -> bool:
    """There is no government of this level: the cities of Jakarta are administered by the province."""
    return level is AgencyLevel.DISTRICT and (regions.regency_of(place) is None or regions.province_of(place) == "31")


def _fits(rule: Rule, case: _Case) -> bool:
    """All but the words."""
    asked = case.asked
    return (
        (not rule.categories or _any(categories.covers, rule.categories, asked.category))
        and (not rule.regions or _any(regions.covers, rule.regions, case.place))
        and (not rule.classifications or asked.classification in rule.classifications)
        and (not rule.channels or asked.channel in rule.channels)
    )


def _any(covers: Callable[[str, str], bool], wholes: Sequence[str], part: str | None) -> bool:
    return part is not None and any(covers(whole, part) for whole in wholes)


def _spoken(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(tokens(word) for word in words)


def _says(words: str, said: Sequence[str], unsaid: Sequence[str]) -> bool:
    return (not said or any(word in words for word in said)) and not any(word in words for word in unsaid)
