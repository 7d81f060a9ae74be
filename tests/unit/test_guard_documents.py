"""What a document may be and what it costs, before anybody validates it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    Lexer,
    OperationDefinitionNode,
    Source,
    TokenKind,
    get_introspection_query,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from gateway.execution.document import Documents, Refused
from gateway.guard.cost import MOST, table_of
from gateway.guard.limits import LIMITS, Excessive, QueryLimits
from gateway.guard.scan import Scan, scan
from gateway.guard.values import look_over
from gateway.guard.weigh import weigh
from schema.graph.schema import build
from tests.app.attacks import DOCUMENTS

GRAPH = build()._schema
TABLE = table_of(GRAPH)
ROOT = Path(__file__).parents[2]
#: So small that a test can go beyond each.
TIGHT = QueryLimits(
    bytes=400,
    lines=5,
    comments=2,
    tokens=60,
    word=20,
    strings=30,
    arguments=20,
    nesting=6,
    operations=2,
    fragments=2,
    selections=7,
)


def cost(text: str, variables: Mapping[str, Any] | None = None, limits: QueryLimits = LIMITS) -> int:
    """Of the only operation of a document."""
    definitions = parse(text).definitions
    fragments = [each for each in definitions if isinstance(each, FragmentDefinitionNode)]
    operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    (found,) = weigh(operations, {each.name.value: each for each in fragments}, fragments, TABLE, limits)
    return found.of(variables or {})


# --- the text -------------------------------------------------------------------------------------------------------


def test_what_stands_in_a_text_is_counted() -> None:
    values = 's: "}{ # \\" ", b: """ "" \\""" } """, n: [1 -2.5e3, true]'
    text = f"query Q($a: [Int!] = 1) @skip(if: true) {{ x: f({values}) ... on T {{ y }} }}"
    lexer, tokens = Lexer(Source(text)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        tokens += 1
    assert scan(text) == scan(text + " # { ( [ : @ \n") == Scan(tokens, directives=1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ a }" + " " * 400, "longer than 400 bytes"),
        ("{ é }" + " é" * 150, "longer than 400 bytes"),
        ("{ a }" + "\n" * 6, "5 lines"),
        ("{ a }#\n#\n#", "2 comments"),
        ("{ " + "a " * 60 + "}", "60 tokens"),
        ("{ " + "a" * 21 + " }", "20 characters in one word"),
        ("{ a(b: " + "1" * 21 + ") }", "20 characters in one word"),
        ('{ a(b: "' + "x" * 40 + '") }', "30 characters in strings"),
        ("{ a(b: [" + "1 " * 21 + "]) }", "20 tokens in arguments"),
        ("{" * 7, "6 levels"),
        ("{ a(b: [[{ c: [[]] }]]) }", "6 levels"),
        ("{ " + "... on T { a b: c @d } " * 4 + "}", "7 fields"),
        ("{ a } query B { a } query C { a }", "2 operations"),
        ("{ a } " + "fragment F on A { a } " * 3, "2 fragments"),
    ],
)
def test_each_limit_of_the_text(text: str, says: str) -> None:
    with pytest.raises(Excessive, match=says):
        scan(text, TIGHT)


def test_what_only_looks_like_an_alias() -> None:
    text = "query ($a: Int = 1, $b: I = { c: 1 }) { f(a: $a, b: { c: { d: [1] } }) { alias: g } }"
    scan(text, QueryLimits(aliases=1))
    with pytest.raises(Excessive, match="0 aliases"):
        scan(text, QueryLimits(aliases=0))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('"\\{}()[]#:@.$!&|=-1eEa_ \n\ré'), max_size=200))
def test_any_text_is_counted_or_refused(text: str) -> None:
    try:
        scan(text)
    except Excessive:
        return


