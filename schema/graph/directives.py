"""Directives of the graph, and the three words that declare its types and fields with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import EnumMeta, StrEnum
from typing import Any, TypeVar, cast, dataclass_transform

import strawberry
from strawberry.federation.schema_directives import Cost, Key, ListSize, Shareable
from strawberry.schema_directive import Location
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from schema import access
from schema.agency import Agency
from schema.graph.context import Info
from schema.query import Role, Viewer

E = TypeVar("E", bound=EnumMeta)
T = TypeVar("T")

#: What a resolver answers the public, whatever the record: see `for_the_public`.
_FOR_THE_PUBLIC = "for_the_public"
#: A resolver that puts a question of its own to the snapshot: see `asks`.
_ASKS = "asks"
#: The audience that a resolver answers alone: see `guards`.
_GUARDS = "guards"
#: Of a field, in its metadata: see `is_scoped`.
_SCOPED = "scoped"
#: Stands for no such answer.
DEPENDS: Any = object()


def described(description: str, **values: str) -> Callable[[E], E]:
    """Registers an enum with the graph. `values` says what a member means where its name does not."""

    def register(enum: E) -> E:
        strawberry.enum(enum, description=description)
        definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # just set
        unknown = values.keys() - {value.name for value in definition.values}
        if unknown:
            raise TypeError(f"{enum.__name__} has no {', '.join(sorted(unknown))}")
        for value in definition.values:
            value.description = values.get(value.name)
        return enum

    return register


@described(
    "For the complaint or agency at hand; each of the first four contains the ones after it.",
    PUBLIC="Everyone, as far as the record itself is visible to them.",
    REPORTER="The complaint's reporter, and all below.",
    HANDLER="Officers of agencies that hold, held, act on or were copied; oversight, but for identities.",
    OPERATOR="National admins, and integrators for their own agency.",
    IDENTITY="The reporter, and officers of the agency that holds it now. Not oversight, not integrators of others.",
)
class Audience(StrEnum):
    """Who may see a type or a field."""

    PUBLIC = "PUBLIC"
    REPORTER = "REPORTER"
    HANDLER = "HANDLER"
    OPERATOR = "OPERATOR"
    IDENTITY = "IDENTITY"


@strawberry.schema_directive(
    locations=[Location.OBJECT, Location.FIELD_DEFINITION],
    name="access",
    description="Who may see. Stands on every object type; on a field it narrows, never widens. "
    "What has none is seen by nobody.",
)
class Access:
    to: Audience


def sees(viewer: Viewer, audience: Audience, record: Any) -> bool:
    """Whether the viewer belongs to the audience, for the agency or complaint at hand.

    Args:
        record: an agency, or a complaint, of which id and agencies are enough. None: neither, as it is not there.
    """
    if audience is Audience.PUBLIC:
        return True
    if viewer.role is Role.PUBLIC or record is None:
        return False
    if isinstance(record, Agency):
        return _sees_agency(viewer, audience, record.id)
    if audience is Audience.OPERATOR:
        return access.operates(viewer, record.agency)
    if audience is Audience.IDENTITY:
        return access.identifies(viewer, record)
    reported = audience is Audience.REPORTER and access.is_reporter(viewer, record.id)
    return reported or access.handles(viewer, record)


def _sees_agency(viewer: Viewer, audience: Audience, slug: str) -> bool:
    if audience is Audience.OPERATOR:
        return access.operates(viewer, slug)
    everywhere = viewer.role in access.EVERYWHERE and audience is not Audience.IDENTITY
    return everywhere or (viewer.role in access.OFFICERS and slug in viewer.agencies)


def for_the_public(resolver: Callable[..., Any]) -> Any:
    """What the resolver answers the public whatever the record; DEPENDS where it does not."""
    return resolver.__dict__.get(_FOR_THE_PUBLIC, DEPENDS)


def asks(resolver: Callable[..., Any]) -> bool:
    """Whether the resolver puts questions to the snapshot, beside those for agencies and their sources."""
    return bool(resolver.__dict__.get(_ASKS))


def guards(resolver: Callable[..., Any]) -> Audience | None:
    """The audience that the resolver answers alone, whichever way a document is executed; None where it asks nobody."""
    audience: Audience | None = resolver.__dict__.get(_GUARDS)
    return audience


def is_scoped(declared: StrawberryField) -> bool:
    """Whether a field's value was read as its viewer may see it: see `field`."""
    return bool(declared.metadata.get(_SCOPED))


