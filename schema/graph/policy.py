"""Who may see what, as the graph declares it: checked before the graph is used, and printed.

Every object type says who may see it (`@access`), and a field may narrow it. Nobody is to see what says nothing:
`declared` refuses a graph with such a type. A narrowed field is guarded by its resolver (`directives.field`), which
both ways of execution call. What a type says holds wherever it is reached: a field may only show a type that is not for
everyone if it is for no more people itself, or is `scoped`: it shows what the ledger or the desk tell this viewer.

`python -m schema.graph.policy docs/security.md` writes the matrix between its marks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_introspection_type,
    is_non_null_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from schema import access
from schema.complaint import AgencyReference, Complaint
from schema.graph.directives import Audience, audience_of, guards, is_scoped, sees
from schema.query import Role, Viewer
from schema.status import ComplaintStatus

BEGIN, END = "<!-- matrix: made by `python -m schema.graph.policy docs/security.md` -->", "<!-- /matrix -->"

#: What each audience contains; `Audience` says it in words.
_WITHIN: Final[Mapping[Audience, frozenset[Audience]]] = {
    Audience.PUBLIC: frozenset(Audience),
    Audience.REPORTER: frozenset(Audience) - {Audience.PUBLIC},
    Audience.HANDLER: frozenset({Audience.HANDLER, Audience.OPERATOR}),
    Audience.OPERATOR: frozenset({Audience.OPERATOR}),
    Audience.IDENTITY: frozenset({Audience.IDENTITY}),
}


class Policy(NamedTuple):
    """Of one object type.

    Attributes:
        to: who may see it.
        fields: who may see each of its fields.
    """

    to: Audience
    fields: Mapping[str, Audience]


def declared(graph: GraphQLSchema) -> Mapping[str, Policy]:
    """The policy of every object type, by name.

    Raises:
        TypeError: something is declared for nobody, for more people than it is shown to, or not guarded. All of it is
            named.
    """
    types = {
        name: type_
        for name, type_ in graph.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not is_introspection_type(type_)
    }
    audiences = {name: _audience(type_) for name, type_ in types.items()}
    faults = [f"{name}: nobody may see it, as it has no @access" for name, to in audiences.items() if to is None]
    known = {name: to for name, to in audiences.items() if to is not None}
    for name in known:
        for field_name, field in types[name].fields.items():
            faults += [f"{name}.{field_name}: {fault}" for fault in _faults(graph, known, name, field)]
    if faults:
        raise TypeError("\n".join(["the graph's access policy:", *faults]))
    return {
        name: Policy(to, {field: _audience(each) or to for field, each in types[name].fields.items()})
        for name, to in known.items()
    }


def _definition(of: GraphQLObjectType | GraphQLField) -> Any:
    return of.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def _audience(of: GraphQLObjectType | GraphQLField) -> Audience | None:
    return audience_of(getattr(_definition(of), "directives", None) or ())


def _faults(graph: GraphQLSchema, known: Mapping[str, Audience], parent: str, field: GraphQLField) -> Iterator[str]:
    definition, own = _definition(field), _audience(field)
    if not isinstance(definition, StrawberryField):
        yield "is not declared by `field`"
        return
    if own is not None:
        resolver = definition.base_resolver
        if own not in _WITHIN[known[parent]]:
            yield f"{own.value} is not within {known[parent].value}, for whom the type is"
        if resolver is None or guards(cast("Any", resolver.wrapped_func)) is not own:
            yield f"nothing guards it for {own.value}"
        if own is not Audience.PUBLIC and is_non_null_type(field.type):
            yield "others than its audience get null, so it must be nullable"
    seen_by = own or known[parent]
    for name in _shown(graph, field):
        if name in known and seen_by not in _WITHIN[known[name]] and not is_scoped(definition):
            yield f"shows {name}, which is for {known[name].value}, to {seen_by.value}"


def _shown(graph: GraphQLSchema, field: GraphQLField) -> list[str]:
    """The object types that a field's value may be of."""
    type_ = get_named_type(field.type)
    if is_abstract_type(type_):
        return [each.name for each in graph.get_possible_types(type_)]
    return [type_.name]


# ---------------------------------------------------------------- in words

