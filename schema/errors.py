"""Every error of the project, grouped by what the caller does next.

SimpulError
├── SourceError            an agency could not be read or written: keep the mirror, tell the viewer, try later
│   ├── Unreachable          no connection
│   ├── SourceTimeout        the total deadline passed
│   ├── TlsFailure           the certificate is not to be trusted
│   ├── AuthenticationFailed the agency refused our credentials: a person must look
│   ├── RateLimited          slow down; `retry_after` in seconds where the agency said so
│   ├── HttpFailure          an error status
│   ├── BadPayload           HTML, cut, or otherwise not what was agreed
│   ├── PagingLoop           the same page came twice
│   ├── Incomplete           suspiciously few records; nothing is deleted
│   ├── MappingFailure       the agency's file does not fit what the agency answers
│   ├── WriteRejected        the agency said no to a write: saying it again would not help
│   └── SourceFailure        anything else
├── RecordError            one record can't be read: quarantine it, keep the others
├── PushError              what an agency sent can't be taken; the message is the sender's to read
│   ├── Unsigned             it is not from the agency, or not from now
│   ├── BadPush              it can't be read
│   └── TooManyPushes        send fewer and larger ones; `retry_after` in seconds
├── ConfigError            a setting or an agency's file is wrong: names file, line, key and allowed values
├── QueryError             the client asked for something that can't be answered; `code` goes to `extensions.code`
│   ├── BadUserInput
│   ├── BadCursor
│   ├── CursorExpired
│   ├── AmbiguousTrackingId
│   ├── SourceUnavailable    content that only its agency has, and the agency did not answer
│   ├── DeadlinePassed       it would take longer than anybody waits: ask for less
│   ├── CostLimit            more than one answer may take: ask for less
│   ├── Forbidden            these credentials are not for that
│   └── Busy                 not now: `retry_after` in seconds
│       ├── RateExceeded       this client asked for more than its share
│       └── Overloaded         all of them together did
└── LedgerError            the hub's own storage
    ├── LedgerUnavailable    the database can't be reached: try again
    ├── MigrationsPending    run `simpul db migrate` first
    ├── BackupUnusable       the file is no backup of such a database; nothing was touched
    └── LedgerCorrupt        what is stored can't be right: stop and ask a person
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, ClassVar

from schema.agency import SourceErrorCode


class SimpulError(Exception):
    """Base of all errors that the project raises on purpose."""


class SourceError(SimpulError):
    """An agency could not be read or written.

    Args:
        message: one sentence for an operator's log; never sent to the public (see `schema.labels`).
        retry_after: seconds the agency asked to be left alone, if it said so.
    """

    code: ClassVar[SourceErrorCode] = SourceErrorCode.OTHER
    #: Whether trying the same request again at once may help.
    transient: bool = False
    #: Whether a write may have arrived none the less. False only where it certainly did not.
    arrived: bool = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(SourceError):
    code = SourceErrorCode.UNREACHABLE
    transient = True


class SourceTimeout(SourceError):
    code = SourceErrorCode.TIMEOUT
    transient = True


class TlsFailure(SourceError):
    code = SourceErrorCode.TLS


class AuthenticationFailed(SourceError):
    code = SourceErrorCode.AUTHENTICATION
    arrived = False


class RateLimited(SourceError):
    code = SourceErrorCode.RATE_LIMITED
    arrived = False


class HttpFailure(SourceError):
    """The agency answered with an error: as a status, or inside a reply that looks well.

    Args:
        status: the HTTP status code; 200 for an error inside a reply.
        transient: by default what the status says.
    """

    code = SourceErrorCode.HTTP_ERROR

    def __init__(
        self, message: str, *, status: int, retry_after: float | None = None, transient: bool | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status
        self.transient = status in (408, 500, 502, 503, 504) if transient is None else transient


class BadPayload(SourceError):
    code = SourceErrorCode.BAD_PAYLOAD


class PagingLoop(SourceError):
    code = SourceErrorCode.PAGING_LOOP


class Incomplete(SourceError):
    code = SourceErrorCode.INCOMPLETE


class MappingFailure(SourceError):
    code = SourceErrorCode.MAPPING


class WriteRejected(SourceError):
    """The agency said no to a write."""

    code = SourceErrorCode.REJECTED
    arrived = False


class SourceFailure(SourceError):
    code = SourceErrorCode.OTHER


class RecordError(SimpulError):
    """One record can't be read.

    Args:
        reason: what is wrong, in a person's words, without the value.
        path: where in the record, for instance `("status_logs", "0", "timestamp")`.
    """

    def __init__(self, reason: str, *, path: Sequence[str] = ()) -> None:
        super().__init__(f"{'.'.join(path)}: {reason}" if path else reason)
        self.reason = reason
        self.path = tuple(path)


class PushError(SimpulError):
    """What an agency sent by itself can't be taken. The message is one sentence for whoever runs the sender."""


