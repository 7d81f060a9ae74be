"""Who is asking."""

from __future__ import annotations

from datetime import datetime

from schema import agency as agencies
from schema import query as asked
from schema.graph.agency import Agency
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.query import Role


async def _agencies(root: asked.Viewer, info: Info) -> list[agencies.Agency]:
    known = await info.context.agencies()
    return [known[slug] for slug in root.agencies if slug in known]


@object_type("Who is asking, as the hub understood the credentials.", to=Audience.PUBLIC)
class Viewer:
    role: Role = field("What the credentials say.")
    agencies: list[Agency] = field("Agencies whose complaints the viewer handles; empty for the public.", _agencies)
    name: str | None = field("As the token or key names itself. Null for the public.")
    expires_at: datetime | None = field("When the credential ends; streams end with it. Null when it does not.")


def the_viewer(info: Info) -> asked.Viewer:
    return info.context.viewer
