"""Stores full of runs, and the folder of one run that has everything a page can show."""

import json
import random
import time
from pathlib import Path

from agent.backtest import folders
from agent.models.backtest import BacktestResult, End
from agent.models.change import Finding, Plan, Severity
from agent.models.checks import (
    CheckItem,
    CheckReport,
    LintComparison,
    Status,
    TestComparison,
)
from agent.models.model_use import ModelUse
from agent.models.outcome import Outcome, PullRequest
from agent.models.review import Judgement, Proof, ProofRow, SourcePart
from agent.models.run import Reason, Run, RunState
from agent.settings import Settings
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import make_row
from agent.telemetry import signature
from agent.telemetry.run_events import RunEvents
from tests import outcomes, run_samples

REPOSITORIES = ("corner-shop/shop", "corner-shop/warehouse", "octo/api", "octo/site", "ann/notes")
PEOPLE = ("maria", "carl", "noor", "li")
CATEGORIES = ("bug", "feature", "refactor", "tests", "docs", "typing", "dependency")
TITLES = (
    "Customers need a nickname", "Export fails for orders without a customer",
    "Replace requests by httpx in the billing client", "Write tests for the discount rules",
    "Add types to the public functions of inventory", "The README names a command that is gone",
)  # fmt: skip
FAILURES = (
    Reason.NEW_FAILURES, Reason.UNCLEAR, Reason.POLICY, Reason.ENVIRONMENT, Reason.BUDGET_SPENT,
    Reason.CANCELLED,
)  # fmt: skip
ACTIVE = (RunState.RECEIVED, RunState.EDITING, RunState.CHECKING, RunState.AWAITING_APPROVAL)
DAY = 86_400.0
GOLDEN = Path(__file__).parents[1] / "publishing/golden/draft_with_findings.md"


def make_run(number: int, at: float, repository: str = REPOSITORIES[0], **changed: object) -> Run:
    title = str(changed.pop("title", TITLES[number % len(TITLES)]))
    owner_at = REPOSITORIES.index(repository) if repository in REPOSITORIES else 90
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(at))
    host = "https://github.example"
    snapshot = run_samples.snapshot(
        number, 100 + owner_at, repository=repository, host=host, title=title,
        body="A text of some length. " * 20, actor=PEOPLE[number % len(PEOPLE)], actor_id=7,
        approved_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at - 30)),
    )  # fmt: skip
    return run_samples.run(
        number, run_id=f"{stamp}-{number:016x}", repository=f"{host}/{repository}.git",
        snapshot=snapshot, started=int(at), **changed,
    )  # fmt: skip


def make_outcome(run: Run, reason: Reason, luck: random.Random) -> Outcome:
    issue = run.snapshot.issue
    is_done = reason is Reason.READY
    use = ModelUse(
        role="editor", model="openai:gpt-large", calls=luck.randint(4, 20),
        input_tokens=luck.randint(20_000, 400_000), cached_tokens=9_000,
        output_tokens=luck.randint(900, 9_000), usd=round(luck.uniform(0.05, 2), 4), seconds=40.0,
    )  # fmt: skip
    by_model = luck.random() < 0.8
    return outcomes.make_outcome(
        run_id=run.run_id, state=reason.state, reason=reason,
        sentence="Nothing new fails, in 5 checks. Tests: 214 on base, 216 with the change, 2 new."
        if is_done else f"The run ended: {reason.value.replace('_', ' ')}. What to do is said here.",
        branch=f"mergewright/{issue.number}-change" if is_done else None,
        commit="f" * 40 if is_done else None, digest="d" * 64 if is_done else None,
        pull_request=PullRequest(
            number=issue.number + 5000,
            url=f"https://github.example/{issue.repository}/pull/{issue.number + 5000}",
        ) if is_done else None,
        checks=make_checks(), category=luck.choice(CATEGORIES),
        recipe="" if by_model else "add-django-field",
        first_round=Reason.READY if luck.random() < 0.7 else Reason.NEW_FAILURES,
        models=(use,) if by_model else (),
    )  # fmt: skip


