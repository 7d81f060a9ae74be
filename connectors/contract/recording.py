"""What a connector asked an agency and what came, without people in it: enough to read the agency again, offline."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from connectors.contract.bench import Bench, Subject
from connectors.contract.harvest import SAMPLE, SECOND, middle
from connectors.contract.lists import another
from connectors.contract.moments import moment_of
from connectors.contract.scrub import Scrubber, kept, vocabulary
from connectors.contract.wire import Answer, Asked, Exchange, Upstream
from connectors.manifest import Manifest
from connectors.secrets import Resolve
from schema.complaint import ComplaintRecord
from schema.errors import ConfigError, SourceFailure

INDEX: Final = "recording.json"
#: Stands for the agency's own address in a recording.
_HOST: Final = "https://agency.invalid"
_HEADERS: Final = frozenset({"content-type", "link", "x-total-count", "x-result-count"})
_SECRET: Final = re.compile(r"key|token|secret|passw|credential|signature|client_id|assertion", re.IGNORECASE)

#: A name and its value, in requests.
Value = tuple[str, str]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. `file` holds the reply's body."""

    method: str
    path: str
    values: tuple[Value, ...]
    status: int
    headers: dict[str, str]
    file: str


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """`recording.json`.

    Attributes:
        since: where the recorded harvest begins; None: with all there was.
    """

    agency: str
    kind: str
    recorded_at: datetime
    since: datetime | None
    records: int
    entries: tuple[Entry, ...]


async def record(subject: Subject, folder: Path) -> Index:
    """Asks an agency all that the contract asks of one that is well, and keeps it, scrubbed, in place of what was
    recorded before.

    Raises:
        SourceError: the agency can't be read.
        Untried: it has no records.
        ConfigError: a reply is neither JSON, XML nor text, and can't be scrubbed.
    """
    async with Bench(subject, keep=True) as bench:
        records = await bench.records()
        newest = (await bench.harvest()).resume()
        for since in (middle(records), newest - SECOND if newest else None):
            if since is not None:
                await bench.changes(since)
        async with bench.connector() as (connector, _):
            await connector.fetch(list(records)[:SAMPLE])
            await connector.fetch([another(next(iter(records)), records)])
            await connector.check()
        return _save(bench, folder, records)


def _save(bench: Bench, folder: Path, records: Mapping[str, ComplaintRecord]) -> Index:
    subject, manifest = bench.subject, bench.manifest
    known = {*vocabulary(bench.kind), *_requested(bench.exchanges)}
    scrubber = Scrubber(kept(manifest, records.values()), bench.revealed, known)
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    entries: dict[object, Entry] = {}
    for exchange in bench.exchanges:
        asked = _asked(exchange.asked, manifest, bench.revealed)
        if asked not in entries:
            entries[asked] = _write(draft, len(entries) + 1, asked, exchange.answer, manifest, scrubber)
    index = Index(
        agency=manifest.slug,
        kind=manifest.kind,
        recorded_at=subject.at(),
        since=subject.since,
        records=len(records),
        entries=tuple(entries.values()),
    )
    (draft / INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(index)) + b"\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(draft, folder)
    return index


_Key = tuple[str, str, tuple[Value, ...]]


def _asked(asked: Asked, manifest: Manifest, secrets: Iterable[str] = ()) -> _Key:
    """A request as it is kept: below the base address, without secrets, its values in order."""
    base = urlsplit(manifest.http.url).path.rstrip("/") if manifest.http else ""
    path = asked.path.removeprefix(base) if asked.path.startswith(base + "/") else asked.path
    hidden = set(secrets)
    values = ((name, "***" if _hidden(name, value, hidden) else value) for name, value in asked.values)
    return asked.method, path, tuple(sorted(values))


def _hidden(name: str, value: str, secrets: set[str]) -> bool:
    secret = _SECRET.search(name.rpartition("/")[2]) or value.startswith("rahasia-")
    return bool(secret) or any(each in value for each in secrets if len(each) >= 6)


def _requested(exchanges: Sequence[Exchange]) -> set[str]:
    """What stood in requests: keys and cursors, which must stay what they are."""
    values = {value for exchange in exchanges for _, value in exchange.asked.values}
    return values | {part for exchange in exchanges for part in exchange.asked.path.split("/")}


