"""The decision table: what is published, what is withheld, and the sentence for maintainers."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from random import Random

import pytest

from agent.checks import compare
from agent.checks.check import MINUTES_LIMIT
from agent.checks.suite import PASSING
from agent.checks.test_pairs import name_family
from agent.models.change import Change, ChangedFile, ClearedChange, Finding, Severity
from agent.models.checks import (
    COLLECTION,
    AnyComparison,
    CheckItem,
    CheckReport,
    LintComparison,
    RepeatedTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.environment import Contract
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import Judgement, Proof, ReviewNotes, SettledFinding, SourcePart
from agent.models.run import Reason
from agent.stages import decide
from repo_config.schema import RepoConfig
from tests.unit.checks.samples import compare_sides
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
    is_partial: bool = False,
) -> Verdict:
    change = Change(base_commit="0" * 40, files=files, not_done=not_done)
    cleared = ClearedChange(change=change, findings=findings)
    config = RepoConfig.model_validate({"checks": {"tests": runner}})
    contract = Contract(config=config, project=make_project(), source=None)
    nothing = CheckReport(side="head", commit="0" * 40, results=())
    judged = Judgement(
        ran=nothing, compared=compared, proof=proof or Proof(), is_partial=is_partial
    )
    return decide.decide_verdict(judged, cleared, contract, review)


def finding(severity: Severity, **more: object) -> Finding:
    given = {"rule": "paths", "path": "a", "line": None, "message": "is.", "fix": "Do.", **more}
    return Finding.model_validate({"severity": severity, **given})


RED_TOOL = tool("mypy", verdict=FAILED, new_failures=failing("x", outcome="finding"))
UNPROVED = tool("makemigrations", verdict=UNVERIFIED, reason="the report is odd")
UNMEASURED = tool(
    "makemigrations", base=Status.UNMEASURABLE, verdict=Status.UNMEASURABLE, reason="no module"
)
MODELS = ChangedFile(path="shop/models.py", before=b"a = 1\n", after=b"a = 2\n")
NO_ALEMBIC = replace(UNMEASURED, name="alembic check")
UPGRADED = tool("alembic upgrade")
COLUMNS = ChangedFile(
    path="shop/order.py",
    before=b"class Order(Base):\n    note: Mapped[str]\n",
    after=b"class Order(Base):\n    note: Mapped[int]\n",
)
REVISION = ChangedFile(
    path="db/versions/b.py", before=None, after=b"revision = 'b'\ndown_revision = 'a'\n"
)
A, B = SourcePart(path="a.py", line=3), SourcePart(path="b.py", line=9)
WRONG = replace(A, kind="mistake", text="`<` in place of `>=`")
REMOVAL = replace(A, is_removal=True)
KEPT = Proof(is_refactoring=True, unneeded_parts=(A,))
UNNOTICED = Proof(unneeded_parts=(A,), untried=(B,))
FLAKY = (RepeatedTest(item_id="t::a", base="failed", head="passed", place="tests/test_a.py:3"),)


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
    "a test fails newly, and one is skipped": (
        [suite(verdict=FAILED, new_failures=failing("t::a") + failing("b", outcome="skipped"))],
        {}, "withhold", "NEW_FAILURES", "fails with the change but not without it, and 1 test no",
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
    "one of the first checks had failed": (
        [suite()], {"is_partial": True}, "withhold", "NEW_FAILURES", "Not all checks have run",
    ),
    "tests are off, another check is red": (
        [RED_TOOL], {"runner": "off"}, "withhold", "NEW_FAILURES", "",
    ),
    "tests are switched off": ([tool("mypy")], {"runner": "off"}, "open", "READY", "turned off"),
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
    "base breaks alembic's check, and columns are touched": (
        [suite(), UPGRADED, NO_ALEMBIC], {"files": (COLUMNS,)},
        "open as draft", "READY", "shop/order.py",
    ),
    "base breaks alembic's check, and a migration is applied": (
        [suite(), UPGRADED, NO_ALEMBIC], {"files": (COLUMNS, REVISION)},
        "open", "READY", "cannot be measured",
    ),
    "base breaks all of alembic, and columns are touched with a migration": (
        [suite(), NO_ALEMBIC], {"files": (COLUMNS, REVISION)},
        "open as draft", "READY", "shop/order.py, db/versions/b.py",
    ),
    "base breaks alembic's check, and models change otherwise": (
        [suite(), NO_ALEMBIC], {"files": (MODELS,)}, "open", "READY", "cannot be measured",
    ),
    "no test notices a part of the source": (
        [suite()], {"proof": UNNOTICED}, "open as draft", "READY", "a.py:3, b.py:9",
    ),
    "there was no time for a part, another is noticed": (
        [suite()], {"proof": Proof(needed=(A,), untried=(B,))}, "open", "READY", "",
    ),
    "tests notice one mistake in code that is not changed, and another not": (
        [suite()], {"proof": Proof(needed=(A,), unneeded_parts=(WRONG,))}, "open", "READY", "",
    ),
    "tests notice no mistake": (
        [suite()], {"proof": Proof(unneeded_parts=(WRONG,))}, "open as draft", "READY", "a.py:3",
    ),
    "no test needs what a refactoring has edited": (
        [suite()], {"proof": KEPT}, "open as draft", "READY", "a.py:3",
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


def test_what_no_test_needs_is_the_author_s_and_what_was_not_tried_is_not() -> None:
    proof = Proof(missing="m", unneeded_parts=(B, REMOVAL), untried=(A,))
    open_one, removal, untried = weigh(suite(flaky=FLAKY), proof=proof).findings[1:]
    assert (open_one.is_reading, open_one.asks_author) == (False, True)
    assert open_one.message.endswith("Not counted: t::a is flaky.")
    # Whether the ticket asks for what goes is a matter of reading.
    assert removal.is_reading
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


# --- never ready without an outcome of each test ------------------------------------------------

UNREAD = f"v.py{COLLECTION}"
IDS = ("t.py::a", "t.py::b", "t.py::p[1]", "t.py::p[2]", "t.py::p[3]", "u.Case.d", UNREAD)
OUTCOMES = ("passed", "passed", "failed", "error", "skipped", "xfailed", "xpassed")


def make_up(random: Random, side: str) -> TestRun:
    """Make a run of any of the tests, with any flags."""

    def draw(ids: Sequence[str]) -> tuple[str, ...]:
        return tuple(random.sample(ids, random.randint(0, len(ids))))

    # Many are alike on both sides, or no change would ever be ready.
    ids = IDS if random.random() < 0.4 else draw(IDS)
    outcomes = OUTCOMES if random.random() < 0.5 else ("passed",)
    more = draw(IDS) if random.random() < 0.3 else ()
    facts: dict[str, object] = {
        "name": "tests",
        "items": tuple(
            CheckItem(
                item_id=item_id,
                outcome=random.choice(outcomes),
                file=item_id.partition("::")[0].removesuffix(COLLECTION),
            )
            for item_id in ids
        ),
        "status": random.choice((PASSED, PASSED, PASSED, FAILED, *Status)),
        "unrun": more,
        "limit": random.choice(("", "", "", "time", MINUTES_LIMIT)),
        "reason": random.choice(("", "", "it ended")),
        "exit_code": random.choice((0, 1, None)),
        "is_partial": side == "head" and random.random() < 0.3,
    }
    return TestRun.model_validate(facts)


def test_a_change_is_ready_only_if_each_test_of_base_has_an_outcome_on_it() -> None:
    ready, contract = 0, Contract(config=RepoConfig(), project=make_project(), source=None)
    for seed in range(4_000):
        random = Random(seed)
        base, head = make_up(random, "base"), make_up(random, "head")
        versions = random.choice((None, make_up(random, "versions")))
        touched = random.choice(((), ("t.py",), ("t.py", "v.py")))
        again = {"as_base": None} if random.random() < 0.1 else {}
        before, after = (
            CheckReport(side=side, commit="0" * 40, results=(run,), is_partial=run.is_partial)
            for side, run in (("base", base), ("head", head))
        )
        compared = compare_sides(before, after, versions, *touched, **again)
        compared = compare.add_rule_findings(compared, before, after, contract)
        verdict = weigh(*compared, is_partial=head.is_partial)
        if not verdict.publish or verdict.review:
            continue
        ready += 1
        assert not head.is_partial, seed
        tests = {item.item_id: item.outcome for item in base.items if item.item_id != UNREAD}
        outcomes = {item.item_id: item.outcome for item in head.items}
        assert not any(
            outcomes[item_id] not in PASSING
            for item_id in tests.keys() & outcomes
            if tests[item_id] == "passed"
        ), seed
        # Sets of parameters may have other names, one for one.
        missing = Counter(
            map(name_family, [*tests.keys() - outcomes, *{*base.unrun} - {*outcomes}])
        )
        assert missing <= Counter(map(name_family, outcomes.keys() - tests)), seed
    assert ready > 50, ready
