"""What is shown of a complaint's content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphql import FieldNode, FragmentDefinitionNode

from schema.complaint import Complaint, ContentState
from schema.content import concealed, with_content
from schema.graph.context import Info
from schema.graph.live import LiveReads
from schema.graph.selection import all_selected

_HIDDEN = frozenset({ContentState.ERASED, ContentState.UNAVAILABLE})

#: Fields that show content, or whether there is any, wherever in a selection they stand.
_FIELDS = frozenset(
    {
        *("contentState", "title", "text", "originalText", "editedText", "url", "statusReason", "tags", "incidentDate"),
        *("latitude", "longitude", "address", "attachments", "externalReferences", "content", "note", "comment"),
    }
)


def shows_content(nodes: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Whether content is selected by these fields or somewhere beneath them."""
    return not _FIELDS.isdisjoint(all_selected(nodes, fragments))


def shown(complaint: Complaint, info: Info) -> Complaint:
    """The complaint as it may be shown; with live content, if its agency allows no copies and content is selected."""
    return shown_all((complaint,), info)[0]


def shown_all(complaints: Sequence[Complaint], info: Info) -> Sequence[Complaint]:
    """`shown`, for a page."""
    if not any(complaint.content_state in _HIDDEN for complaint in complaints):
        return complaints
    reads, raw = info.context.reads, info._raw_info
    if reads is not None and not shows_content(raw.field_nodes, raw.fragments):
        reads = None
    return [_shown(complaint, reads, info.context.outdated) for complaint in complaints]


def _shown(complaint: Complaint, reads: LiveReads | None, outdated: set[str]) -> Complaint:
    if reads is None or complaint.content_state is not ContentState.UNAVAILABLE:
        return concealed(complaint)
    content = reads.content(complaint.id)
    if content is None or content.record is None:
        return concealed(complaint)
    if content.record.is_confidential and not complaint.is_confidential:
        return concealed(complaint)  # its agency has made it so since; soon the ledger knows it too
    if content.state is ContentState.STALE:
        outdated.add(complaint.id)
    return with_content(complaint, content.record, content.state)
