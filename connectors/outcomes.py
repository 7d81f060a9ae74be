"""What a reply means: the agency's own error rules first (`[[errors]]`), then what HTTP says of its status."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

import jmespath
import msgspec

from connectors.fields import Section
from connectors.paths import Path
from connectors.preview import without_people
from connectors.reply import Reply
from connectors.toml import Misfit
from connectors.values import number, word
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, RateLimited, RecordError, SourceError
from schema.ports import Clock

MAX_RETRY_AFTER: Final = 3600.0
MAX_MESSAGE: Final = 200
_STATUS = re.compile(r"[1-5]xx")


class Then(StrEnum):
    """What a reply that an error rule fits is taken for."""

    RETRY = "retry"
    IGNORE = "ignore"
    RATE_LIMITED = "rate_limited"
    REAUTHENTICATE = "reauthenticate"
    REFUSED = "refused"
    FAIL = "fail"


Statuses: TypeAlias = int | str | tuple[int | str, ...]


class ErrorRule(Section, frozen=True, kw_only=True):
    """`[[errors]]`: all conditions of a rule must fit; the first rule that fits decides.

    Attributes:
        status: a status (404), a class of them ("5xx"), or a list of such.
        when: JMESPath over the reply's JSON; fits if what it finds is neither null, false nor empty.
        contains: text in the reply; case doesn't count.
        then: retry: a passing trouble. ignore: no error, there is nothing. rate_limited: leave it alone for a while.
            reauthenticate: read secrets again or fetch a new token, ask once more, else it is refused credentials.
            refused: the agency says no to what was written: the same again would not help. fail: an error.
        retry_after: seconds, or the JMESPath of seconds or of a date in the reply.
        message: JMESPath of the agency's own words, for the operator's log.
    """

    then: Then
    status: Statuses | None = None
    when: str | None = None
    contains: str | None = None
    retry_after: int | float | str | None = None
    message: str | None = None


def check_rule(rule: ErrorRule, key: str) -> None:
    """Checks what the types can't say.

    Raises:
        Misfit: it can't fit any reply, or an expression is none.
    """
    if rule.status is None and rule.when is None and rule.contains is None:
        raise Misfit("says nothing of when it fits", key, ("status", "when", "contains"))
    for status in _listed(rule.status):
        usable = _STATUS.fullmatch(status) if isinstance(status, str) else 100 <= status <= 599
        if not usable:
            raise Misfit("is not a status", f"{key}.status", ("like 404", 'like "5xx"'))
    for name in ("when", "message", "retry_after"):
        if isinstance(expression := getattr(rule, name), str):
            check_expression(expression, f"{key}.{name}")
    if isinstance(rule.retry_after, int | float) and not 0 <= rule.retry_after <= MAX_RETRY_AFTER:
        raise Misfit("is not a number of seconds", f"{key}.retry_after", (f"0 to {MAX_RETRY_AFTER:.0f}", "a JMESPath"))


def check_expression(expression: str, key: str) -> None:
    """Checks one JMESPath.

    Raises:
        Misfit: it is none.
    """
    try:
        jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        hint = (
            "; a number to compare with stands in backticks: code != `200`" if re.search(r"[=<>]", expression) else ""
        )
        raise Misfit(f"is not a JMESPath expression ({str(error).splitlines()[0]}{hint})", key) from None


class Verdict(msgspec.Struct, frozen=True):
    """What a reply is taken for.

    Attributes:
        error: to be raised; None if the reply is good.
        renew: other credentials may help.
    """

    reply: Reply
    error: SourceError | None = None
    renew: bool = False


class Outcomes:
    """Judges an agency's replies.

    Args:
        rules: in the order in which they are tried.
        now: for a `Retry-After` that is a date, where the agency doesn't tell its own clock.
        hide: takes credentials out of an agency's words.
    """

    def __init__(self, rules: Sequence[ErrorRule], now: Clock, hide: Callable[[str], str] = lambda text: text) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._now, self._hide = now, hide

    def with_rules(self, rules: Sequence[ErrorRule]) -> Outcomes:
        """With rules of the kind's own behind the agency's."""
        found = Outcomes(rules, self._now, self._hide)
        found._rules = [*self._rules, *found._rules]
        return found

    def fits(self, reply: Reply) -> bool:
        """Whether a rule has something to say about a reply."""
        return any(rule.fits(reply) for rule in self._rules)

    def judge(self, place: str, reply: Reply) -> Verdict:
        """What a reply means.

        Args:
            place: method and path, for the message.
        """
        place = f"HTTP {reply.status} from {place}"
        rule = next((rule for rule in self._rules if rule.fits(reply)), None)
        return self._by_status(place, reply) if rule is None else self._by_rule(rule, place, reply)

    def _by_rule(self, rule: _Rule, place: str, reply: Reply) -> Verdict:
        said = rule.message(reply)
        text = f"{place}: {self._hide(said)}" if said else f"{place}, which the agency's file calls an error"
        wait = rule.seconds(reply, self._now)
        wait = retry_after(reply, self._now) if wait is None else wait
        match rule.then:
            case Then.IGNORE:
                return Verdict(msgspec.structs.replace(reply, ignored=True))
            case Then.RATE_LIMITED:
                return Verdict(reply, RateLimited(text, retry_after=wait))
            case Then.REAUTHENTICATE:
                return Verdict(reply, AuthenticationFailed(text), renew=True)
            case Then.REFUSED:  # as 422 says it, whatever status it came with
                return Verdict(reply, HttpFailure(text, status=422))
            case Then.RETRY | Then.FAIL:
                again = rule.then is Then.RETRY
                return Verdict(reply, HttpFailure(text, status=reply.status, retry_after=wait, transient=again))

    def _by_status(self, place: str, reply: Reply) -> Verdict:
        if 200 <= reply.status < 300:
            return Verdict(reply)
        wait = retry_after(reply, self._now)
        if reply.status in (401, 403):
            refused = AuthenticationFailed(f"{place}: the agency refused our credentials")
            return Verdict(reply, refused, renew=reply.status == 401)
        if reply.status == 429 or (reply.status == 503 and wait is not None):
            limited = RateLimited(place, retry_after=wait)
            limited.arrived = reply.status != 429  # 503 comes from a proxy too that has lost its server on the way
            return Verdict(reply, limited)
        return Verdict(reply, HttpFailure(place, status=reply.status, retry_after=wait))


class _Rule:
    """An error rule, compiled."""

    def __init__(self, rule: ErrorRule) -> None:
        self.then = rule.then
        self._statuses = _listed(rule.status)
        self._when = Path(rule.when) if rule.when else None
        self._contains = rule.contains.casefold() if rule.contains else None
        self._message = Path(rule.message) if rule.message else None
        self._wait = Path(rule.retry_after) if isinstance(rule.retry_after, str) else rule.retry_after

    def fits(self, reply: Reply) -> bool:
        if self._statuses and not any(_is(reply.status, status) for status in self._statuses):
            return False
        if self._contains is not None and self._contains not in reply.content.decode("utf-8", "replace").casefold():
            return False
        return self._when is None or _find(self._when, reply) not in (None, False, "", [], {})

    def message(self, reply: Reply) -> str | None:
        """The agency's words, in one line, short, without people."""
        found = _find(self._message, reply) if self._message else None
        try:
            said = word(found)
        except RecordError:
            return None
        return without_people(said)[:MAX_MESSAGE] if said else None

    def seconds(self, reply: Reply, now: Clock) -> float | None:
        if not isinstance(self._wait, Path):
            return self._wait
        found = _find(self._wait, reply)
        if (seconds := number(found)) is not None:
            return min(max(seconds, 0.0), MAX_RETRY_AFTER)
        return _until(found, now()) if isinstance(found, str) else None


def _listed(statuses: Statuses | None) -> tuple[int | str, ...]:
    return statuses if isinstance(statuses, tuple) else () if statuses is None else (statuses,)


def _is(status: int, wanted: int | str) -> bool:
    return status == wanted or (isinstance(wanted, str) and wanted[0] == str(status)[0])


def _find(path: Path, reply: Reply) -> Any:
    """What stands in a reply's JSON; None where it is no JSON or the expression doesn't fit."""
    try:
        return path.find(reply.json())
    except (BadPayload, RecordError):
        return None


def retry_after(reply: Reply, now: Clock) -> float | None:
    """Seconds of the `Retry-After` header, at most an hour; a date counts from the agency's clock where it tells it."""
    said = reply.headers.get("retry-after", "").strip()
    if said.isdecimal() and said.isascii():
        return min(float(said[:12]), MAX_RETRY_AFTER)
    until = _http_date(said)
    return _wait(until, _http_date(reply.headers.get("date", "")) or now()) if until else None


def _until(text: str, now: datetime) -> float | None:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _wait(until if until.tzinfo else until.replace(tzinfo=UTC), now)


def _wait(until: datetime, now: datetime) -> float:
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
