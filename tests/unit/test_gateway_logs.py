"""Log lines as an operator gets them: from an allow-list, without what people wrote and without secrets."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gateway.logs import discreet, told
from schema.errors import LedgerUnavailable

PROGRAM = """
import logging, sys, structlog
from gateway.logs import configure_logs
from gateway.settings import LogFormat, LogLevel
from schema.errors import LedgerUnavailable

log = structlog.get_logger("hub")
said = "CAN" + "ARY"
for format in LogFormat:
    configure_logs(format, LogLevel.INFO)
    try:
        try:
            raise KeyError(said)
        except KeyError as error:
            raise LedgerUnavailable("away") from error
    except LedgerUnavailable as error:
        log.error("request.failed", reference="0a1b", exc_info=error)
        logging.getLogger("library").error("it failed\\n%s", said, exc_info=error, stack_info=True)
    logging.getLogger("library").warning("from a library: %s", said)
    logging.getLogger("uvicorn.error").info("/graphql?query=" + said)
    log.debug(said)
    log.info("request.done", agency="prov-bali", title=said, error=ValueError(said), reason="for smpk_" + "a" * 43)
"""


def test_both_formats_hold_nothing_that_anybody_wrote() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "CANARY" not in done.stderr
    assert "smpk_" not in done.stderr
    assert "LedgerUnavailable: away" in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("request.failed", "error"),
        ("it failed", "error"),
        ("from a library: %s", "warning"),
        ("request.done", "info"),
    ]
    assert lines[0]["reference"] == "0a1b"
    assert lines[0]["exception"].splitlines()[-1] == "LedgerUnavailable: away"
    assert 'File "<string>", line 13, in <module>' in lines[0]["exception"]
    assert lines[2]["logger"] == "library"
    known = {key: lines[3][key] for key in ("agency", "title", "error", "reason")}
    assert known == {"agency": "prov-bali", "title": "***", "error": "ValueError", "reason": "for ***"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://hub:p4ss@db:5432/simpul is away", "postgres://hub:***@db:5432/simpul is away"),
        ("redis://:p4ss@cache", "redis://:***@cache"),
        ("authorization: Bearer abcdefgh.ijkl", "authorization: Bearer ***"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "***"),
        ("NIK 3674012304850001", "NIK [NIK]"),
        ("http://127.0.0.1:8000/graphql", "http://127.0.0.1:8000/graphql"),
        ("complaint_k5bz5gtvbanzydgq2xx2poz5uq", "complaint_k5bz5gtvbanzydgq2xx2poz5uq"),
    ],
)
def test_secrets_are_taken_out_of_texts(text: str, shown: str) -> None:
    assert discreet(text) == shown


def test_a_group_tells_all_its_members() -> None:
    group = ExceptionGroup("said", [ValueError("said"), LedgerUnavailable("away")])
    assert told(group).splitlines() == [
        "ExceptionGroup", "of which one is", "ValueError", "of which one is", "LedgerUnavailable: away",
    ]  # fmt: skip
