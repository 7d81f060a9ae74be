"""Speaks to the simulators of a running demo: faults, moves, addresses. Loads no web server."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from schema.errors import SimpulError

_TIMEOUT = 10.0

#: Faults of writes: it is done and no answer comes; the answer says it twice; it is done, or done only then, and the
#: answer comes after 12 s; it is refused; it is acknowledged and was not done; the connection ends and it was not done.
WRITE_FAULTS = ("drop-reply", "answer-twice", "answer-late", "commit-late", "reject", "lose", "swallow")
#: Faults that can be asked for.
FAULTS = ("down", "slow", "error", "html", "malformed", "loop", "empty", *WRITE_FAULTS)


class ControlError(SimpulError):
    """No demo runs on that folder, or it refused. The message is one sentence for a person."""


def urls(data_dir: Path | str) -> dict[str, str]:
    """The addresses of the running simulators, by slug.

    Raises:
        ControlError: none run on this folder.
    """
    return dict(_running(data_dir)["agencies"])


def environment(data_dir: Path | str) -> dict[str, str]:
    """The keys they want, by the names that the agencies' files use.

    Raises:
        ControlError: none run on this folder.
    """
    return dict(_running(data_dir)["environment"])


def fault(data_dir: Path | str, slug: str, kind: str, seconds: float | None = None) -> None:
    """Makes an agency fail in one of the ways of FAULTS, until cleared or for so many seconds.

    Raises:
        ControlError: none run on this folder, or there is no such agency or fault.
    """
    _ask(data_dir, "POST", f"/control/{slug}/fault", {"kind": kind, "seconds": seconds})


def clear(data_dir: Path | str, slug: str) -> None:
    """Ends an agency's fault; nothing happens when there is none.

    Raises:
        ControlError: none run on this folder, or there is no such agency.
    """
    _ask(data_dir, "POST", f"/control/{slug}/clear", {})


def move(data_dir: Path | str, slug: str, count: int = 1) -> list[dict[str, Any]]:
    """Moves the status of so many public complaints, one legal step each, before it returns.

    Returns:
        One dict for each: agency, nativeId, trackingId, from, to (canonical), at (RFC 3339).

    Raises:
        ControlError: none run on this folder, or there is no such agency.
    """
    return list(_ask(data_dir, "POST", f"/control/{slug}/move", {"count": count}))


def written(data_dir: Path | str, slug: str) -> dict[str, list[str]]:
    """What was written to an agency: for each reference the native ids of the records it went to, once for each time.

    Raises:
        ControlError: none run on this folder, or there is no such agency.
    """
    return dict(_ask(data_dir, "POST", f"/control/{slug}/written", {}))


def introduce(data_dir: Path | str, hub: str) -> None:
    """Tells the agencies that send by themselves where the hub is, for instance `http://127.0.0.1:8000`.

    Raises:
        ControlError: none run on this folder, or that is no address of this machine.
    """
    _ask(data_dir, "POST", "/control/hub", {"url": hub})


def _running(data_dir: Path | str) -> dict[str, Any]:
    path = Path(data_dir) / "simulators.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ControlError(f"no simulators run on {data_dir}: there is no {path.name}; start `simpul demo`") from None
    except (OSError, ValueError) as error:
        raise ControlError(f"{path} can't be read: {error}") from None
    return dict(told)


def _ask(data_dir: Path | str, method: str, path: str, body: dict[str, Any]) -> Any:
    told = _running(data_dir)
    address = urlsplit(told["control_url"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_TIMEOUT)
    headers = {"X-Simulator-Token": told["token"], "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read()
    except OSError as error:
        raise ControlError(f"the simulators of {data_dir} don't answer ({error}); start `simpul demo`") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise ControlError(_reason(text))
    return json.loads(text)


def _reason(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return "the simulators refused"
