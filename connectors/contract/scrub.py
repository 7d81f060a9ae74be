"""Takes people out of what an agency answered, and leaves all that its file reads without them.

Everything is replaced that is not known to be harmless: what the connector made a status, a category, an institution or
a key of, words of the file's maps, moments, numbers and what stood in requests. The same word becomes the same
pseudonym, of the same length and case, everywhere in one recording; the key of it is thrown away.
"""

from __future__ import annotations

import ast
import hmac
import re
import secrets as random
from collections.abc import Collection, Iterable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.base import Kind
from connectors.contract.lists import rewritten
from connectors.contract.moments import moment_of
from connectors.contract.wire import Answer
from connectors.manifest import Manifest
from connectors.words import fold
from schema.complaint import AgencyReference, ComplaintRecord

#: Words of protocols and flags.
_HARMLESS: Final = frozenset(
    re.findall(
        r"\w+",
        "ok success sukses berhasil bearer error gagal ya iya benar tidak bukan yes no on off "
        "true false y n t f null none anonim rahasia publik public private asc desc",
    )
)
_PERSONAL: Final = re.compile(
    r"pelapor|reporter|telp|telepon|phone|ponsel|no_?hp|handphone|whatsapp|e-?mail|nik$|^kk$|ktp|alamat|address|pengguna|user"
    r"|token|secret|password|petugas|penulis|author",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(r"^(lat|latitude|lintang|lng|lon|long|longitude|bujur)$", re.IGNORECASE)
_PHONE_OR_NIK: Final = re.compile(r"(\+?62|0)[\d .-]{8,15}|\d{12,}")
_NUMBER: Final = re.compile(r"[\d.,+-]+")
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_ADDRESS: Final = re.compile(r"https?://\S+")
_DEGREES: Final = re.compile(r"(-?\d{1,3}[.,]\d\d)\d{2,}")
#: Characters of a word that a program compares with.
_LONGEST_WORD: Final = 60
_LITERAL: Final = re.compile(r"'([^']*)'")
_CONSONANTS, _VOWELS = "bdgjklmnprstw", "aeiou"


class Scrubber:
    """Replaces values. One is made for each recording.

    Args:
        keep: values that stay, whatever they look like; the words in them stay elsewhere too.
        vocabulary: further values that stay, as a whole.
        secrets: are replaced by `***` wherever they stand.
    """

    def __init__(self, keep: Iterable[str], secrets: Collection[str] = (), vocabulary: Iterable[str] = ()) -> None:
        kept = {fold(value) for value in keep}
        self._keep = kept | _HARMLESS | {fold(value) for value in vocabulary}
        self._beginnings = tuple(key[:-1].rstrip() for key in self._keep if len(key) > 2 and key.endswith("*"))
        self._words = {word for value in kept for word in _WORD.findall(value) if len(word) > 1}
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True)
        self._key = random.token_bytes(32)

    def answer(self, answer: Answer) -> Answer:
        """A reply without people."""
        if (
            answer.content.lstrip()[:1] in (b"{", b"[", b"<", b"\xef")
            and (changed := rewritten(answer, self.value)) is not answer
        ):
            return changed
        text = answer.content.decode("utf-8", "replace")
        cells = re.split(r"([,;\t\r\n\"|]+)", text)
        shown = "".join(cell if i % 2 else self.text(cell) for i, cell in enumerate(cells))
        return Answer(status=answer.status, headers=answer.headers, content=shown.encode())

    def value(self, name: str, value: Any) -> Any:
        """A value of a reply, under the name it has there."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value, name)
        if isinstance(value, float) and (_PLACE.search(name) or round(value, 3) != value):
            return round(value, 2)  # coordinates, whatever they are called
        if isinstance(value, int) and fold(text := str(value)) not in self._keep and _is_personal(name, text):
            return int(text[0] + self._digits(text[1:]))
        return value

    def text(self, value: str, name: str = "") -> str:
        """A text: kept if it is known to be harmless, else of other words."""
        for secret in self._secrets:
            value = value.replace(secret, "***")
        folded = fold(value)
        if not folded or folded in self._keep or moment_of(value) is not None:
            return value
        if _ADDRESS.fullmatch(value.strip()):
            return self._address(value)
        if place := _DEGREES.fullmatch(folded):
            return place[1]
        if (
            re.fullmatch(r"[\d.,+-]+", folded)
            and not _PHONE_OR_NIK.fullmatch(folded)
            and not _is_personal(name, folded)
        ):
            return value
        if begun := next((start for start in self._beginnings if folded.startswith(start)), None):
            return value[: len(begun)] + self._scrambled(value[len(begun) :])
        return self._scrambled(value)

    def _scrambled(self, value: str) -> str:
        return _WORD.sub(lambda match: self._word(match[0]), value)

    def _word(self, word: str) -> str:
        if word.isdigit():
            return self._digits(word)
        if word.casefold() in self._words:
            return word
        shown = "".join((_CONSONANTS, _VOWELS)[i % 2][d % (13, 5)[i % 2]] for i, d in enumerate(self._stream(word)))
        return shown.upper() if word.isupper() and len(word) > 1 else shown.title() if word[0].isupper() else shown

    def _digits(self, word: str) -> str:
        return word if word in self._words else "".join(str(d % 10) for d in self._stream(word))

    def _stream(self, word: str) -> bytes:
        """As many bytes as the word has characters, the same for the same word."""
        made = b""
        while len(made) < len(word):
            made += hmac.digest(self._key, word.casefold().encode() + len(made).to_bytes(2, "big"), sha256)
        return made[: len(word)]

    def _address(self, value: str) -> str:
        """Files are often named by who sent them: the last part of a path that names a file is replaced."""
        head, slash, last = value.rpartition("/")
        stem, dot, extension = last.rpartition(".")
        return f"{head}{slash}{self._scrambled(stem)}{dot}{extension}" if dot and slash and "?" not in last else value


def _is_personal(name: str, number: str) -> bool:
    """A number that may be somebody's, by the name it stands under or by its length."""
    return len(number) >= 4 and (bool(_PERSONAL.search(name)) or (len(number) >= 12 and moment_of(number) is None))