@pytest.mark.parametrize(
    "piece",
    ['"', '"""', '\\"""', '" ', '"a', '"\\', "#", "-", "1.", "1e", ".", "..", "{", "a ", ",", "\\", "\x00", "é"],
)
def test_the_look_takes_time_in_proportion_to_the_text(piece: str) -> None:
    def seconds(size: int) -> float:
        text, best = piece * (size // len(piece.encode())), 1.0
        for _ in range(3):
            began = time.process_time()
            with suppress(Excessive):
                scan(text)
            best = min(best, time.process_time() - began)
        return best

    # Were it quadratic, this would take 16 times as long. A millisecond is beneath what can be compared.
    assert seconds(64_000) < 8 * seconds(16_000) + 0.001


# --- what it comes to -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ asOf __typename }", 0),
        ("{ viewer { role name } }", 1),
        ('{ complaint(id: "a") { id agency { id } } }', 3),
        ("{ complaints { nodes { id } } }", 1 + 25),
        ("{ complaints(first: 40) { nodes { id agency { id } } totalCount } }", 1 + 40 * 2),
        ("{ complaints(last: 40) { edges { cursor node { id } } } }", 1 + 40 * 2),
        # More than there is to have is clamped, and so is nonsense.
        ("{ complaints(first: 9999999999999) { nodes { id } } }", 1 + 500),
        ("{ complaints(first: -1) { nodes { id } } }", 1),
        ("{ complaints(first: null) { nodes { id } } }", 1 + 25),
        ('{ complaints(first: "all") { nodes { id } } }', 1 + 500),
        ("{ complaints(first: 2) { nodes { clocks { kind } } } }", 1 + 2 * (1 + 4)),
        ("{ complaints(first: 2) { nodes { timeline(last: 3) { actor { role } } } } }", 1 + 2 * (1 + 3 * 2)),
        ("{ complaints(first: 2) { nodes { journey { hops } } } }", 1 + 2 * (1 + 10)),
        ("{ complaints(first: 2) { nodes { linkSuggestions { score } } } }", 1 + 2 * (1 + 10 + 10)),
        ("{ statistics(groupBy: [STATUS], first: 10) { count averageRating } }", 10 + 10 * (1 + 10)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 2 + 3),
        ("{ events(first: 3) { nodes { ... on StatusChanged { agency { id } } } } }", 1 + 3 * 2),
        ("mutation { submitComplaint(input: {}) { ... on Problem { message } } }", 50),
        ("subscription { complaintEvents { __typename } }", 1),
        # The same in other words costs the same.
        ("{ complaints(first: 4) { ...A } } fragment A on ComplaintConnection { nodes { ...B } }"
         " fragment B on Complaint { agency { id } }", 1 + 4 * 2),
        ("{ complaints(first: 4) { nodes { agency { id } } nodes { agency { id } } } }", 1 + 4 * 2),
        ("{ complaints(first: 4) { ... { nodes { ... { agency { id } } agency { name } } } } }", 1 + 4 * 2),
        ("{ a: complaints(first: 4) { nodes { id } } b: complaints(first: 4) { nodes { id } } }", 2 * (1 + 4)),
        # What does not fit the graph is left to validation.
        ("{ nothing { at { all } } }", 0),
    ],
)  # fmt: skip
def test_rows_times_fields(text: str, expected: int) -> None:
    assert cost(text) == expected


@pytest.mark.parametrize(
    ("sent", "rows", "entries"),
    [
        ({}, 7, 7),
        ({"n": 3}, 3, 3),
        ({"n": None}, 25, 20),
        ({"n": 9_000}, 500, 500),
        ({"n": -4}, 0, 0),
        ({"n": 5.0}, 5, 5),
        ({"n": "x"}, 500, 500),
    ],
)
def test_rows_that_a_variable_says(sent: dict[str, Any], rows: int, entries: int) -> None:
    assert cost("query ($n: Int = 7) { complaints(first: $n) { nodes { id } } }", sent) == 1 + rows
    nested = "query ($n: Int = 7) { complaints(first: 2) { nodes { timeline(last: $n) { note } } } }"
    assert cost(nested, sent) == 1 + 2 * (1 + entries)
    both = "query ($n: Int = 7) { complaints(first: $n) { nodes { timeline(last: $n) { note } } } }"
    assert cost(both, sent) == 1 + rows * (1 + entries)


