"""Keep a change from getting green by taking tests away.

A test that fails can be deleted, given a name that nobody collects, put behind `if False`, or
moved to where the runner does not look. So every test that was collected before needs a successor:
the same at another place, another name, its parts, or a case of a parametrized test. Where the
ticket asks for the removal, or the code under test goes with it, the reviewer is told instead.
What the successors look at is left to `weakened_tests`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.tampering import suite
from agent.policy.tampering.asked import Asked
from agent.policy.tampering.collected import Test

DELETED = Rule(
    id="test-deleted",
    demands="No test goes away, or is no longer collected, unless the ticket asks for it.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="def check_total(): ...  # was test_total",
    good="def test_total(): ...",
)
DELETED_NOTED = Rule(
    id="test-deleted-noted",
    demands="Tests that go as the ticket asks, or with the code they test, are looked at first.",
    severity=Severity.REVIEW,
    bad="test_export_xml is deleted  # the ticket: drop the XML export",
    good="test_export_csv is left as it is",
)
RULES = (DELETED, DELETED_NOTED)

_MOST_NAMED = 5
#: Letters of a name that no other function is likely to have.
_TELLING = 6
_WORD = re.compile(r"\w+")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each file that loses tests, and how they are lost."""
    asked = proposal.once(Asked)
    tests = suite.of(proposal)
    by_file: dict[tuple[str, str], list[Test]] = defaultdict(list)
    for test in tests.gone:
        if asked.removal(test.path, test.qualname):
            why = "the ticket asks for it"
        elif _goes_with_code(test, tests.lost_names):
            why = "the code that it names goes as well"
        else:
            why = ""
        by_file[test.path, why].append(test)
    for (path, why), lost in sorted(by_file.items()):
        yield _finding(proposal, path, why, lost)


def _goes_with_code(test: Test, lost: frozenset[str]) -> bool:
    if not lost:
        return False
    words = set(_WORD.findall(test.body))
    if any(len(name) >= _TELLING for name in words & lost):
        return True
    # What is as short as `get` is anybody's; a whole module is named by the imports of the file.
    imported = _WORD.findall(
        "\n".join(line for line in test.view.lines if line.startswith(("import ", "from ")))
    )
    return bool(set(imported) & lost) and not words.isdisjoint(imported)


def _finding(proposal: Proposal, path: str, why: str, lost: list[Test]) -> Finding:
    names = ", ".join(test.qualname for test in lost[:_MOST_NAMED])
    more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    what = f"loses {len(lost)} tests" if len(lost) > 1 else "loses a test"
    how = _how(proposal, path, lost)
    if why:
        return DELETED_NOTED.at(
            path, f"{what} ({names}{more}); {why}", "Look whether what they held is still wanted."
        )
    return DELETED.at(
        path,
        f"{what} ({names}{more}){how}",
        "Leave the test in place and make the code pass it; where the test itself is wrong, the"
        " ticket has to say so by its name.",
    )


def _how(proposal: Proposal, path: str, lost: list[Test]) -> str:
    """Say how they are lost, where they still stand somewhere."""
    tests = suite.of(proposal)
    for file in proposal.python:
        if file.after is None:
            continue
        for visit in file.after.functions:
            if visit.node.name == lost[0].name:
                if not tests.naming.is_test_file(file.path):
                    return f": {file.path} is no file that the runner collects"
                if not tests.naming.is_reached(file.path):
                    return f": {file.path} lies where the runner does not look"
                if file.path == path:
                    return ": it is there and not collected"
    return ""
