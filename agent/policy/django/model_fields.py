"""Hold fields for text to what users of Django expect of them.

A text that may be null has two values for "nothing", which every query then has to know; it is for
the reviewer, unless the ticket asks for it or `unique` needs it. Migrations repeat what models say,
so that only models are looked at. Fields of other libraries (SQLAlchemy, forms, serializers) have
the same names and are told apart by what they stand for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.ticket import Ticket
from agent.policy.django import files
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

NULL_TEXT = Rule(
    id="django-null-text",
    demands="A field for text is not null, unless it is unique and may be left out, or the ticket "
    "asks for it.",
    severity=Severity.REVIEW,
    bad="note = models.CharField(max_length=80, null=True)",
    good='note = models.CharField(max_length=80, blank=True, default="")',
)
RULES = (NULL_TEXT,)

_MODELS = r"django\.(?:contrib\.gis\.)?db\.models\."
_TEXT = re.compile(
    _MODELS + r"(?:fields\.)?"
    r"(CharField|TextField|SlugField|EmailField|URLField|FilePathField)"
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new field that breaks one of the rules."""
    for file, hit in proposal.fresh(_null_texts, among=_is_model_file):
        if _asks_for_null(proposal.ticket, hit.what):
            continue
        yield NULL_TEXT.at(
            file.path,
            hit.message,
            "Leave null=True out, with blank=True and an empty default; or see that it is needed.",
            hit.line,
        )


def _is_model_file(file: PythonFile) -> bool:
    return not files.is_migration(file.path) and not files.is_test(file.path)


def _null_texts(view: View) -> Iterator[Hit]:
    for call in view.all(ast.Call):
        node = call.node
        given = {word.arg: word.value for word in node.keywords}
        if not _is_true(given.get("null")) or not _is_field(call):
            continue
        if _is_true(given.get("unique")) and _is_true(given.get("blank")):
            continue
        if any(map(_TEXT.fullmatch, view.names(node.func, call.scope))):
            yield Hit(
                _name(call),
                node.lineno,
                f"lets {_name(call)} be null, so that nothing is both null and an empty text",
            )


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_field(call: Visit[ast.Call]) -> bool:
    """Whether it is assigned in the body of a class, and not part of another field."""
    statement = call.up.node if call.up else None
    made = call.class_
    return (
        isinstance(statement, (ast.Assign, ast.AnnAssign))
        and made is not None
        and statement in made.body
    )


def _name(call: Visit[ast.Call]) -> str:
    statement = call.up.node if call.up else None
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return ""
    return target.id if isinstance(target, ast.Name) else ""


def _asks_for_null(ticket: Ticket | None, name: str) -> bool:
    if ticket is None:
        return False
    text = f"{ticket.title}\n{ticket.body}".lower()
    words = name.lower().replace("_", " ")
    return re.search(r"\bnull(?:able)?\b", text) is not None and (
        name.lower() in text or words in text
    )