def make_checks(failing: bool = False) -> tuple[LintComparison | TestComparison, ...]:
    broken = CheckItem(
        item_id="tests/test_orders.py::test_export[<b>x</b>]", outcome="failed",
        text="AssertionError: assert 3 == 4", place="tests/test_orders.py:31",
    )  # fmt: skip
    names = ("ruff check", "mypy", "django check", "makemigrations")
    others = [
        LintComparison(name=name, base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED,
                   seconds=1.2)
        for name in names
    ]  # fmt: skip
    tests = TestComparison(
        name="tests", base=Status.PASSED, head=Status.FAILED if failing else Status.PASSED,
        verdict=Status.FAILED if failing else Status.PASSED, base_count=214,
        head_count=216, new_failures=(broken,) if failing else (),
        head_failures=int(failing), added=("a", "b"), seconds=31.0,
    )  # fmt: skip
    return (*others, tests)


def fill(store: SqlRunStore, count: int, *, days: float = 200, seed: int = 1) -> None:
    """Put so many runs into a store at once, most of them over."""
    luck, now = random.Random(seed), time.time()
    with store._database.write() as session:
        for number in range(1, count + 1):
            at = now - days * DAY * (1 - number / count) - luck.uniform(0, 3000)
            run = make_run(number, at, luck.choice(REPOSITORIES))
            is_active = number > count - min(6, count // 4)
            reason = Reason.READY if luck.random() < 0.7 else luck.choice(FAILURES)
            outcome = None if is_active else make_outcome(run, reason, luck)
            took = luck.uniform(40, 1500)
            state = luck.choice(ACTIVE) if is_active else outcome.state
            if outcome and reason is Reason.READY and at < now - 2 * DAY:
                state = RunState.MERGED if luck.random() < 0.8 else RunState.CLOSED
            row = make_row(run, at)
            row.state, row.active, row.outcome = state, is_active, outcome
            row.started_at = None if state is RunState.RECEIVED else at
            row.ended_at = None if is_active else at + took
            if is_active and state in (RunState.EDITING, RunState.CHECKING):
                row.worker = "worker 1"
            row.plan_asked = "0a1b2c3d" if state is RunState.AWAITING_APPROVAL else None
            row.pull = outcome.pull_request.number if outcome and outcome.pull_request else None
            session.add(row)


DIFF = """\
diff --git a/shop/models.py b/shop/models.py
index 59e7fb0..0d69397 100644
--- a/shop/models.py
+++ b/shop/models.py
@@ -7,6 +7,7 @@ class Customer(models.Model):
     name = models.CharField(max_length=100)
     email = models.EmailField(unique=True)
-    joined = models.DateTimeField()
+    joined = models.DateTimeField(auto_now_add=True)
+    nickname = models.CharField(max_length=50, blank=True)  # <script>alert(1)</script>

     class Meta:
         ordering = ["name"]
diff --git a/shop/tests/test_nickname.py b/shop/tests/test_nickname.py
new file mode 100644
index 0000000..6135e5b
--- /dev/null
+++ b/shop/tests/test_nickname.py
@@ -0,0 +1,4 @@
+from shop.models import Customer
+
+def test_customer_has_a_nickname():
+    assert Customer._meta.get_field("nickname").max_length == 50
"""
PLAN = Plan(
    recipe="", title="Give customers a nickname", parameters="",
    steps=("Write a test that fails", "Add the field with its migration", "Show it in the admin"),
    files=("shop/models.py", "shop/tests/test_nickname.py"),
)  # fmt: skip
FINDINGS = (
    Finding(rule="migration-safety", severity=Severity.REVIEW, path="shop/models.py", line=10,
            message="The column gets a default that locks the table.", fix="Add it as nullable."),
    Finding(rule="size", severity=Severity.INFO, path="docs/index.md", line=None,
            message="A file outside of the plan was touched.", fix=""),
)  # fmt: skip


def write_folder(home: Path, run: Run, outcome: Outcome | None, begun: float) -> Path:
    """Write the events and the log of a run; without an outcome it is under way."""
    folder = home / "runs" / run.run_id
    folder.mkdir(parents=True)
    events = RunEvents(folder / "events.jsonl")
    events.append("run", "begun", version="0.1.0", run_record=run.model_dump(mode="json"), log="x")
    at = begun
    proof = Proof(
        rows=(ProofRow(name="test_customer_has_a_nickname", without="failed",
                       error="FieldDoesNotExist: no field 'nickname'", with_change="passed"),),
        needed=(SourcePart(path="shop/models.py", line=10),),
        unneeded_parts=(SourcePart(path="shop/models.py", line=9),),
    )  # fmt: skip
    ran = CheckReport(side="head", commit="a" * 40, results=())
    judged = Judgement(ran=ran, compared=make_checks(), proof=proof)
    steps: tuple[tuple[str, float, object], ...] = (
        ("read ticket", 0.2, None), ("triage", 0.4, None), ("checkout", 2.1, None),
        ("plan opening", 0.1, None), ("plan 1 reply", 7.5, None), ("plan 1 calls", 0.1, None),
        ("plan", 0.1, PLAN.model_dump(mode="json")),
        ("environment", 21.0, ENVIRONMENT), ("baseline", 33.2, None),
        ("edit 1 1 reply", 9.0, None), ("edit 1 1 calls", 2.0, None), ("edit 1 2 reply", 8.0, None),
        ("policy 1", 0.3, {"findings": [finding.model_dump(mode="json") for finding in FINDINGS]}),
        ("checks 1", 47.0, judged.model_dump(mode="json")),
    )  # fmt: skip
    for name, seconds, result in steps if outcome else steps[:11]:
        events.note(name, "started", at=at)
        events.note(name, "done", seconds=seconds, **({"result": result} if result else {}))
        at += seconds
    for turn in (1, 2, 3):
        _write_turn(events, turn)
    events.note("model", "change.drafted", round=1, change_digest="d" * 64, diff=DIFF)
    if outcome is None:
        events.note("checks 1", "started", at=at)
    else:
        events.append("run", "ended", outcome=outcome.model_dump(mode="json"), text="")
        (folder / "pull_request.md").write_text(
            GOLDEN.read_text() + "\n\n<img src=x onerror=alert(1)>\n"
        )
        signature.sign_run(folder, signature.load_key(Settings(home=home)))
    lines = [f"10:{number // 60:02}:{number % 60:02} line {number}" for number in range(60)]
    (folder / "run.log").write_text(
        "\n".join([*lines, "<script>alert(1)</script> \x1b[31mred", ""])
    )
    return folder


ENVIRONMENT = {
    "key": "k", "path": "/e", "gate_path": "/g", "scripts_path": "/s",
    "interpreter": {"version": "3.11.2", "path": "/usr/bin/python3.11"},
    "sources": ["pyproject.toml"],
    "packages": ["django==5.2.19", "pytest==9.2.0", "ruff==0.17.6"],
}  # fmt: skip


def _write_turn(events: RunEvents, turn: int) -> None:
    at = {"conversation": "edit 1", "turn": turn}
    asked = [{"kind": "asked", "text": "Here is the ticket. <script>alert(1)</script>"}]
    events.note("model", "model.asked", **at, role="editor", digest="d", messages=asked)
    call = {"call_id": "c", "name": "bash", "arguments": json.dumps({"command": "pytest -q"})}
    edit = {"path": "shop/models.py", "old": "a = 1\nb = 2\n", "new": "a = 1\nb = 3\n"}
    changed = {"call_id": "e", "name": "replace", "arguments": json.dumps(edit)}
    reply = {
        "model": "openai:gpt-large", "text": "I add the field, then its test. <img src=x>",
        "calls": [call, changed], "usage": {"input_tokens": 9120, "output_tokens": 240}, "cost_usd": 0.021,
        "seconds": 4.1,
    }  # fmt: skip
    events.note("model", "model.answered", **at, digest="d", reply=reply)
    result = {"call_id": "c", "name": "bash", "content": "2 passed\n" * 30, "failed": turn == 2}
    events.note("model", "model.called", **at, results=[result], change_digest="d")


def write_backtest(
    home: Path, title: str, name: str = "20261127-101500-1", *, resolved: bool = False,
    model: str = "openai:gpt-large",
) -> None:  # fmt: skip
    """Keep a backtest of which one task is resolved and another ready, and wrong by default."""
    folder = home / "backtest" / "campaigns" / name
    folder.mkdir(parents=True, exist_ok=True)
    order = {"tasks": [{"repo": "octo/api"}] * 3, "command": f"mergewright backtest {title}"}
    (folder / "order.json").write_text(json.dumps(order))
    row = BacktestResult(
        instance_id="x-1", title=title, end=End.READY, resolved=resolved, patch=DIFF, merged=DIFF,
        failing=() if resolved else ("tests/test_orders.py::test_export",), model=model, usd=1.25,
    )  # fmt: skip
    folders.add_row(folder, row)
    solved = BacktestResult(instance_id="a-1", title="Solved", end=End.READY, resolved=True)
    folders.add_row(folder, solved)