def test_ids_that_a_variable_says() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert [cost(text, {"ids": ids}) for ids in (["a"], ["a"] * 30, ["a"] * 900, "a")] == [3, 32, 102, 102]


def test_what_slices_says_how_much_it_gives_at_most() -> None:
    slicing = {f"{type_}.{name}" for type_, fields in TABLE.items() for name, each in fields.items() if each.slicing}
    assert slicing == set(MOST)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{ region(code: "3") ' + "{ parent " * 11 + "{ name }" + "}" * 12, "deeper than 12"),
        ('{ region(code: "3") { ...F } } fragment F on Region { parent { ...F } }', "deeper than 12"),
        ("{ ...F } fragment F on Query { ...F }", "`F` leads back to itself"),
        ("{ ...F } fragment F on Query { asOf ... { ...G } } fragment G on Query { ...F }", "leads back to itself"),
        ("{ asOf } fragment F on Region { parent { ...F } }", "deeper than 12"),
        ("{ " + "viewer { role } " * 50 + "}", "the same fields too many times"),
        ("{ " + " ".join(f"a{n}: asOf" for n in range(21)) + " }", "20 fields at its top"),
        ("{ __schema { types { fields { type { fields { name } } } } } }", "`fields` stands inside `fields`"),
        ("{ __type(name: 1) { possibleTypes { interfaces { possibleTypes { name } } } } }", "in circles"),
        ("{ __schema { types { fields { type " + "{ ofType " * 12 + "{ name }" + "}" * 16, "deeper than 16"),
    ],
)
def test_each_limit_of_what_it_comes_to(text: str, says: str) -> None:
    with pytest.raises(Excessive, match=says):
        cost(text)


def test_fragments_that_double_are_not_followed_to_their_end() -> None:
    parts = [
        f"fragment F{n} on Region {{ a: parent {{ ...F{n + 1} }} b: parent {{ ...F{n + 1} }} }}" for n in range(10)
    ]
    text = '{ region(code: "3") { ...F0 } } ' + " ".join(parts) + " fragment F10 on Region { name }"
    with pytest.raises(Excessive, match="more than 800 fields"):
        cost(text)


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_no_attack_reaches_validation(text: str) -> None:
    documents = Documents(GRAPH)

    def weighed() -> None:
        document = documents.get(text)
        documents.cost(document, document.operations[0], None)

    with pytest.raises(Refused):
        weighed()


@pytest.mark.parametrize("introspection", [get_introspection_query(), get_introspection_query(descriptions=False)])
def test_the_usual_introspection(introspection: str) -> None:
    assert 1_000 < cost(introspection) < LIMITS.cost / 2


def _documented() -> dict[str, str]:
    """The documents that users copy, and those of the dashboard."""
    files = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    found = {
        f"{file.name} {number}": text
        for file in files
        for number, text in enumerate(re.findall(r"```graphql\n(.*?)```", file.read_text(), re.DOTALL))
    }
    script = (ROOT / "gateway/pages/dashboard/graph.js").read_text()
    constants = dict(re.findall(r"const ([A-Z]+) =\s*[`'](.*?)[`'];", script.replace("\\`", ""), re.DOTALL))

    def filled(text: str) -> str:
        return re.sub(r"\$\{([A-Z]+)\}", lambda match: filled(constants[match[1]]), text)

    documents = {name: filled(text) for name, text in constants.items() if text.startswith(("query", "subscription"))}
    assert len(documents) == 7
    return found | documents


@pytest.mark.parametrize(("name", "text"), _documented().items())
def test_documents_that_are_in_use_pass(name: str, text: str) -> None:
    documents = Documents(GRAPH)
    document = documents.get(text)
    for operation in document.operations:
        assert documents.cost(document, operation, {"recent": 500}) < LIMITS.cost
    documents.validate(text, document)


def test_a_list_of_500_with_the_usual_fields_passes() -> None:
    usual = (
        "id version trackingId title text status statusLabel nativeStatus { label } agency { id name level } overdue"
    )
    more = "category { code name } incidentLocation { region { name } } clocks { kind dueAt } rating { score }"
    assert cost(f"{{ complaints(first: 500) {{ totalCount nodes {{ {usual} {more} }} }} }}") < LIMITS.cost / 2


