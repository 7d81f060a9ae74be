"""Places at which a test can have this process killed: `SIMPUL_FAILPOINT=delivery.sent`, or `…:3` for the third time.

Nothing happens, and next to nothing is spent, where the variable is not set.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "SIMPUL_FAILPOINT"

_name, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times or 1)


def reached(name: str) -> None:
    """Kills this process, as a power cut would, if it was asked to die here."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