def _write(folder: Path, number: int, asked: _Key, answer: Answer, manifest: Manifest, scrubber: Scrubber) -> Entry:
    if b"\0" in answer.content:
        raise ConfigError(f"{asked[0]} {asked[1]} brings a binary file, which can't be scrubbed; certify it --live")
    origin = _origin(manifest)
    scrubbed = scrubber.answer(msgspec.structs.replace(answer, content=answer.content.replace(b"\\/", b"/")))
    content = scrubbed.content.replace(origin.encode(), _HOST.encode())
    form = "xml" if content.lstrip()[:1] == b"<" else "json" if content.lstrip()[:1] in (b"{", b"[") else "txt"
    name = re.sub(r"[^a-z0-9]+", "-", asked[1].lower()).strip("-")[:40] or "root"
    file = f"{number:03d}-{name}.{form}"
    (folder / file).write_bytes(content)
    headers = {name: value.replace(origin, _HOST) for name, value in answer.headers.items() if name in _HEADERS}
    return Entry(
        method=asked[0], path=asked[1], values=asked[2], status=answer.status, headers=_utf8(headers), file=file
    )


def _utf8(headers: dict[str, str]) -> dict[str, str]:
    """A body that was written anew is in UTF-8, whatever it came in."""
    kind = headers.get("content-type", "").partition(";")[0]
    return {**headers, "content-type": f"{kind}; charset=utf-8"} if kind else headers


def _origin(manifest: Manifest) -> str:
    parts = urlsplit(manifest.http.url if manifest.http else "")
    return f"{parts.scheme}://{parts.netloc}"


def load(folder: Path) -> Index:
    """What is recorded in a folder.

    Raises:
        ConfigError: nothing is, or it can't be read.
    """
    path = folder / INDEX
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index)
    except FileNotFoundError:
        raise ConfigError("nothing is recorded here; run: simpul agency record", file=str(folder)) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"is no recording ({error})", file=str(path)) from None


def recorded(manifest: Manifest, folder: Path, secrets: Resolve | None = None) -> Subject:
    """An agency as it was recorded.

    Raises:
        ConfigError: nothing is recorded there, or it is of another agency's kind.
    """
    index = load(folder)
    if index.kind != manifest.kind:
        raise manifest.error(f"was {index.kind!r} when the recording was made; record it again", "kind")
    subject = Subject(
        manifest=manifest,
        upstream=replaying(index, folder, manifest),
        since=index.since,
        at=lambda: index.recorded_at,
    )
    return msgspec.structs.replace(subject, secrets=secrets) if secrets else subject


def replaying(index: Index, folder: Path, manifest: Manifest) -> Upstream:
    """Answers as the agency did: to the same request, or to the one that differs from it least, in moments alone."""
    origin = _origin(manifest).encode()
    exact = {(entry.method, entry.path, entry.values): entry for entry in index.entries}
    loose: dict[object, list[tuple[list[float], Entry]]] = {}
    for entry in index.entries:
        form, moments = _loose((entry.method, entry.path, entry.values))
        loose.setdefault(form, []).append((moments, entry))

    async def upstream(asked: Asked) -> Answer:
        key = _asked(asked, manifest)
        entry = exact.get(key)
        if entry is None:
            form, moments = _loose(key)
            near = [(_distance(moments, found), n, e) for n, (found, e) in enumerate(loose.get(form, []))]
            if not near:
                raise SourceFailure(f"nothing is recorded for {asked.method} {key[1]}; record the agency again")
            entry = min(near)[2]
        content = (folder / entry.file).read_bytes().replace(_HOST.encode(), origin)
        headers = {name: value.replace(_HOST, origin.decode()) for name, value in entry.headers.items()}
        return Answer(status=entry.status, headers=headers, content=content)

    return upstream


def _loose(key: _Key) -> tuple[object, list[float]]:
    found = [(name, value, moment_of(value)) for name, value in key[2]]
    form = tuple((name, value if moment is None else "") for name, value, moment in found)
    return (key[0], key[1], form), [moment for _, _, moment in found if moment is not None]


def _distance(asked: list[float], recorded: list[float]) -> float:
    return sum(abs(one - other) for one, other in zip(asked, recorded, strict=True))