# --- what comes beside it -------------------------------------------------------------------------------------------


def test_variables_are_bounded() -> None:
    look_over(None)
    look_over({"a": [1] * 1_999})
    look_over({"text": "x" * 100_000})
    deep: Any = 1
    for _ in range(11):
        deep = [deep]
    look_over({"a": deep})
    for much in ({"a": [1] * 2_000}, {"a": [{"b": [1] * 300}] * 10}, dict.fromkeys(map(str, range(2_001)))):
        with pytest.raises(Excessive, match="2000 values"):
            look_over(much)
    with pytest.raises(Excessive, match="deeper than 12"):
        look_over({"a": [deep]})


def test_more_than_the_limit_is_told_with_the_numbers() -> None:
    documents = Documents(GRAPH, limits=QueryLimits(cost=100))
    document = documents.get("query ($n: Int) { complaints(first: $n) { nodes { id } } }")
    assert documents.cost(document, document.operations[0], {"n": 99}) == 100
    with pytest.raises(Refused) as refused:
        documents.cost(document, document.operations[0], {"n": 100})
    (error,) = refused.value.errors
    assert error.original_error is not None
    assert vars(error.original_error)["extensions"] == {"cost": 101, "most": 100}


def test_the_page_names_each_limit() -> None:
    page = (ROOT / "docs/limits.md").read_text()
    for name, most in asdict(LIMITS).items():
        assert re.search(rf"^\| .*\| {most:,} \| `{name}` \|", page, re.MULTILINE), name


# --- what passes is validated in no time ----------------------------------------------------------------------------


def _drawn(random: Random) -> str:
    """A document close to the limits, of what validation takes its time for: fields that merge, fragments that meet."""
    names = ["id", "title", "status", "agency { id name }", "clocks { kind }", "category { code }", "text"]
    fragments = random.choice([0, 5, 20, 44])

    def chosen(level: int) -> str:
        parts = [random.choice(names) for _ in range(random.randint(1, 12))]
        parts += [f"...F{random.randrange(fragments)}" for _ in range(random.randint(0, 6)) if fragments]
        if level:
            parts += [f"... on Complaint {{ {chosen(level - 1)} }}" for _ in range(random.randint(0, 3))]
            parts += [f"journey {{ complaints {{ {chosen(level - 1)} }} }}" for _ in range(random.randint(0, 3))]
        return " ".join(parts)

    leaves = [" ".join(random.sample(names, random.randint(1, 6))) for _ in range(fragments)]
    defined = " ".join(f"fragment F{number} on Complaint {{ {leaf} }}" for number, leaf in enumerate(leaves))
    return f"{{ complaints {{ nodes {{ {chosen(3)} }} }} }} {defined}"


def test_whatever_passes_is_validated_within_a_moment(worst: Callable[..., float]) -> None:
    assert worst(100) < 0.06


@pytest.mark.soak
def test_whatever_passes_is_validated_within_a_moment_full(worst: Callable[..., float]) -> None:
    seconds = worst(20_000)
    print(f"the worst of 20,000 drawn documents: {1_000 * seconds:.1f} ms of CPU to prepare")
    assert seconds < 0.06


@pytest.fixture
def worst() -> Callable[..., float]:
    """Seconds of CPU for the worst of so many drawn documents."""

    def searched(times: int) -> float:
        documents, random, slowest, passed = Documents(GRAPH, most=1), Random(7), ("", 0.0), 0

        def seconds(text: str) -> float:
            began = time.process_time()
            documents.validate(text, documents.get(text))
            return time.process_time() - began

        for _ in range(times):
            text = _drawn(random)
            try:
                took = seconds(text)
            except Refused:
                continue
            passed += 1
            slowest = max(slowest, (text, took), key=lambda each: each[1])
        assert passed > times / 10
        documents = Documents(GRAPH, most=1)
        return min(seconds(slowest[0] + " " * again) for again in range(3))

    return searched
