"""Log lines as an operator gets them."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, sys, structlog
from gateway.settings import LogFormat, LogLevel
from gateway.telemetry import configure_logs

log = structlog.get_logger("hub")
for format in LogFormat:
    configure_logs(format, LogLevel.INFO)
    try:
        written_by_a_citizen = "CAN" + "ARY"
        raise ValueError("bad")
    except ValueError as error:
        log.error("request.failed", reference="0a1b", exc_info=error)
    logging.getLogger("library").warning("from a library")
    logging.getLogger("uvicorn.error").info("/graphql?query=CAN" "ARY")
    log.debug("CAN" "ARY")
"""


def test_both_formats_hold_no_local_variables() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "CANARY" not in done.stderr
    assert "request.failed" in done.stderr
    assert "ValueError: bad" in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("request.failed", "error"),
        ("from a library", "warning"),
    ]
    assert lines[0]["reference"] == "0a1b"
    assert "Traceback" in lines[0]["exception"]
