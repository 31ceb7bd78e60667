"""The decision table: what is published, what is withheld, and the sentence for maintainers."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from random import Random
from types import SimpleNamespace

import pytest

from agent.checks import comparison, weighing
from agent.checks.check import MINUTES_LIMIT
from agent.editing import proving
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Plan, Severity
from agent.models.checks import (
    COLLECTION,
    AnyComparison,
    BlockedTest,
    CheckItem,
    CheckReport,
    LintComparison,
    RepeatedTest,
    Rerun,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.environment import Contract
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Proof, RevertTrials, ReviewNotes, SettledFinding, SourcePart
from agent.models.run import Reason
from agent.stages import decide
from repo_config.schema import RepoConfig
from tests.unit.policy.cases import change
from tests.unit.trees import make_project

PASSED, FAILED, UNVERIFIED = Status.PASSED, Status.FAILED, Status.UNVERIFIED


def suite(**facts: object) -> TestComparison:
    values: dict[str, object] = {
        "name": "tests", "base": PASSED, "head": PASSED, "verdict": PASSED,
        "base_count": 12, "head_count": 13, "added": ("t::new",),
    }  # fmt: skip
    return TestComparison.model_validate(values | facts)


def tool(name: str, **facts: object) -> LintComparison:
    values: dict[str, object] = {"name": name, "base": PASSED, "head": PASSED, "verdict": PASSED}
    return LintComparison.model_validate(values | facts)


def failing(*ids: str, outcome: str = "failed") -> tuple[CheckItem, ...]:
    return tuple(CheckItem(item_id=item_id, outcome=outcome) for item_id in ids)


def weigh(
    *compared: AnyComparison,
    findings: tuple[Finding, ...] = (),
    runner: str = "auto",
    files: tuple[ChangedFile, ...] = (),
    proof: Proof | None = None,
    not_done: tuple[str, ...] = (),
    review: ReviewNotes | None = None,
) -> Verdict:
    change = Change(base_commit="0" * 40, files=files, not_done=not_done)
    cleared = ClearedChange(change=change, findings=findings)
    config = RepoConfig.model_validate({"checks": {"tests": runner}})
    contract = Contract(config=config, project=make_project(), source=None)
    return decide.decide_verdict(compared, cleared, contract, proof or Proof(), review)


def finding(severity: Severity, **more: object) -> Finding:
    given = {"rule": "paths", "path": "a", "line": None, "message": "is.", "fix": "Do.", **more}
    return Finding.model_validate({"severity": severity, **given})


RED_TOOL = tool("mypy", verdict=FAILED, new_failures=failing("x", outcome="finding"))
UNPROVED = tool("makemigrations", verdict=UNVERIFIED, reason="the report is odd")
UNMEASURED = tool(
    "makemigrations", base=Status.UNMEASURABLE, verdict=Status.UNMEASURABLE, reason="no module"
)
MODELS = ChangedFile(path="shop/models.py", before=b"a = 1\n", after=b"a = 2\n")
A, B = SourcePart(path="a.py", line=3), SourcePart(path="b.py", line=9)
WRONG = replace(A, mistake="`<` in place of `>=`")
BROKEN = replace(A, breaks=True)
KEPT = Proof(is_refactoring=True, hunks=RevertTrials(noticed=(BROKEN,)))
UNNOTICED = Proof(hunks=RevertTrials(unnoticed=(A,), untried=(B,)))
GREEN, RED = Rerun(outcome="passed"), Rerun(outcome="failed")
FLAKY = (RepeatedTest(item_id="t::a", base=(GREEN, RED), head=(GREEN,), place="tests/test_a.py:3"),)


def test_of_a_change_of_types_alone_the_counts_of_the_checker_are_the_proof() -> None:
    made, _ = change({"a.py": "def f(a: int): ...\n"}, {"a.py": "def f(a): ...\n"})
    contract = Contract(config=RepoConfig(), project=make_project(types=("mypy",)), source=None)
    prepared = SimpleNamespace(contract=contract, run=SimpleNamespace(follow_up=None))
    mypy = tool("mypy", base=FAILED, base_count=5)
    plan = Plan(recipe="", title="t", parameters="", steps=())
    after = CheckReport(side="head", commit="", results=())
    desk = SimpleNamespace(environment=lambda _: SimpleNamespace(versions={}))
    proof = proving.prove_change(plan, made, (mypy, suite()), after, prepared, desk)  # type: ignore[arg-type]
    counts = "mypy: 5 findings on the base branch, clean with the change"
    assert proof.unneeded == f"no Python code was changed; {counts}"


#: By what is measured: what is decided, why, and what the sentence names.
DECISIONS = {
    "green on both sides": ([tool("mypy"), suite()], {}, "open", "READY", "12 on the base branch, 13"),
    "red as on base": (
        [suite(base=FAILED, head=FAILED, base_failures=2, head_failures=2, known=2)],
        {}, "open", "READY", "2 failures already on the base branch",
    ),
    "all red as on base": (
        [suite(base=FAILED, head=FAILED, base_failures=12, head_failures=12, known=12)],
        {}, "open as draft", "READY", "check base branch tests",
    ),
    "a flaky test": (
        [suite(head=FAILED, head_failures=3, flaky=FLAKY)], {}, "open", "READY", "t::a",
    ),
    "flaky tests beside one that fails each time": (
        [suite(verdict=FAILED, new_failures=failing("t::new"), flaky=FLAKY)],
        {}, "withhold", "NEW_FAILURES", "t::new",
    ),
    "a test fails newly": (
        [suite(head=FAILED, verdict=FAILED, new_failures=failing("t.py::test_a"))],
        {}, "withhold", "NEW_FAILURES", "t.py::test_a",
    ),
    "a check is gone": (
        [suite(), tool("mypy", head=Status.ABSENT, verdict=FAILED, reason="it is gone")],
        {}, "withhold", "NEW_FAILURES", "it is gone",
    ),
    "a check proves nothing": (
        [suite(), UNPROVED], {}, "withhold", "UNVERIFIED", "the report is odd",
    ),
    "a rule blocks a finding of a tool": (
        [suite(), tool("packages", findings=(finding(Severity.BLOCK, path="a.py", line=3),))],
        {}, "withhold", "POLICY", "a.py:3",
    ),
    "no test shows the change": (
        [suite()], {"proof": Proof(missing="the change adds no test")},
        "open as draft", "READY", "proof",
    ),
    "no suite": ([tool("mypy")], {}, "withhold", "NO_TESTS", "checks.tests"),
    "a suite of nothing": (
        [suite(base_count=0, head_count=0, added=())], {}, "withhold", "NO_TESTS", "ran no test",
    ),
    "a suite that is skipped": (
        [suite(base_count=4, head_count=4, base_skipped=4, head_skipped=4, added=())],
        {}, "withhold", "NO_TESTS", "",
    ),
    "nothing under the rules of base": (
        [suite(name="tests, base rules", head_count=0), suite()],
        {}, "withhold", "NO_TESTS", "",
    ),
    "tests are switched off": ([tool("mypy")], {"runner": "off"}, "open", "READY", "turned off"),
    "tests are off, another check is red": (
        [RED_TOOL], {"runner": "off"}, "withhold", "NEW_FAILURES", "",
    ),
    "the run's minutes ended the tests": (
        [suite(head=FAILED, verdict=Status.UNMEASURABLE, unfinished=True, head_count=0)],
        {}, "open as draft", "READY", "check unfinished",
    ),
    "base breaks a tool": (
        [suite(), UNMEASURED], {}, "open", "READY", "Makemigrations cannot be measured: no module",
    ),
    "base breaks makemigrations, and models are touched": (
        [suite(), UNMEASURED], {"files": (MODELS,)}, "open as draft", "READY", "shop/models.py",
    ),
    "no test notices a part of the source": (
        [suite()], {"proof": UNNOTICED}, "open as draft", "READY", "a.py:3, b.py:9",
    ),
    "there was no time for a part, another is noticed": (
        [suite()], {"proof": Proof(hunks=RevertTrials(noticed=(A,), untried=(B,)))},
        "open", "READY", "",
    ),
    "tests notice one mistake in code that is not changed, and another not": (
        [suite()], {"proof": Proof(hunks=RevertTrials(noticed=(A,), unnoticed=(WRONG,)))},
        "open", "READY", "",
    ),
    "tests notice no mistake": (
        [suite()], {"proof": Proof(hunks=RevertTrials(unnoticed=(WRONG,)))},
        "open as draft", "READY", "a.py:3",
    ),
    "tests run through what a refactoring has edited": (
        [suite()], {"proof": KEPT},
        "open as draft", "READY", "a.py:3",
    ),
    "a person has to look": (
        [suite()], {"findings": (finding(Severity.REVIEW), finding(Severity.INFO))},
        "open as draft", "READY", "a.",
    ),
}  # fmt: skip


def name_decision(verdict: Verdict) -> str:
    if not verdict.publish:
        return "withhold"
    return "open as draft" if verdict.review else "open"


@pytest.mark.parametrize("name", DECISIONS)
def test_what_is_measured_decides(name):
    compared, more, decision, reason, named = DECISIONS[name]
    verdict = weigh(*compared, **more)
    assert name_decision(verdict) == decision
    assert verdict.publish is (decision != "withhold")
    assert verdict.reason is Reason[reason]
    assert named in verdict.sentence


def test_a_reviewer_may_say_that_a_refactoring_does_the_same():
    (open_one,) = weigh(suite(), proof=KEPT).findings
    assert open_one.is_reading
    settled = SettledFinding(finding=open_one, why="It only has another name.")
    notes = ReviewNotes(ran=True, sentence="Fine.", approves=True, settled=(settled,))
    verdict = weigh(suite(), proof=KEPT, review=notes)
    assert name_decision(verdict) == "open"
    assert "another name" in verdict.findings[0].message


def test_what_no_test_notices_is_the_author_s_and_what_was_not_tried_is_not() -> None:
    readers = ("t.py::test_text",)
    proof = Proof(missing="m", hunks=RevertTrials(unnoticed=(B,), untried=(A,), readers=readers))
    open_one, untried = weigh(suite(flaky=FLAKY), proof=proof).findings[1:]
    assert (open_one.is_reading, open_one.asks_author) == (False, True)
    assert (
        "Not counted: t.py::test_text reads the source's text, t::a is flaky." in open_one.message
    )
    assert not untried.asks_author
    assert "limits.minutes" in untried.fix


def test_only_proved_combinations_are_published():
    for base, head, verdict in product(Status, repeat=3):
        found = weigh(suite(), tool("mypy", base=base, head=head, verdict=verdict))
        is_proved = verdict is PASSED and UNVERIFIED not in (base, head)
        assert found.publish is (is_proved or verdict is Status.UNMEASURABLE)


def test_what_the_ticket_says_besides_opens_a_draft():
    asked = ("Mail everybody.",)
    assert name_decision(weigh(suite())) == "open"
    assert name_decision(weigh(suite(), not_done=asked)) == "open as draft"
    assert name_decision(weigh(suite(verdict=UNVERIFIED), not_done=asked)) == "withhold"


def test_what_a_check_says_by_the_rules_of_either_side_is_said_once():
    mine = tool("mypy", base=FAILED, base_count=5, head=FAILED, head_count=5, known=5)
    theirs = replace(mine, name="mypy, base rules")
    assert weigh(suite(), theirs, mine).sentence.count("5 findings already on the base branch") == 1
    other = replace(theirs, known=4)
    sentence = weigh(suite(), other, mine).sentence
    assert "4 findings already on the base branch" in sentence
    assert "5 findings already on the base branch" in sentence


# --- never ready without an outcome of each test ------------------------------------------------

UNREAD = f"v.py{COLLECTION}"
IDS = ("t.py::a", "t.py::b", "t.py::p[1]", "t.py::p[2]", "t.py::p[3]", "u.Case.d", UNREAD)
OUTCOMES = ("passed", "passed", "failed", "error", "skipped", "xfailed", "xpassed")


def make_up(random: Random, side: str) -> TestRun:
    """Make a run of any of the tests, with any flags."""

    def draw(ids: Sequence[str]) -> tuple[str, ...]:
        return tuple(random.sample(ids, random.randint(0, len(ids))))

    more = draw(IDS) if random.random() < 0.3 else ()
    facts: dict[str, object] = {
        "name": "tests",
        "items": tuple(
            CheckItem(item_id=item_id, outcome=random.choice(OUTCOMES)) for item_id in draw(IDS)
        ),
        "status": random.choice((PASSED, PASSED, PASSED, FAILED, *Status)),
        "unrun": more,
        "limit": random.choice(("", "", "", "time", MINUTES_LIMIT)),
        "reason": random.choice(("", "", "it ended")),
        "exit_code": random.choice((0, 1, None)),
    }
    if side == "head":
        facts |= {
            "is_partial": random.random() < 0.3,
            "unseen": draw(IDS) if random.random() < 0.3 else (),
            "blocked_tests": tuple(
                BlockedTest(item_id=item_id, outcome="gone") for item_id in draw(IDS)
            ),
        }
    return TestRun.model_validate(facts)


def test_a_change_is_ready_only_if_each_test_of_base_has_an_outcome_on_it() -> None:
    ready = 0
    for seed in range(4_000):
        random = Random(seed)
        base, head = make_up(random, "base"), make_up(random, "head")
        before, after = (
            CheckReport(side=side, commit="0" * 40, results=(run,))
            for side, run in (("base", base), ("head", head))
        )
        compared = comparison.compare_reports(before, after)
        if seed % 2:
            compared = weighing.weigh_comparisons(compared, before, after, RepoConfig(), {})
        verdict = weigh(*compared)
        if not verdict.publish or verdict.review:
            continue
        ready += 1
        tests = {item.item_id for item in base.items} - {UNREAD}
        outcomes = {item.item_id for item in head.items}
        assert tests.isdisjoint(head.unseen), seed
        assert not head.is_partial, seed
        # Sets of parameters may have other names, one for one.
        missing = Counter(comparison.name_family(name) for name in tests - outcomes)
        assert missing <= Counter(comparison.name_family(name) for name in outcomes - tests), seed
    assert ready > 50
