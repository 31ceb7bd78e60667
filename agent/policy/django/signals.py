"""Forbid new signal receivers, where `django.signals` is `forbid`.

A handler runs in places that do not name it. Signals of libraries that are not Django's are left
alone.
"""

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View

SIGNALS = Rule(
    id="django-signals",
    demands="No new Django signals or handlers where `django.signals` is forbid.",
    severity=Severity.BLOCK,
)
RULES = (SIGNALS,)

_CLASSES = frozenset({"django.dispatch.Signal", "django.dispatch.dispatcher.Signal"})
_RECEIVERS = frozenset({"django.dispatch.receiver", "django.dispatch.dispatcher.receiver"})
#: Types of Django's signals, and of ones that are defined in the tree.
_CONNECT = re.compile(
    r"(?:django\.(?:core|db\.models|db\.backends|contrib\.auth|test)\.signals\.\w+"
    r"|django\.dispatch(?:\.dispatcher)?\.Signal(?:\.\(\))?"
    r"|django\.db\.models\.signals\.ModelSignal\.\(\))\.connect"
)
_FIX = "Call the function directly, or change django.signals first."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if change_context.config.django.signals == "forbid":
        yield from SIGNALS.report_hits(
            change_context,
            _find_signals,
            _FIX,
            layout.is_application,
            "; this project does not use signals",
        )


def _find_signals(view: View) -> Iterator[Hit]:
    for call in view.list_visits(ast.Call):
        names = view.find_names(call.node.func, call.scope)
        if names & _CLASSES:
            yield Hit("defines a signal", call.node.lineno)
        elif names & _RECEIVERS or any(map(_CONNECT.fullmatch, names)):
            yield Hit("connects a signal handler", call.node.lineno)
    for made in view.list_visits(ast.ClassDef):
        if view.find_lineage(made.node, made.scope) & _CLASSES:
            yield Hit("defines a signal class", made.node.lineno)
