"""`python -m tests.soak.evil_memory FOLDER`: harvests from the evil agency, all its cases, in a process of its own.

Prints JSON: cases, megabytes that the process grew by at its largest, and by how many milliseconds the slowest request
passed its deadline.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from gateway.hub import open_ledger
from gateway.ledger.migrate import migrate
from gateway.settings import Settings
from tests.contract.evil import EVILS, XML_EVILS, Evil, evil_agency, listed, record
from tests.contract.test_evil_agency import DEADLINE, NOW, OPEN311, REST, Reading

_ROUNDS = 3


async def main(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    await migrate(settings.database)
    async with open_ledger(settings, lambda: NOW) as ledger:

        async def read(slug: str, kind: str, tables: str, evil: Evil) -> float:
            reading = Reading(ledger, slug, kind, tables)
            async with evil_agency(evil) as port:
                await reading.harvest(port)
            return reading.seconds

        await read("warm", "rest", REST, Evil(listed(record()), "OK"))  # type: ignore[arg-type]
        await read("warm-xml", "open311", OPEN311, next(iter(XML_EVILS.values())))
        before, slowest = getrusage(RUSAGE_SELF).ru_maxrss, 0.0
        for n in range(_ROUNDS):
            for number, evil in enumerate(EVILS.values()):
                slowest = max(slowest, await read(f"rest-{n}-{number}", "rest", REST, evil))
            for number, evil in enumerate(XML_EVILS.values()):
                slowest = max(slowest, await read(f"xml-{n}-{number}", "open311", OPEN311, evil))
    print(
        json.dumps(
            {
                "cases": len(EVILS) + len(XML_EVILS),
                "megabytes": (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024,
                "late_ms": (slowest - DEADLINE) * 1000,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
