"""2,000 mutated GeoReport replies: nulls, other types, unknown fields and broken bytes in any place harm nobody."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from connectors.base import page_of
from connectors.open311.payload import read_requests
from connectors.open311.wire import Reader
from schema.errors import SourceError
from tests.unit.test_open311_payload import ONE, XML_ONE, xml
from tests.unit.test_open311_wire import DATA, RAW, manifest, recorded

MUTATIONS = 2_000
_JUNK = (None, True, 0, -1, 1e308, 2**70, "", " ", "\0", "0000-00-00", "x" * 5_000, [], {}, [[]], {"a": None}, "<b>&")


def _bodies() -> list[bytes]:
    ours = [json.dumps([RAW, ONE]).encode(), xml(XML_ONE * 3), json.dumps({"requests": [RAW] * 3}).encode()]
    files = sorted(DATA.rglob("*requests*")) if DATA.is_dir() else []
    return ours + [recorded(str(path.relative_to(DATA))) for path in files]


def _changed(value: Any, dice: random.Random) -> Any:
    """The same with junk in one place, or with a field more or less."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        rest = {name: part for name, part in value.items() if name != key}
        return rest if dice.random() < 0.1 else {**rest, key: _changed(value[key], dice), "baru": dice.choice(_JUNK)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        place = dice.randrange(len(value))
        return [*value[:place], _changed(value[place], dice), *value[place + 1 :]]
    return dice.choice(_JUNK)


def _broken(body: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(body))
    end = min(len(body), start + dice.randrange(20))
    filling = dice.choice((b"", b"<", b"</request>", b'"', b"&", b"\xff", b"\0", b"]]>", b"<!--", b"null", b"{}"))
    return body[:start] + filling + body[end:]


@pytest.mark.soak
def test_no_mutated_reply_is_a_crash() -> None:
    dice, reader, came = random.Random(5), Reader(manifest()), Counter[str]()
    bodies = _bodies()
    for _ in range(MUTATIONS):
        body = dice.choice(bodies)
        try:
            body = json.dumps(_changed(json.loads(body), dice)).encode()
        except ValueError:
            body = _broken(body, dice)
        try:
            page = page_of(read_requests(body), reader.record, native_id=reader.native_id)
        except SourceError as error:
            came[type(error).__name__] += 1
            continue
        came["kept"] += len(page.records)
        came["rejected"] += len(page.rejected)
        assert all(rejected.reason for rejected in page.rejected)
    print(f"{MUTATIONS} mutated replies of {len(bodies)}: {dict(came)}")
    assert came["kept"] > MUTATIONS
