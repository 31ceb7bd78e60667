"""Whether a ticket asks for another architecture, which no single change can be.

What a change may touch is bounded by `scope.max_files` and `scope.max_lines`; here are only the
requests that their own words put beyond any such bound.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.domain import Ticket
from agent.triage import category, reading


class TooLarge(NamedTuple):
    """A request that is a project of its own."""

    words: str
    """Of the ticket."""
    what: str
    """It is, in words of ours."""
    first: str
    """How a first small ticket of it is made."""


_WHOLE = r"(?:whole|entire|complete|full|all of the|existing|current)"
_ALL = (
    r"(?:application|app|project|code ?base|back-?end|server|system|service|platform|api|site"
    r"|website|product|everything)"
)
_REWRITES = (
    r"(?:rewrit(?:e|ing)|re-?implement(?:ing)?|re-?architect(?:ing)?|re-?design(?:ing)?"
    r"|re-?structur(?:e|ing)|refactor(?:ing)?|overhaul(?:ing)?|re-?organi[sz](?:e|ing))"
)
_MOVES = (
    r"(?:migrat\w+|port(?:ing)?|mov(?:e|ing)|switch(?:ing)?|convert(?:ing)?|replac(?:e|ing)"
    r"|rewrit(?:e|ing)|transition\w*|refactor(?:ing)?|chang(?:e|ing))"
)
_FRAMEWORK = (
    r"(?:flask|django|fast ?api|tornado|pyramid|bottle|starlette|sanic|quart|falcon|litestar"
    r"|express(?:\.?js)?|spring(?: boot)?|rails|laravel|node(?:\.?js)?|golang|go|rust|typescript"
    r"|kotlin|elixir)"
)
_DATABASE = (
    r"(?:mysql|mariadb|sqlite3?|postgres(?:ql)?|mongo ?(?:db)?|oracle|dynamodb|cassandra"
    r"|sqlalchemy|django orm|peewee|tortoise(?: orm)?|pony ?orm|mongoengine)"
)
_LANGUAGE = r"(?:rust|go|golang|typescript|java|kotlin|c\+\+|c#|elixir|node(?:\.?js)?)"
_STYLE = (
    r"(?:micro-?services?|event[- ](?:driven|sourc\w+)|cqrs|hexagonal|service[- ]oriented"
    r"|server-?less|plug-?in|multi-?tenan(?:t|cy)|clean)"
)
_ONE_PART = (
    "Name one endpoint, module or table, what it does today, and what has to be the same"
    " afterwards; the next part is a ticket of its own once that is merged"
)
_ONE_STEP = (
    "Decide how it is to look, then ask for the first step that can be merged and tested by itself,"
    " by the names of what it touches"
)


def _changes(kind: str) -> str:
    """From one thing to another of its kind, or to use one instead of the other."""
    return (
        rf"\b{_MOVES}\b.{{0,60}}\b{kind}\b(?: \w+){{0,3}} (?:to|with|by|into|for|→|->|=>)"
        rf" (?:\w+ ){{0,2}}{kind}\b"
        rf"|\b(?:use|using|adopt) {kind} (?:instead of|in place of|rather than|over) {kind}\b"
        rf"|^{kind} (?:\w+ )?(?:to|→|->|=>) {kind}\W*$"
    )


_SIGNS: tuple[tuple[str, str, str], ...] = (
    (_changes(_FRAMEWORK), "a move to another framework or language", _ONE_PART),
    (_changes(_DATABASE), "a move to another database or another way to it", _ONE_PART),
    (
        (
            rf"\b{_REWRITES} (?:\w+ ){{0,2}}{_WHOLE} (?:\w+ ){{0,2}}{_ALL}\b"
            rf"|\b{_REWRITES} (?:the |our |this )?{_ALL}\b.{{0,40}}\b"
            rf"(?:from scratch|from the ground up|in {_LANGUAGE}|completely|entirely)(?!\w)"
            rf"|\b{_REWRITES} everything\b"
            r"|\b(?:complete|full|total|ground-up) (?:rewrite|redesign|overhaul)\b"
            r"|\b(?:rewrite|redo|rebuild) .{0,60}\bfrom (?:scratch|the ground up)\b"
        ),
        "a rewrite",
        _ONE_PART,
    ),
    (
        (
            rf"\b{_MOVES} (?:\w+ ){{0,2}}{_WHOLE} (?:\w+ ){{0,2}}{_ALL} (?:to|into|from)\b"
            rf"|\b(?:port|rewrite|move|migrate|convert) (?:\w+ ){{0,3}}(?:to|in|into)"
            rf" {_LANGUAGE}\W*$"
            r"|\b(?:make|convert|port|move|migrate) (?:the )?(?:whole|entire|complete)"
            r" .{0,40}\basync\b"
        ),
        "a move of the whole code",
        _ONE_PART,
    ),
    (
        (
            r"\b(?:split|break|mov\w+|migrat\w+|convert\w*|turn\w*|extract|decompos\w+|refactor\w*)\b"
            r".{0,60}\bmicro-?services\b"
            r"|\b(?:split|break up|decompose|get rid of) (?:up )?(?:the |our )?monolith\b"
        ),
        "a split into services",
        _ONE_PART,
    ),
    (
        (
            r"\b(?:re-?design|re-?model|re-?structure|re-?work|overhaul|normali[sz]e) (?:\w+ ){0,3}"
            r"(?:database(?: schema)?|db schema|schema|data ?model|architecture)\b"
            r"(?! (?:diagram|page|section|docs?|test|migration))"
        ),
        "a redesign of the data or the architecture",
        _ONE_STEP,
    ),
    (
        (
            rf"\b(?:introduc|implement|adopt|switch to|move to|migrat\w+ to|build"
            rf"|creat|add|use|support)\w* (?:\w+ ){{0,3}}{_STYLE}"
            r"(?: (?:architecture|system|pattern|design)| support\W*$|\W*$)"
        ),
        "another architecture",
        _ONE_STEP,
    ),
    (
        (
            r"\b(?:build|create|develop|implement|write) (?:me |us )?an? (?:\w+ ){0,2}"
            r"(?:complete|full|whole|entire|fully[- ]\w+|full[- ]\w+|end-to-end) (?:[\w-]+ ){0,3}"
            r"(?:app(?:lication)?|platform|system|shop|store|site|website|cms|erp|crm"
            r"|front-?end|back-?end|dashboard|service)\b"
        ),
        "an application of its own",
        _ONE_STEP,
    ),
)
_COMPILED = tuple(
    (re.compile(pattern, re.IGNORECASE), what, first) for pattern, what, first in _SIGNS
)
#: Then it is about a piece, or a text, or some day.
_SMALL = re.compile(
    r"\b(?:docs?|documentation|readme|guides?|tutorials?|examples?|demos?|samples?|snippets?|tests?"
    r"|fixtures?|ci|docker|compose|dev(?:elopment)?|typos?|comments?|docstrings?|changelog|script"
    r"|endpoint|route|view|handler|function|method|class|helper|command|blueprint|query|link|page"
    r"|button|icon|logo|label|eventually|some ?day|later|long[- ]term|in the future|not now|except"
    r"|fails?|failing|error|crash\w*|broken|typo)\b",
    re.IGNORECASE,
)


def found(ticket: Ticket) -> TooLarge | None:
    """Say what makes a ticket a project; None: nothing that its words tell."""
    if category.of(ticket).category in ("docs", "tests", "typing"):
        return None
    said = [reading.title_of(ticket.title)]
    if not reading.is_specific(ticket.title):
        told = (one for part in reading.parts(ticket.body) for one in _spoken(part))
        said += [sentence for sentence in told if reading.verb(sentence)]
    for sentence in said:
        if reading.names_code(_without_products(sentence)) or _SMALL.search(sentence):
            continue
        for pattern, what, first in _COMPILED:
            if hit := pattern.search(sentence):
                return TooLarge(reading.short(hit[0]), what, first)
    return None


def _spoken(part: reading.Part) -> list[str]:
    return [*reading.sentences(part.prose), *part.items]


def _without_products(sentence: str) -> str:
    """Names of products are written like names of classes."""
    products = rf"\b(?:{_FRAMEWORK}|{_DATABASE}|{_LANGUAGE}|SQLAlchemy|GraphQL|JavaScript)\b"
    return re.sub(products, "x", sentence, flags=re.IGNORECASE)
