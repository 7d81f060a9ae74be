"""What a document's text shows before it is parsed: one look, in time proportional to its length."""

from __future__ import annotations

import re
from itertools import islice

import msgspec

from gateway.guard.limits import LIMITS, Excessive, QueryLimits

#: Strings, comments, names, numbers, punctuation. All loops are possessive: an unfinished string is one piece, and
#: nothing is looked at twice. What is none of these is the parser's to refuse.
_PIECES = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:"""|\Z)|"(?:[^"\\\n\r]++|\\.)*+"?'
    r"|\#[^\n\r]*+|[_A-Za-z][_0-9A-Za-z]*+|-?[0-9]++(?:\.?[0-9eE+-]++)?+|\.\.\.|[!$&()\[\]{}:=|@]"
)
#: Texts that are longer than most, in characters.
_LONG = 16_384
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class Scan(msgspec.Struct, frozen=True):
    """What was counted in a text that is within the limits."""

    tokens: int
    directives: int


def scan(text: str, limits: QueryLimits = LIMITS) -> Scan:
    """Counts what stands in a document.

    Raises:
        Excessive: there is too much of something.
    """
    most = limits.bytes
    if len(text) > most or (not text.isascii() and len(text.encode("utf-8", "replace")) > most):
        raise Excessive(f"The document is longer than {most} bytes.")
    _within("lines", text.count("\n") + text.count("\r"), limits.lines)
    pieces = _pieces(text, limits)
    if "#" in text:
        tokens = [piece for piece in pieces if piece[0] != "#"]
        _within("comments", len(pieces) - len(tokens), limits.comments)
    else:
        tokens = pieces
    _within("tokens", len(tokens), limits.tokens)
    if max(map(len, tokens), default=0) > limits.word:
        longest = max((len(piece) for piece in tokens if piece[0] != '"'), default=0)
        _within("characters in one word", longest, limits.word)
    if len(text) > limits.strings:
        quoted = sum(len(piece) for piece in tokens if piece[0] == '"')
        _within("characters in strings: long texts go into variables", quoted, limits.strings)
    directives = tokens.count("@")
    _within("directives", directives, limits.directives)
    _look_through(tokens, directives, limits)
    return Scan(len(tokens), directives)


def _pieces(text: str, limits: QueryLimits) -> list[str]:
    if len(text) <= _LONG:
        return _PIECES.findall(text)
    # What is long is looked at no further than it takes to know that it is too long.
    most = limits.tokens + limits.comments + 1
    return [match[0] for match in islice(_PIECES.finditer(text), most)]


def _look_through(tokens: list[str], directives: int, limits: QueryLimits) -> None:
    depth = deepest = aliases = arguments = operations = fragments = names = 0
    # In brackets that are round, a colon makes an argument or a variable; elsewhere an alias.
    round_at: list[int] = []
    for piece in tokens:
        if round_at:
            arguments += 1
        if piece in _OPENING:
            if not depth and piece == "{":
                operations += 1
            depth += 1
            deepest = max(deepest, depth)
            if piece == "(":
                round_at.append(depth)
        elif piece in _CLOSING:
            if round_at and round_at[-1] == depth:
                round_at.pop()
            depth -= 1
        elif piece == ":":
            aliases += not round_at
        elif depth:
            names += not round_at
        elif piece == "fragment":
            fragments += 1
    _within("levels of brackets", deepest, limits.nesting)
    _within("aliases", aliases, limits.aliases)
    _within("tokens in arguments", arguments, limits.arguments)
    _within("fragments", fragments, limits.fragments)
    _within("operations", operations - fragments, limits.operations)
    # Not all names and dots are selections, but no fewer than these.
    dots, conditions = tokens.count("..."), tokens.count("on")
    _within("fields", names - dots - aliases - directives - conditions, limits.selections)


def _within(what: str, count: int, most: int) -> None:
    if count > most:
        raise Excessive(f"The document has more than {most} {what}.")
