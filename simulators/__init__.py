"""The seven pilots, played: small agencies on loopback, each in its own dialect, with faults on request.

`app` is one of them as an ASGI app, for tests; `ENVIRONMENT` holds the keys they want, by the names in the agencies'
files. `python -m simulators` runs them all; `simulators.control` speaks to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators.asgi import ENVIRONMENT, app

__all__ = ["ENVIRONMENT", "app"]


def __getattr__(name: str) -> Any:
    # Late: `simulators.control` is for the command line, which should not wait for a web server to load.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from simulators import asgi

    return getattr(asgi, name)