def audience_of(directives: Iterable[object]) -> Audience | None:
    """Who may see what these stand on; None where none of them says it."""
    return next((directive.to for directive in directives if isinstance(directive, Access)), None)


def sized(assumed: int, *, by: Sequence[str] = (), fields: Sequence[str] = ()) -> ListSize:
    """How long a list is when its cost is estimated: `assumed`, or what the arguments `by` say."""
    return ListSize(
        assumed_size=assumed,
        slicing_arguments=list(by) or strawberry.UNSET,
        sized_fields=list(fields) or strawberry.UNSET,
        require_one_slicing_argument=False if by else strawberry.UNSET,
    )


def field(
    description: str,
    resolver: Callable[..., Any] | None = None,
    *,
    to: Audience | None = None,
    cost: int | None = None,
    size: ListSize | None = None,
    name: str | None = None,
    live: bool = False,
    asking: bool = False,
    public: Any = DEPENDS,
    scoped: bool = False,
) -> Any:
    """A field of the graph. Without a resolver it is the record's attribute of the same name.

    Args:
        to: narrows who may see it; the others get null.
        cost: weight of the field itself.
        size: for lists.
        name: as the graph spells it, where that is not the Python name in camelCase.
        live: a field of Subscription; the resolver yields its values.
        asking: the resolver puts questions to the snapshot, beside those for agencies and their sources.
        public: what it answers the public, whatever the record: None or an empty list.
        scoped: the ledger or the desk tells only what this viewer may see, so that it may show types which are not for
            everyone: see `schema.graph.policy`.
    """
    if to is not None:
        resolver = _guarded(resolver, to)
        public = None if to is not Audience.PUBLIC else public
    if resolver is not None:
        resolver.__dict__.update({_FOR_THE_PUBLIC: public} if public is not DEPENDS else {})
        resolver.__dict__.update({_ASKS: True} if asking else {})
    directives: list[object] = [Access(to=to)] if to is not None else []
    if cost is not None:
        directives.append(Cost(weight=cost))
    if size is not None:
        directives.append(size)
    declared: Any = strawberry.field(
        resolver=cast(Any, resolver),
        name=name,
        description=description,
        directives=directives,
        metadata={_SCOPED: True} if scoped else {},
        is_subscription=live,
    )
    return declared


def _guarded(resolver: Callable[..., Any] | None, to: Audience) -> Callable[[Any, Info], Any]:
    # What it comes to may be awaited.
    def answer(root: Any, info: Info) -> Any:
        if not sees(info.context.viewer, to, root):
            return None
        return resolver(root, info) if resolver else getattr(root, info.python_name)

    answer.__dict__[_GUARDS] = to
    return answer


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def object_type(
    description: str,
    *,
    to: Audience,
    of: Callable[[Any], bool] | type | None = None,
    key: str | None = None,
    shareable: bool = False,
    name: str | None = None,
) -> Callable[[type[T]], type[T]]:
    """An object type of the graph.

    Args:
        to: who may see it.
        of: the record that is its source, or a test for it; needed where an interface or union must tell types apart.
        key: fields by which another subgraph may name it.
    """

    def declare(cls: type[T]) -> type[T]:
        if of is not None:
            cls.is_type_of = _test(of)  # type: ignore[attr-defined]  # read by Strawberry
        directives: list[object] = [Key(fields=key, resolvable=strawberry.UNSET)] if key else []  # type: ignore[arg-type]
        directives += [Shareable()] if shareable else []
        return strawberry.type(cls, name=name, description=description, directives=[*directives, Access(to=to)])

    return declare


def _test(of: Callable[[Any], bool] | type) -> Callable[[Any, object], bool]:
    if isinstance(of, type):
        return lambda record, _info: isinstance(record, of)
    return lambda record, _info: of(record)


def narrowed(cls: type) -> dict[str, Audience]:
    """The fields of an object type that not everyone may see, as the graph spells them, and who may."""
    definition: StrawberryObjectDefinition = cls.__strawberry_definition__  # type: ignore[attr-defined]  # set by Strawberry
    audiences = {to_camel_case(field.python_name): audience_of(field.directives) for field in definition.fields}
    return {name: audience for name, audience in audiences.items() if audience is not None}
