"""No sentence about a check contradicts what both sides have reported."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from agent.checks import comparison
from agent.models.checks import COLLECTION, TESTS, CheckItem, CheckReport, CheckResult, Status
from agent.text.check_summary import summarize_check

FAILING = ("failed", "error")
IDS = st.sampled_from([f"t.py::test_{n}" for n in range(6)] + [f"t{COLLECTION}"])
OUTCOMES = st.sampled_from(["passed", "failed", "error", "skipped", "xfailed", "xpassed"])


@st.composite
def results(draw, name):
    is_tests = name == TESTS
    reason = draw(st.sampled_from(["", "", "", "it broke"]))
    if is_tests:
        found = draw(st.dictionaries(IDS, OUTCOMES, min_size=1))
        items = [
            CheckItem(item_id=one, outcome="error" if one.endswith(COLLECTION) else outcome)
            for one, outcome in found.items()
        ]
    else:
        ids = draw(st.lists(st.sampled_from("abc"), max_size=4))
        items = [CheckItem(item_id=one, outcome="finding") for one in ids]
    if reason:
        status = draw(st.sampled_from([Status.FAILED, Status.UNVERIFIED, Status.UNMEASURABLE]))
        items = [] if status is not Status.UNVERIFIED else items
    else:
        red = any(one.outcome in ("finding", *FAILING) for one in items)
        status = Status.FAILED if red else Status.PASSED
    return CheckResult(name=name, status=status, items=tuple(items), reason=reason)


def sides():
    names = st.sampled_from([TESTS, "mypy"])
    return names.flatmap(lambda name: st.tuples(results(name), results(name)))


def report(side, *found):
    return CheckReport(side=side, commit="0", change_digest=None, results=found)


def compared_checks():
    def compare(pair):
        return comparison.compare_reports(report("base", pair[0]), report("head", pair[1]))[0]

    return sides().map(compare)


def numbers(text, word):
    return [int(one) for one in re.findall(rf"(\d+) {word}", text)]


def test_a_check_that_base_breaks_is_a_row_and_a_note():
    before = CheckResult(name="mypy", status=Status.UNMEASURABLE, reason="no module named plugin")
    after = CheckResult(name="mypy", status=Status.FAILED, reason="no module named plugin")
    [compared] = comparison.compare_reports(report("base", before), report("head", after))
    assert compared.verdict is Status.UNMEASURABLE
    assert not compared.is_in_the_way
    assert "no module named plugin" in summarize_check(compared).sentence
    mended = after.model_copy(update={"status": Status.PASSED, "reason": ""})
    [compared] = comparison.compare_reports(report("base", before), report("head", mended))
    assert compared.verdict is Status.PASSED