class Unsigned(PushError):
    """Nothing says that it is from the agency, and from now."""


class BadPush(PushError):
    """It is the agency's, and can't be read."""


class TooManyPushes(PushError):
    """More than can be remembered came in a short time."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConfigError(SimpulError):
    """A setting or an agency's file is wrong.

    Args:
        message: what is wrong.
        file: path of the file, if it is a file.
        line: 1-based line in it, if known.
        key: dotted key, for instance `http.timeout`.
        allowed: the values that would do, if they can be listed.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        allowed: Sequence[str] = (),
    ) -> None:
        place = ":".join(str(part) for part in (file, line) if part is not None)
        text = ": ".join(part for part in (place, key, message) if part)
        if allowed:
            text += f" (allowed: {', '.join(allowed)})"
        super().__init__(text)
        self.file, self.line, self.key, self.allowed = file, line, key, tuple(allowed)


class QueryError(SimpulError):
    """The client asked for something that can't be answered.

    `code` becomes `extensions.code`; `extensions` is merged beside it. The message is shown to the client.
    """

    code: ClassVar[str] = "BAD_USER_INPUT"

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.extensions = extensions


class BadUserInput(QueryError):
    code = "BAD_USER_INPUT"


class BadCursor(QueryError):
    code = "BAD_CURSOR"


class CursorExpired(QueryError):
    """`extensions.head` is the cursor to start anew from."""

    code = "CURSOR_EXPIRED"


class SourceUnavailable(QueryError):
    """`extensions.agency` names the agency, `extensions.count` how many complaints of the answer lack their content."""

    code = "SOURCE_UNAVAILABLE"


class AmbiguousTrackingId(QueryError):
    """`extensions.agencies` are the slugs of the agencies that use the number."""

    code = "AMBIGUOUS_TRACKING_ID"


class DeadlinePassed(QueryError):
    """The answer would have taken longer than the hub works for one question; the work was stopped."""

    code = "DEADLINE"


class CostLimit(QueryError):
    """More is asked than one answer may take. `extensions.cost` and `extensions.most` say how much, and the limit."""

    code = "COST_LIMIT"


class Forbidden(QueryError):
    """The viewer is known, and these credentials are not for that."""

    code = "FORBIDDEN"


class Busy(QueryError):
    """Not now.

    Args:
        retry_after: seconds after which it makes sense to come again; whole ones in `extensions.retryAfterSeconds`.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, retryAfterSeconds=ceil(retry_after))
        self.retry_after = retry_after


class RateExceeded(Busy):
    """This client asked for more than its share."""

    code = "RATE_LIMITED"


class Overloaded(Busy):
    """All clients together ask for more than the hub can do."""

    code = "OVERLOADED"


class ProviderUnavailable(SimpulError):
    """An identity provider's keys can't be had, so nobody can tell whose tokens are."""


class LedgerError(SimpulError):
    """The hub's own storage failed."""


class LedgerUnavailable(LedgerError):
    """The database can't be reached; nothing was written."""


class MigrationsPending(LedgerError):
    """The database is older than the program."""


class BackupUnusable(LedgerError):
    """The file is no backup that this program can put into this database; nothing was touched."""


class LedgerCorrupt(LedgerError):
    """What is stored can't be right."""
