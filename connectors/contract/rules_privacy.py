"""Rules about what must not be seen: people and secrets."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from connectors.contract.bench import Bench
from connectors.contract.lists import read_body
from connectors.contract.logs import Line, listening
from connectors.contract.moments import moment_of
from connectors.contract.rule import Broken, NotApplicable, rule
from connectors.contract.wire import Answer, Asked
from schema.agency import ConnectorTier
from schema.complaint import Rejected
from schema.connector import Connector, Probe
from schema.errors import SourceError

BRONZE = ConnectorTier.BRONZE

#: Somebody who does not exist.
_PERSON: Final = "Zubaidah Penanda, 0812-3456-7890, zubaidah@contoh.example, 3603012345670009"
_MARKS: Final = ("Zubaidah", "3456-7890", "zubaidah@", "3603012345670009")
#: Names are known by the key they stand under; these are known anywhere.
_ANYWHERE: Final = _MARKS[1:]


@rule("reporters-unseen", BRONZE, "Whoever reported anonymously must not be found out through the hub.")
async def reporters_unseen(bench: Bench) -> str | None:
    """No record of an anonymous reporter names them, and none names a reporter at all unless `[privacy]` asks. Over
    HTTP, a person is then written into each moment of each record, which makes many unreadable: neither what is set
    aside, nor the log, nor an error shows a word of it, and no reply that `check` shows has the phone, mail or NIK.
    """
    records, wanted = await bench.records(), bench.manifest.privacy.reporter_identity
    for key, record in records.items():
        if record.reporter is not None and (record.is_anonymous or not wanted):
            raise Broken(f"{key} names its reporter" + (", who is anonymous" if record.is_anonymous else ""))
    if not (await bench.harvest()).exchanges:
        return f"{len(records):,} records"

    def person(name: str, value: Any) -> Any:
        return _PERSON if isinstance(value, str) and moment_of(value) is not None else value

    async def upstream(asked: Asked) -> Answer:
        answer = await bench.upstream(asked)
        found = read_body(answer, records)
        if found is None:
            return answer
        found[0].items = [found[0].changed(item, person) for item in found[0].items]
        return found[0].answer()

    with listening() as lines:
        rejected, probe, errors = await _read_all(bench, upstream)
    told = {"what is set aside": [r.reason + r.shape for r in rejected], "an error": errors, "the log": _texts(lines)}
    for where, texts in told.items():
        if any(mark in text for text in texts for mark in _MARKS):
            raise Broken(f"{where} shows what stood in a record")
    if probe is not None and any(mark in probe.reply for mark in _ANYWHERE):
        raise Broken("the reply that check shows holds a phone number, a mail address or a NIK")
    return f"{len(records):,} records; {len(rejected):,} unreadable ones show nobody"


async def _read_all(
    bench: Bench, upstream: Callable[[Asked], Awaitable[Answer]]
) -> tuple[list[Rejected], Probe | None, list[str]]:
    rejected: list[Rejected] = []
    probe: Probe | None = None
    errors: list[str] = []
    async with bench.connector(upstream) as (connector, _):
        try:
            rejected += (await bench.read(connector)).rejected
            probe = await connector.check()
            rejected += probe.page.rejected
        except SourceError as error:
            errors.append(_told(error))
    return rejected, probe, errors


@rule("secrets-unseen", BRONZE, "Logs are copied, shown and kept; a key that stands in one is everybody's.")
async def secrets_unseen(bench: Bench) -> str | None:
    """No secret that the file names, and no token that was sent, stands in the connector's `repr`, in any log line down
    to DEBUG, in what `check` shows or in an error: when all is well, and when the agency refuses (401), fails (500) or
    answers nonsense, each time sending back all that it was sent.
    """

    def echo(status: int) -> Callable[[Asked], Awaitable[Answer]]:
        async def upstream(asked: Asked) -> Answer:
            sent = f"{asked.method} {asked.url} {dict(asked.headers)} {asked.content!r}".encode()
            return Answer(status=status, headers={"content-type": "text/plain", "x-echo": "1"}, content=sent)

        return upstream

    texts: list[str] = []
    await bench.harvest()
    with listening() as lines:
        for upstream in (bench.upstream, echo(401), echo(500), echo(200)):
            async with bench.connector(upstream) as (connector, _):
                texts += await _shown(bench, connector)
            if not await bench.speaks_http():
                break
    texts += _texts(lines)
    secrets = {secret for secret in bench.revealed if len(secret) >= 6}
    if not secrets:
        raise NotApplicable("its file names no secret")
    if any(secret in text for secret in secrets for text in texts):
        raise Broken("a secret stands in a repr, a log line, an error or what check shows")
    return f"{len(secrets)} secrets, {len(lines):,} log lines"


async def _shown(bench: Bench, connector: Connector) -> list[str]:
    texts = [repr(connector), str(connector)]
    texts += [repr(part) for part in getattr(connector, "__dict__", {}).values()]
    for ask in (connector.check, lambda: bench.read(connector)):
        try:
            found = await ask()
        except SourceError as error:
            texts.append(_told(error))
        else:
            if isinstance(found, Probe):
                texts += [found.request, found.reply]
    with suppress(SourceError):
        await connector.fetch(["1"])
    return texts


def _told(error: SourceError) -> str:
    return f"{error!r} {error} " + "".join(traceback.format_exception_only(error))


def _texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]
