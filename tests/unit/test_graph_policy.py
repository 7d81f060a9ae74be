"""A graph whose access policy does not hold can't be built; and the page that prints the policy is of this graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import strawberry

from schema.graph.directives import Access, Audience, field, object_type
from schema.graph.policy import declared, main, matrix, rewritten
from schema.graph.schema import build

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_page_prints_the_policy_of_this_graph() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert rewritten(text, build()._schema) == text, "run: python -m schema.graph.policy docs/security.md"


def test_the_matrix_is_written_between_its_marks_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    main([])
    printed = capsys.readouterr().out.strip()
    assert printed == matrix(build()._schema)
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace(printed, "| old |"), encoding="utf-8")
    main([str(page)])
    assert page.read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match="has these lines"):
        rewritten("no marks", build()._schema)


@object_type("For officers.", to=Audience.HANDLER)
class Guess:
    score: int = field("How sure.")


@object_type("Of everyone.", to=Audience.PUBLIC)
class Open:
    guess: Guess | None = field("A guess.", to=Audience.HANDLER)
    found: Guess = field("What was read for this viewer.", scoped=True)


def test_what_holds_is_told() -> None:
    @object_type("The root.", to=Audience.PUBLIC)
    class Query:
        open: Open = field("It.")

    told = declared(strawberry.Schema(Query)._schema)
    assert {name: (policy.to, dict(policy.fields)) for name, policy in told.items()} == {
        "Query": (Audience.PUBLIC, {"open": Audience.PUBLIC}),
        "Open": (Audience.PUBLIC, {"guess": Audience.HANDLER, "found": Audience.PUBLIC}),
        "Guess": (Audience.HANDLER, {"score": Audience.HANDLER}),
    }


@strawberry.type
class Undeclared:
    text: str = field("Somebody's.")


@object_type("For officers.", to=Audience.HANDLER)
class Widened:
    text: str | None = field("For more than the type.", to=Audience.PUBLIC)


@object_type("Of everyone.", to=Audience.PUBLIC)
class NeverNull:
    text: str = field("For officers.", to=Audience.HANDLER)


@object_type("Of everyone.", to=Audience.PUBLIC)
class Unguarded:
    text: str | None = strawberry.field(description="It only says so.", directives=[Access(to=Audience.HANDLER)])


@object_type("Of everyone.", to=Audience.PUBLIC)
class Leaking:
    guess: Guess = field("For officers.")


@pytest.mark.parametrize(
    ("type_", "fault"),
    [
        (Undeclared, "Undeclared: nobody may see it, as it has no @access"),
        (Widened, "Widened.text: PUBLIC is not within HANDLER, for whom the type is"),
        (NeverNull, "NeverNull.text: others than its audience get null, so it must be nullable"),
        (Unguarded, "Unguarded.text: nothing guards it for HANDLER"),
        (Leaking, "Leaking.guess: shows Guess, which is for HANDLER, to PUBLIC"),
        (Open | Guess, "Query.it: shows Guess, which is for HANDLER, to PUBLIC"),
    ],
    ids=str,
)
def test_a_graph_whose_policy_does_not_hold_is_not_built(type_: Any, fault: str) -> None:
    values = {"__annotations__": {"it": type_ | None}, "it": field("It.")}
    root: Any = object_type("The root.", to=Audience.PUBLIC)(type("Query", (), values))
    with pytest.raises(TypeError) as raised:
        declared(strawberry.Schema(root)._schema)
    assert fault in str(raised.value).splitlines()
