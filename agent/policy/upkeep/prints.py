"""Tell of prints that a change adds to code that is not a program for a terminal.

What an application has to say goes to its log, where somebody finds it; a print that was of use in
writing the code is a leftover. Command lines, scripts, tests and examples print on purpose, and a
module that printed before has chosen so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.layout import is_apart
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

NEW_PRINT = Rule(
    id="new-print",
    demands="Application code does not print.",
    severity=Severity.REVIEW,
    bad="print('order', order)",
    good="log.info('order', order=order)",
)
RULES = (NEW_PRINT,)

_PRINTERS = frozenset({"builtins.print", "pprint.pprint", "pprint.pp"})
#: Names of modules that talk to a terminal.
_TALKS = re.compile(
    r"(?:^|[/_])(?:cli|console|commands?|cmd|terminal|prompt|main|repl|shell|debug)\w*"
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every print in a module that had none."""
    told: set[str] = set()
    for file, hit in proposal.fresh(_prints, among=_is_application):
        if file.path not in told and not (file.before and any(_prints(file.before))):
            told.add(file.path)
            yield NEW_PRINT.at(
                file.path, "prints", "Log it, or take it out if it was for you alone.", hit.line
            )


def _is_application(file: PythonFile) -> bool:
    return not is_apart(file.path) and not _TALKS.search(file.path)


def _prints(view: View) -> Iterator[Hit]:
    if b"print" not in view.content and b"pp" not in view.content:
        return
    for visit in view.all(ast.Call):
        if view.names(visit.node.func, visit.scope) & _PRINTERS and not _is_program(visit):
            # What is written to a file that is named goes where somebody wanted it.
            if not any(word.arg == "file" for word in visit.node.keywords):
                yield Hit("print", visit.node.lineno)


def _is_program(visit: Visit[ast.Call]) -> bool:
    """Whether it is part of what runs only when the file is started."""
    if visit.function is not None and getattr(visit.function, "name", "") in ("main", "__str__"):
        return True
    return any(
        isinstance(around.node, ast.If) and "__name__" in ast.dump(around.node.test)
        for around in visit.around()
    )
