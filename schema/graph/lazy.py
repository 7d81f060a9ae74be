"""Names for types that can't be imported where they are needed, because they need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from schema.graph.complaint import Complaint

AComplaint = Annotated["Complaint", strawberry.lazy("schema.graph.complaint")]