_OWN, _OTHER = "own", "other"
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: One of each role, with what is his.
_VIEWERS: Final = tuple(
    Viewer(
        role=role,
        agencies=(_OWN,) if role in access.OFFICERS else (),
        complaints=(f"complaint_{_OWN}",) if role is Role.REPORTER else (),
    )
    for role in Role
)
_WORDS: Final[Mapping[tuple[bool, ...], str]] = {
    (True, True, True, True): "all",
    (True, False, False, False): "own",
    (False, True, False, False): "held",
    (False, True, True, False): "concerned",
    (False, False, False, False): "–",
}


#: Who may do what; the desk asks the same functions.
_ACTS: Final[Mapping[str, Callable[[Viewer, Complaint], bool]]] = {
    "submitComplaint": lambda viewer, complaint: True,
    "addFollowUp": access.may_follow_up,
    "changeStatus": lambda viewer, complaint: bool(access.next_statuses(viewer, complaint)),
    "transferComplaint": access.may_transfer,
    "rateResolution": access.may_rate,
    "withdrawComplaint": access.may_withdraw,
    "retryDelivery": lambda viewer, complaint: access.operates(viewer, complaint.agency),
    "settleDelivery": access.may_link,
    "linkComplaints": access.may_link,
    "dismissLinkSuggestion": access.may_link,
}


def _records() -> Iterator[Complaint]:
    """Complaints: the reporter's own, one that the agency holds, one that names it, and any other."""
    for name, agency, copied in (
        (_OWN, _OTHER, ()),
        ("held", _OWN, ()),
        ("named", _OTHER, (AgencyReference("", agency=_OWN),)),
        (_OTHER, _OTHER, ()),
    ):
        yield Complaint(
            id=f"complaint_{name}",
            agency=agency,
            native_id=None,
            tracking_id="",
            status=ComplaintStatus.ANSWERED,
            status_changed_at=_NEVER,
            submitted_at=_NEVER,
            updated_at=_NEVER,
            is_confidential=True,
            copied_agencies=copied,
        )


def matrix(graph: GraphQLSchema) -> str:
    """Markdown: what each role may do, which hidden complaints there are for it, and which fields of which records.

    Raises:
        TypeError: as `declared`; or a mutation is there of which nothing is said.
    """
    records = tuple(_records())
    policies = declared(graph)
    if (acts := policies["Mutation"].fields.keys()) != _ACTS.keys():
        raise TypeError(f"who may do what is told of {sorted(_ACTS)}, and these can be done: {sorted(acts)}")

    def cells(holds: Callable[[Viewer, Complaint], bool]) -> list[str]:
        return [_WORDS[tuple(holds(viewer, record) for record in records)] for viewer in _VIEWERS]

    lines = [*_heading("to do"), *(_row([f"`{name}`", *cells(may)]) for name, may in _ACTS.items())]
    lines += [
        "",
        *_heading("to see", "fields"),
        _row(["`Complaint`", "*that is confidential*", *cells(access.may_see)]),
        _row(["`FollowUp`", "*that is confidential*", *cells(partial(_belongs, Audience.REPORTER))]),
    ]
    for name, policy in sorted(policies.items()):
        for audience in Audience:
            fields = sorted(f"`{field}`" for field, to in policy.fields.items() if to is audience)
            if fields:
                lines.append(_row([f"`{name}`", " ".join(fields), *cells(partial(_belongs, audience))]))
    return "\n".join(lines)


def _belongs(to: Audience, viewer: Viewer, record: Complaint) -> bool:
    return sees(viewer, to, record)


def _heading(*columns: str) -> list[str]:
    heading = [*columns, *(role.value for role in Role)]
    return [_row(heading), _row(["---"] * len(heading))]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rewritten(text: str, graph: GraphQLSchema) -> str:
    """A page with the matrix between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"a page with a matrix has these lines: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{matrix(graph)}\n\n{END}{after}"


def main(arguments: list[str]) -> None:
    """Writes the matrix into a page, or prints it."""
    from schema.graph.schema import build

    graph = build()._schema
    if not arguments:
        sys.stdout.write(f"{matrix(graph)}\n")
        return
    page = Path(arguments[0])
    page.write_text(rewritten(page.read_text(encoding="utf-8"), graph), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
