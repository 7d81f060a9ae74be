"""What systems of this age are written to with: forms, and forms with files."""

from __future__ import annotations

from datetime import date, datetime
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qs

from starlette.requests import Request

from simulators.case import FiledFile


class Form:
    """Names and values; blanks count as not given."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def get(self, name: str) -> str | None:
        return next(iter(self._values.get(name, ())), None)

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def number(self, name: str) -> float | None:
        try:
            return float(self._values[name][0])
        except (KeyError, ValueError):
            return None

    def day(self, name: str, format: str) -> date | None:
        try:
            return datetime.strptime(self._values[name][0], format).date()  # noqa: DTZ007  (a day has no zone)
        except (KeyError, ValueError):
            return None


def form(body: bytes) -> Form:
    """A body of `application/x-www-form-urlencoded`."""
    return Form(parse_qs(body.decode("utf-8", "replace")))


def uploaded(request: Request, body: bytes) -> list[FiledFile]:
    """The files of a body of `multipart/form-data`; none if it isn't one."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message: Message = BytesParser().parsebytes(head + body)
    found = []
    for part in message.walk():
        name = part.get_filename()
        if name:
            found.append(FiledFile(name, part.get_content_type(), len(bytes(part.get_payload(decode=True) or b""))))
    return found


def region_of(digits: str | None) -> str | None:
    """A Kemendagri code from its digits: 360301 is 36.03.01."""
    digits = (digits or "").replace(".", "")
    if not digits.isdecimal():
        return None
    return ".".join(part for part in (digits[:2], digits[2:4], digits[4:6], digits[6:10]) if part)
