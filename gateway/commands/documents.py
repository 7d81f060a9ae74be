"""`simpul documents check`."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.execution.document import Documents, Refused
from gateway.execution.named import digest, read_trusted
from gateway.guard.limits import QueryLimits
from gateway.settings import load
from schema.graph.schema import build


def check(file: Path, /) -> int:
    """Check a list of trusted documents against the graph and its limits. Exits with 1 if one would be refused.

    Parameters
    ----------
    file
        As `SIMPUL_TRUSTED_DOCUMENTS` names it.
    """
    documents = Documents(build()._schema, limits=QueryLimits(cost=load().max_cost))
    named: dict[str, str] = {}
    for name, text in read_trusted(file).items():
        # Each is listed by its digest as well.
        if text not in named or name != digest(text):
            named[text] = name
    wrong = 0
    for text, name in named.items():
        try:
            document = documents.get(text)
            for operation in document.operations:
                documents.cost(document, operation, None)
            documents.validate(text, document)
        except Refused as refused:
            wrong += 1
            for error in refused.errors:
                place = f":{error.locations[0].line}:{error.locations[0].column}" if error.locations else ""
                sys.stdout.write(f"{name}{place}: {error.message}\n")
    sys.stdout.write(f"{len(named)} documents, {wrong} of them would be refused\n")
    return 1 if wrong else 0
