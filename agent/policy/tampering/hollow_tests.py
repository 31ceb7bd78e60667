"""Hold new tests to look at something.

A test without an assertion passes whatever the code does, and counts as a test in every table. A
function of the repository that asserts or raises, `raises`, checks of mocks and snapshots count
(see `lookers`). A test that is named after not failing, or that property tests or a benchmark
drive, is noted only. What assertions that cannot fail are is said in `looks`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.tampering import lookers, suite
from agent.policy.tampering.collected import Test
from agent.policy.tampering.expectations import SAME
from agent.policy.tampering.lookers import Strength

HOLLOW = Rule(
    id="test-asserts-nothing",
    demands="A new test looks at something that the code could get wrong.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="def test_total(): total(cart)",
    good="def test_total(): assert total(cart) == 3",
)
HOLLOW_NOTED = Rule(
    id="test-asserts-nothing-noted",
    demands="A new test that only shows that nothing is raised is looked at first.",
    severity=Severity.REVIEW,
    bad="def test_total_does_not_raise(): total(cart)",
    good="def test_total(): assert total(cart) == 3",
)
RULES = (HOLLOW, HOLLOW_NOTED)

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SMOKE = re.compile(
    r"smoke|import|crash|no_(?:error|exception|raise|warning|fail|crash|op)|noop|not_(?:raise|fail|crash|error)"
    r"|n(?:o)?t_(?:raise|fail|crash|error)|doesnt|succe|works|runs?$|_run_|valid|does_not|ok$|safe|deprecat"
    r"|without|accept|allow|pass(?:es)?|repr|leak|recurs|thread|pickl|compil",
)
#: Decorators that look at what a test returns.
_ELSEWHERE = re.compile(
    r"overload|abstractmethod|mpl_image_compare|fixture|image_compar|check_figures"
)


#: Tests whose point is that two calls give the same.
_SAME = re.compile(
    r"consisten|constant|determin|stable|idempoten|same|repeat|cache|twice|again|equal"
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new test that looks at nothing."""
    for test in suite.of(proposal).new:
        reading = test.reading
        if reading.checks or _skips(test) or _is_abstract(test) or _may_look(test):
            continue
        why = f": {reading.idle[0].why}" if reading.idle else ""
        if why and _SAME.search(test.name) and {one.why for one in reading.idle} == {SAME}:
            yield HOLLOW_NOTED.at(
                test.path,
                f"{test.qualname} shows only that the same comes twice",
                "Ask for an assertion of what comes, unless that is the point.",
                test.node.lineno,
            )
        elif why or not _is_smoke(test):
            yield HOLLOW.at(
                test.path,
                f"{test.qualname} looks at nothing that could be wrong{why}",
                "Assert what the code is to do; a test that cannot fail shows nothing.",
                test.node.lineno,
            )
        else:
            yield HOLLOW_NOTED.at(
                test.path,
                f"{test.qualname} shows only that nothing is raised",
                "Ask for an assertion, unless that is the point.",
                test.node.lineno,
            )


def _may_look(test: Test) -> bool:
    """Whether something that it calls fails the test by itself."""
    known = lookers.of(test.view.places)
    return any(
        known.of_call(call, place) is not Strength.NOTHING for call, place in test.reading.calls
    )


def _is_smoke(test: Test) -> bool:
    driven = any("given" in source.written(one) for one in test.node.decorator_list) or any(
        one.arg == "benchmark" for one in test.node.args.args
    )
    return driven or bool(_SMOKE.search(_CAMEL.sub("_", test.name).lower()))


#: The end of a name: `pytest.mark.skipif(…)`, `self.skipTest`, `unittest.SkipTest`.
_SKIPS = re.compile(r"(?:^|\.)(?:skip(?:if|unless|test)?|xfail|importorskip)\b", re.IGNORECASE)


def _skips(test: Test) -> bool:
    """Whether it is skipped, which `skipped_tests` speaks of."""
    calls = [
        node.func
        for statement in test.node.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    ]
    marks = [source.written(one) for one in (*test.node.decorator_list, *calls)]
    return any(_SKIPS.search(mark) for mark in marks)


def _is_abstract(test: Test) -> bool:
    body = source.written(test.node.body[-1])
    marked = any(_ELSEWHERE.search(source.written(one)) for one in test.node.decorator_list)
    return marked or "NotImplementedError" in body