def kept(manifest: Manifest, records: Iterable[ComplaintRecord]) -> set[str]:
    """What must stay for the agency's file to read a recording as it read the agency: never what people wrote."""
    found = {word for _, word in manifest.words.spelled}
    for table in msgspec.to_builtins(manifest).values():
        for expression in table.values() if isinstance(table, dict) else ():
            if isinstance(expression, str):
                found.update(_LITERAL.findall(expression))
    for record in records:
        found.update(_known(record))
    return found


def vocabulary(kind: Kind) -> set[str]:
    """The words that a kind's own program compares with: what it maps by itself, and flags."""
    module = kind.settings.__module__
    spec = find_spec(module if "." not in module else module.rpartition(".")[0])
    sources = [Path(spec.origin)] if spec and spec.origin else []
    if sources and sources[0].name == "__init__.py":
        sources = sorted(sources[0].parent.glob("*.py"))
    return {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= _LONGEST_WORD
    }


def _known(record: ComplaintRecord) -> Iterable[str]:
    yield record.native_id
    yield record.tracking_id
    natives = [record.native_status, *(step.native_status for step in record.timeline or ())]
    for native in natives:
        if native is not None:
            yield native.label
            yield native.code or ""
    yield from (word for word in (record.native_category, record.native_channel) if word)
    yield from record.tags
    if record.incident_location is not None and record.incident_location.region_code:
        yield record.incident_location.region_code
        yield record.incident_location.region_code.replace(".", "")
    hands = [reference for hand in record.dispositions for reference in (hand.from_agency, hand.to_agency)]
    sent = [reference for reply in record.follow_ups for reference in (reply.from_agency, reply.to_agency)]
    for reference in (record.owner_agency, *record.assigned_agencies, *record.copied_agencies, *hands, *sent):
        yield from _names(reference)
    for other in record.external_references:
        yield from (other.system, other.id)


def _names(reference: AgencyReference | None) -> Iterable[str]:
    return [name for name in (reference.name, reference.native_id) if name] if reference else []
