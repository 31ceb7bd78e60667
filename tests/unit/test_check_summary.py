"""No sentence about a check contradicts what both sides have reported."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.checks import comparison
from agent.models.checks import COLLECTION, TESTS, CheckItem, CheckReport, CheckResult, Status
from agent.text.check_summary import summarize_all, summarize_check

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


@given(sides())
def test_every_cell_and_sentence_says_what_was_reported(pair):
    before, after = pair
    [compared] = comparison.compare_reports(report("base", before), report("head", after))
    said = summarize_check(compared)
    for cell, side in ((said.base, before), (said.head, after)):
        outcomes = Counter(one.outcome for one in side.items)
        if side.status in (Status.UNVERIFIED, Status.UNMEASURABLE):
            assert not re.search(r"\d", cell)
        elif side.reason:
            assert cell.startswith("failed as a whole")
        elif side.name == TESTS:
            hidden = sum(one.item_id.endswith(COLLECTION) for one in side.items)
            assert numbers(f"{cell} ", "passed") == _some(outcomes["passed"] + outcomes["xpassed"])
            assert numbers(cell, r"failed(?! as)") == _some(
                sum(outcomes[one] for one in FAILING) - hidden
            )
            assert numbers(cell, "skipped") == _some(outcomes["skipped"])
            assert numbers(cell, "failed as expected") == _some(outcomes["xfailed"])
            assert numbers(cell, "not collected") == _some(hidden)
        else:
            assert cell.startswith("clean") == (not side.items)
            assert numbers(cell, "finding") == _some(len(side.items))
    old = Counter(_red(before))
    new = Counter(_red(after))
    if compared.verdict is Status.PASSED and not before.reason and not after.reason:
        both = sum((old & new).values()) + len(_unread_on_base(before, after))
        assert numbers(said.sentence, r"(?:failure|finding)s? as on base") == _some(both)
        title = summarize_all((compared,))
        assert numbers(title, "failures? as on base") == _some(both)
    if compared.verdict in (Status.UNVERIFIED, Status.UNMEASURABLE):
        assert said.new == "not known"
        assert not re.search(r"\d", said.sentence)
        assert "passed" not in summarize_all((compared,))
    if said.new != "not known" and not after.reason and compared.name != TESTS:
        assert int(said.new) == sum((new - old).values())
        assert numbers(said.head, "(?:is|are) new") == _some(int(said.new))


def _red(side):
    return [one.item_id for one in side.items if one.outcome in ("finding", *FAILING)]


def _unread_on_base(before, after):
    """Give failing tests of modules that base cannot import: there they fail as well."""
    named = [one.item_id for one in before.items]
    unread = [one.removesuffix(COLLECTION) for one in named if one.endswith(COLLECTION)]
    starts = tuple(name + mark for name in unread for mark in ("::", "."))
    return [one for one in _red(after) if one not in named and one.startswith(starts)]


def _some(number):
    return [number] if number else []


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
