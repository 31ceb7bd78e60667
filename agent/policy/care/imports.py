"""Hold changed code to the modules that the repository lets in.

A repository forbids a module since it is unsafe, too slow to load, or on its way out; an edit that
takes it from a module of the repository, under another name or by a text does the same. So names
are followed to what they stand for (see `names`). What a file newly brings in blocks; one more use
of what it had, or a thing that a forbidden module made elsewhere, is for the reviewer. Imports that
only type checkers read bring nothing in. HTTP clients are left to `http_client`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from agent.domain import Finding, Severity
from agent.policy.names import Scope
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.view import View, Visit
from repo_config.schema import ImportsSection

FORBIDDEN_IMPORT = Rule(
    id="forbidden-import",
    demands="No file brings in what `imports.forbid` names.",
    severity=Severity.BLOCK,
    bad="import pickle  # and imports.forbid names pickle",
    good="import json",
)
FORBIDDEN_USE = Rule(
    id="forbidden-import-use",
    demands="What a file has of a forbidden module does not grow.",
    severity=Severity.REVIEW,
    bad="pickle.loads(text)  # once more in a file that imports pickle already",
    good="json.loads(text)",
)
RULES = (FORBIDDEN_IMPORT, FORBIDDEN_USE)


@dataclass(frozen=True)
class _Touch:
    """A place that leads to a forbidden module."""

    entry: str
    """As `imports.forbid` names it."""
    what: str
    """The full name that is reached."""
    line: int
    brings: bool
    """The thing itself; not what it has made in another module."""


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new way to a forbidden module."""
    section = proposal.config.imports
    if not section.forbid:
        return

    @cache
    def touches(view: View) -> list[_Touch]:
        return list(_touches(view, section, proposal))

    def brought(view: View) -> Iterator[Hit]:
        told: set[str] = set()
        for touch in touches(view):
            if touch.brings and touch.entry not in told:
                told.add(touch.entry)
                yield Hit(touch.entry, touch.line, touch.what)

    def used(view: View) -> Iterator[Hit]:
        for touch in touches(view):
            yield Hit(f"{touch.entry} by {touch.what}", touch.line, touch.what)

    news: set[tuple[str, str]] = set()
    for file, hit in proposal.fresh(brought):
        news.add((file.path, hit.what))
        entry = "" if hit.message == hit.what else f", which is in {hit.what}"
        yield FORBIDDEN_IMPORT.at(
            file.path,
            f"brings in {hit.message}{entry}; imports.forbid names {hit.what}",
            f"Do without it, or take {hit.what} out of imports.forbid first.",
            hit.line,
        )
    told: set[tuple[str, int]] = set()
    for file, hit in proposal.fresh(used):
        entry = hit.what.partition(" by ")[0]
        if (file.path, entry) in news or (file.path, hit.line) in told:
            continue
        told.add((file.path, hit.line))
        yield FORBIDDEN_USE.at(
            file.path,
            f"uses {hit.message}; imports.forbid names {entry}",
            "Move this file off it when the ticket allows.",
            hit.line,
        )
    if proposal.places.exhausted:
        yield FORBIDDEN_USE.at(
            "",
            "Names lead through more modules than were followed",
            "Check by hand whether a new import leads to a forbidden module.",
        )


def _entry(dotted: str, section: ImportsSection) -> str | None:
    """Return the entry that forbids a full name; of those that match the longest decides."""
    if not dotted.startswith(section.forbid):  # as nearly all
        return None

    def longest(entries: tuple[str, ...]) -> str:
        under = [entry for entry in entries if f"{dotted}.".startswith(f"{entry}.")]
        return max(under, key=len, default="")

    forbidden, allowed = longest(section.forbid), longest(section.allow)
    return forbidden if len(forbidden) > len(allowed) else None


def _touches(view: View, section: ImportsSection, proposal: Proposal) -> Iterator[_Touch]:
    """Yield every touch, by line."""
    own = proposal.places.name_of(view.path)
    found = []
    for line, name in _reached(view):
        entry = _entry(name.replace(".()", ""), section)
        # The modules of a forbidden package may have each other.
        if entry is None or _entry(own, section) == entry:
            continue
        found.append(_Touch(entry, name.replace(".()", "()"), line, ".()" not in name))
    yield from sorted(found, key=lambda touch: touch.line)


def _reached(view: View) -> Iterator[tuple[int, str]]:
    imports: list[Visit[ast.Import] | Visit[ast.ImportFrom]] = [
        *view.all(ast.Import),
        *view.all(ast.ImportFrom),
    ]
    for statement in imports:
        for name in view.imported(statement):
            yield statement.node.lineno, name
    for call in view.all(ast.Call):
        for name in view.loaded(call):
            yield call.node.lineno, name
    places: list[Visit[ast.Name] | Visit[ast.Attribute] | Visit[ast.Subscript]] = [
        *view.all(ast.Name),
        *view.all(ast.Attribute),
        *view.all(ast.Subscript),
    ]
    for place in places:
        if _is_whole(place):
            for name in _leads_to(view, place.node, place.scope):
                yield place.node.lineno, name


def _leads_to(view: View, node: ast.expr, scope: Scope) -> frozenset[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return frozenset()
    return view.names(node, scope)


def _is_whole(visit: Visit[ast.Name] | Visit[ast.Attribute] | Visit[ast.Subscript]) -> bool:
    """Whether it is not the beginning of a longer name, as `a.b` is in `a.b.c`."""
    return visit.up is None or not isinstance(visit.up.node, ast.Attribute)
