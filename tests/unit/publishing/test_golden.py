"""Texts as people see them, word for word; `GOLDEN=write` writes them anew to be looked at."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import TicketUnclear
from agent.models.base_report import BaseCheck, BaseReport
from agent.models.change import Finding, Plan, Severity
from agent.models.checks import (
    CheckItem,
    CheckReport,
    CommandComparison,
    LintComparison,
    LintRun,
    RepeatedTest,
    RewrittenTest,
    Status,
    TestComparison,
    TestRun,
)
from agent.models.model_use import AuthorWords, ChangedBehaviour, ModelUse, ModelWork
from agent.models.outcome import Outcome, PullRequest, RunFigures, ThreadOutcome, Verdict
from agent.models.record import replace
from agent.models.review import Proof, ProofRow, Remark, ReviewNotes, SourcePart
from agent.models.run import Reason, RunState
from agent.models.run_facts import Progress, StageMark
from agent.models.ticket import Ticket
from agent.publishing import pull_request_content, status, text, threads
from agent.telemetry.signature import Seal
from agent.text.redaction import Redactor
from tests.unit.publishing.samples import cleared, evidence_of_issue, plan
from tests.unit.stages import code_host_runs

GOLDEN = Path(__file__).parent / "golden"
PAGE = "https://m.example/runs/r1"
RUN = code_host_runs.run()


def clean(name: str) -> LintComparison:
    return LintComparison(name=name, base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED)


ADDED = ("tests/test_total.py::test_first_price", "tests/test_total.py::test_no_price")
TESTS = TestComparison(
    name="tests", base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED,
    base_count=214, head_count=216, base_skipped=3, head_skipped=3,
    added=ADDED,
)  # fmt: skip
CLEAN = tuple(map(clean, ("ruff check", "django check", "makemigrations", "mypy")))
REPORT = CheckReport(
    side="head", commit="b" * 40,
    results=tuple(
        (TestRun if name == "tests" else LintRun)(
            name=name, status=Status.PASSED, command=tuple(command.split()),
            items=tuple(CheckItem(item_id=guidance, outcome="passed") for guidance in ADDED),
        )
        for name, command in {
            "ruff check": "ruff check .", "django check": "python manage.py check",
            "makemigrations": "python manage.py makemigrations --check", "mypy": "mypy",
            "tests": "python -m pytest",
        }.items()
    ),
)  # fmt: skip
READY = Verdict(publish=True, reason=Reason.READY, sentence="No new failures in 5 checks.")
USES = (
    ModelUse(
        role="editor", model="anthropic:one", calls=7, input_tokens=40_000, cached_tokens=31_000,
        output_tokens=1_200, usd=0.1234, seconds=41.26,
    ),
    ModelUse(
        role="reviewer", model="openai:two", calls=1, input_tokens=6_000, cached_tokens=0,
        output_tokens=200, usd=0.02, seconds=4.0,
    ),
)  # fmt: skip
WORK = ModelWork(
    uses=USES,
    claims=AuthorWords(
        summary="The slice began at 1.\n\nTo review:\n\n- `total` with one price\n- that `None` stays",
        behaviour=(
            ChangedBehaviour(
                before="`total([2, 3])` is 3: the first is left out", after="It is 5."
            ),
        ),
        left_out="Taxes: the ticket names no rate.",
    ),
    rounds=(
        "1 problem. Tests: 1 test fails with the change but not without it: t::a.",
        "passed",
    ),
)
PROOF = Proof(
    rows=(
        ProofRow(
            name="tests/test_total.py::test_first_price", without="failed",
            error="assert 5 == 7", with_change="passed",
        ),
        ProofRow(name=ADDED[1], without="passed", with_change="passed"),
    ),
    needed=(SourcePart(path="shop/prices.py", line=3),),
)  # fmt: skip
REVIEW = ReviewNotes(
    ran=True, approves=True, model="openai:two",
    sentence="openai:two reviewed the change: 1 remark. It approves the change.",
    remarks=(Remark(text="A name such as `prices` would be clearer.", path="shop/prices.py", line=3),),
)  # fmt: skip


TICKET = Ticket(
    ticket_id="42", title="The total leaves the first price out", body="", digest="d" * 64
)
MADE_BY_MODEL = {
    "ticket": TICKET,
    "plan": plan("Sum all prices"),
    "done": pull_request_content.list_deeds(
        code_host_runs.change_of("shop/prices.py", "tests/test_total.py"), by_model=True
    ),
    "compared": (*CLEAN, TESTS),
    "after": REPORT,
    "verdict": READY,
    "work": WORK,
    "proof": PROOF,
    "notes": REVIEW,
}


NICKNAME = "shop/tests/test_customer_nickname.py::test_customer_has_nickname"
NICKNAME_PROOF = ProofRow(
    name=NICKNAME, without="failed", with_change="passed",
    error="django.core.exceptions.FieldDoesNotExist: Customer has no field named 'nickname'",
)  # fmt: skip
WHOLE = CommandComparison(
    name="whole suite", base=Status.ABSENT, head=Status.PASSED, verdict=Status.PASSED
)


def recipe() -> str:
    return text.render_pull_request(
        evidence_of_issue(
            plan=plan("Add nickname to Customer", "add-django-field"),
            done=(
                "Added `nickname = CharField(max_length=50, blank=True)` to `shop.Customer` in `shop/models.py`.",
                "Added a test in `shop/tests/test_customer_nickname.py`.",
                "Django made `shop/migrations/0002_customer_nickname.py`.",
            ),
            compared=(
                *CLEAN,
                replace(TESTS, head_count=215, added=(NICKNAME,)),
                WHOLE,
            ),
            after=REPORT,
            verdict=READY,
            proof=Proof(rows=(NICKNAME_PROOF,)),
            seal=Seal(digest="d" * 64, key="c" * 64),
        )
    )


def model_with_proof() -> str:
    return text.render_pull_request(evidence_of_issue(**MADE_BY_MODEL))


def finding(
    severity: Severity, rule: str, path: str, line: int | None, message: str, fix: str = ""
) -> Finding:
    return Finding(rule=rule, severity=severity, path=path, line=line, message=message, fix=fix)


TIMEOUT = "Pass `timeout=` in seconds."


def draft_with_findings() -> str:
    review, info = Severity.REVIEW, Severity.INFO
    return text.render_pull_request(
        evidence_of_issue(
            **MADE_BY_MODEL
            | {
                "cleared": cleared(
                    finding(info, "size", "shop/prices.py", None, "The file has 700 lines."),
                    finding(
                        review,
                        "http-timeout",
                        "shop/prices.py",
                        9,
                        "No `timeout` is given.",
                        TIMEOUT,
                    ),
                    finding(
                        review, "http-timeout", "shop/rates.py", 5, "`timeout` is None.", TIMEOUT
                    ),
                    finding(
                        review, "proof", "shop/prices.py", 21, "Reverting this breaks no test."
                    ),
                    *(
                        finding(review, "n-plus-one", "shop/views.py", at, "A query in a loop.")
                        for at in (*range(30, 39), 50)
                    ),
                ),
                "verdict": replace(READY, review=("shop/prices.py:9",)),
                "proof": replace(
                    PROOF,
                    needed=(SourcePart(path="shop/prices.py", line=3),),
                    unneeded_parts=(SourcePart(path="shop/prices.py", line=21),),
                ),
            }
        )
    )


def draft_not_measurable() -> str:
    reason = "django.core.exceptions.ImproperlyConfigured: set SECRET_KEY (config/settings.py:9)"
    broken = LintComparison(
        name="makemigrations", base=Status.UNMEASURABLE, head=Status.UNMEASURABLE,
        verdict=Status.UNMEASURABLE, reason=reason,
    )  # fmt: skip
    flaky = replace(TESTS, base_failures=3, head_failures=4, known=3, flaky=(RepeatedTest(item_id="tests/test_mail.py::test_sent"),))  # fmt: skip
    found = finding(
        Severity.REVIEW, "makemigrations", "shop/models.py", None,
        "`makemigrations --check` cannot run on the base branch, so model and migration drift is unchecked.",
    )  # fmt: skip
    prepared = evidence_of_issue().prepared
    unrun = {
        "pre-commit hooks": ("codespell", "mdformat`", "pyupgrade", "zizmor", "end-of-file", "x"),
        "jobs of CI": ("make docs", "npm ci"),
    }
    project = replace(
        prepared.contract.project,
        unrun=unrun,
        absent=("submodule vendor/data", "1 Git LFS file, such as tests/a.bin"),
        index_hosts={"a.example": "uv.lock"},
    )
    contract = replace(prepared.contract, project=project)
    return text.render_pull_request(
        evidence_of_issue(
            prepared=replace(prepared, contract=contract),
            plan=plan("Add a stock field", "add-django-field"),
            done=("Added `stock` to shop.Product in shop/models.py.",),
            compared=(clean("mypy"), broken, flaky),
            cleared=cleared(found),
            after=REPORT,
            verdict=replace(READY, review=("shop/models.py",)),
        )
    )


def draft_with_a_changed_test() -> str:
    old = RewrittenTest(
        item_id="tests/test_total.py::test_rounds", outcome="failed", text="assert 5 == 4",
    )  # fmt: skip
    found = finding(
        Severity.REVIEW, "test-rewritten", "tests/test_total.py", None,
        "`test_rounds` passes only as this change has it.", "Compare both versions in the diff.",
    )  # fmt: skip
    words = (
        f"{found.message}\nReviewed by openai:two: “The ticket asks for {'it and ' * 45} not up.”"
    )
    settled = replace(found, severity=Severity.INFO, path="tests/test_tax.py", message=words)
    return text.render_pull_request(
        evidence_of_issue(
            **MADE_BY_MODEL
            | {
                "compared": (*CLEAN, replace(TESTS, rewritten=(old,))),
                "cleared": cleared(found, settled),
                "verdict": replace(READY, review=("tests/test_total.py",)),
            }
        )
    )


RED = replace(TESTS, head=Status.FAILED, verdict=Status.FAILED, head_failures=1, new_failures=(
            CheckItem(
                item_id="shop/tests/test_export.py::test_every_field", outcome="failed",
                place="shop/tests/test_export.py:9",
                text="AssertionError: assert ['id', 'name', 'nickname'] == ['id', 'name']",
            ),
        ))  # fmt: skip


def withheld() -> str:
    sentence = (
        "Tests: 1 test fails with the change but not without it:"
        " shop/tests/test_export.py::test_every_field."
    )
    reason = Reason.NEW_FAILURES
    made = evidence_of_issue(
        plan=plan("Add nickname to Customer"),
        done=("Added `nickname` to shop.Customer in shop/models.py.",),
        diff="--- a/shop/models.py\n+++ b/shop/models.py\n+    nickname = models.CharField()\n",
        compared=(*CLEAN, RED),
        after=REPORT,
        verdict=Verdict(publish=False, reason=reason, sentence=sentence),
        branch=None,
        commit=None,
    )
    return ended(reason, sentence, text.render_withheld(made))


def ended(reason: Reason, sentence: str, words: str | None = None) -> str:
    """The comment of a run that made no pull request."""
    outcome = Outcome(run_id="r1", state=reason.state, reason=reason, sentence=sentence)
    words = words or text.render_stopped(outcome, code_host_runs.TICKET, f"{PAGE}/log", run=RUN)
    outcome = replace(outcome, files=replace(outcome.files, text=words))
    return status.render_end(RUN, outcome, PAGE)


def stopped() -> str:
    return ended(
        Reason.ENVIRONMENT,
        "The dependencies cannot be installed: uv found no version.\n× No solution found: because\n"
        "django>=9 is not there, the requirements are unsatisfiable.",
    )


def question() -> str:
    unclear = TicketUnclear(
        ("Which type has `nickname`? Suggested: CharField.", "May it be empty? Suggested: yes."),
        "Fill in this form to answer:\n  Model: shop.Customer\n  Field type: …",
    )
    return ended(Reason.UNCLEAR, unclear.message)


def follow_up() -> str:
    ends = (
        ThreadOutcome(
            thread_id="T1", place="inline", about="shop/prices.py:3: Why a slice?",
            url="https://forge.example/shop/app/pull/9#r1", kind="commit", commit="c" * 40,
            text="The slice is gone.", by_model=True, last_comment_id=1, resolved=True,
        ),
        ThreadOutcome(
            thread_id="T2", place="inline", about="shop/prices.py:9: And taxes?",
            url="https://forge.example/shop/app/pull/9#r2", kind="human",
            text="Taxes are no part of the ticket.", by_model=True, last_comment_id=1,
        ),
    )  # fmt: skip
    again = {**MADE_BY_MODEL, "work": WORK.add_earlier(USES[:1]), "earlier_rounds": 1}
    body = text.render_pull_request(evidence_of_issue(**again, left=1))
    return threads.replace_section(
        body, threads.write_section(ends, ("Brought up to date with main.",))
    )


def proposed_configuration() -> str:
    configuration = "version: 1\npython:\n  version: '3.12'\n"
    return text.render_onboarding(RUN, BASE, configuration, Redactor())


BASE = BaseReport(
    commit="c" * 40, branch="main", set_up="By a template.", python="3.12.4", packages=31,
    setup=("uv sync --frozen",), setup_seconds=41.2, services=("PostgreSQL 15",),
    hosts=("pypi.org",), attempt_seconds=97.0, minutes=30, usd=3.0,
    unrun={"jobs of CI": ("tox -e docs",)},
    checks=(
        BaseCheck(
            name="mypy", command="mypy .", result=Status.UNMEASURABLE, counts="", failing=(),
            reason="mypy could not check the code (exit code 2): a|b", failing_count=0, seconds=2.0,
        ),
        BaseCheck(
            name="tests", command="python -m pytest", result=Status.FAILED, reason="",
            counts="214 tests: 207 passed, 7 failed", failing_count=7, seconds=33.5,
            failing=tuple(f"tests/test_total.py::test_{number}" for number in range(7)),
        ),
    ),
)  # fmt: skip


def status_comment() -> str:
    """At work, then with its result."""
    stages = (
        StageMark(stage="Read the issue", state="done"),
        StageMark(stage="Make the change", state="done"),
        StageMark(stage="Run the checks", state="running", begun=1_000.0),
        StageMark(stage="Publish", state="waiting"),
    )
    plan = Plan(
        recipe="", title="Sum all prices", parameters="", steps=("Drop the slice.", "Test.")
    )
    progress = Progress(
        stages=stages, plan=plan, seconds=70.0, most_minutes=30,
        replies=3, usd=0.12, most_usd=3.0,
    )  # fmt: skip
    pull = PullRequest(
        number=9, url="https://g/9", draft=True, notes=("ann was not asked to review (no access)",)
    )
    outcome = Outcome(
        run_id="r1", state=RunState.OPEN, reason=Reason.READY, pull_request=pull,
        sentence="No new failures in 5 checks.", figures=RunFigures(models=USES),
    )  # fmt: skip
    working = status.render_working(RUN, progress, PAGE)
    return f"{working}\n\n---\n\n{status.render_end(RUN, outcome, PAGE)}"


KINDS: tuple[Callable[[], str], ...] = (
    recipe, model_with_proof, draft_with_findings, draft_not_measurable, draft_with_a_changed_test,
    withheld, stopped, follow_up, question, proposed_configuration, status_comment,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_text_is_this(kind: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "read_clock", lambda: RUN.started + 53.0)
    path, words = GOLDEN / f"{kind.__name__}.md", kind()
    if os.environ.get("GOLDEN") == "write":
        path.write_text(words)
    assert words == path.read_text()
    assert len(words.partition("<details>")[0]) <= 6_000
    assert all(sign.isprintable() or sign == "\n" for sign in words), "it holds invisible signs"
