"""Runs of an issue on a small real repository, as far as the last stages need them."""

from pathlib import Path

from agent.desk import Desk, Memory
from agent.git import branches, worktree
from agent.models.change import Change, ChangedFile, ClearedChange, Plan
from agent.models.checks import CheckReport, Status, TestComparison
from agent.models.code_host import Remote
from agent.models.environment import Prepared
from agent.models.outcome import Outcome, Verdict
from agent.models.record import replace
from agent.models.review import ReviewNotes
from agent.models.run import Reason, Run
from agent.models.ticket import Ticket
from agent.publishing.evidence import DecidedChange
from agent.settings import Settings
from agent.stages import publish
from repo_config.schema import RepoConfig
from tests import run_samples
from tests.fakes import FakeCodeHost
from tests.integration import git_samples
from tests.run_contexts import make_prepared, make_task
from tests.unit.trees import make_environment

TICKET = Ticket(ticket_id="42", title="Log, do not print", body="", digest="d" * 64)
SNAPSHOT = run_samples.snapshot(
    42, 1, repository="shop/app", host="https://forge.example", title="Log, do not print", body="",
    issue_id=9, author="ada", actor="grace", actor_id=2, approved_at="2026-11-20T12:00:00Z",
)  # fmt: skip
REMOTE = Remote(
    name="shop/app",
    url="https://forge.example/shop/app.git",
    default_branch="main",
    author="mergewright[bot]",
    email="1+mergewright[bot]@users.noreply.forge.example",
)
READY = Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails that did not before.")
RED = Verdict(publish=False, reason=Reason.NEW_FAILURES, sentence="tests: 1 test fails.")
TESTS = TestComparison(
    name="tests", base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED,
    base_count=4, head_count=6, added=("a", "b"),
)  # fmt: skip
PLAN = Plan(recipe="add-django-field", title="Log instead of printing", parameters="{}", steps=())


def record_pushes(monkeypatch) -> list[tuple[str, str, Change]]:
    """Record what is pushed to REMOTE, which nobody serves: branch, message, change."""
    pushed: list[tuple[str, str, Change]] = []
    made: dict[str, tuple[str, Change]] = {}
    make, push, find = worktree.make_commit, worktree.push_commit, branches.find_head

    def make_commit(base, change, message, **more):
        commit = make(base, change, message, **more)
        made[commit] = message, change
        return commit

    def push_commit(base, commit, branch, url, token, **more):
        if url != REMOTE.url:
            return push(base, commit, branch, url, token, **more)
        pushed.append((branch, *made[commit]))
        return branch

    monkeypatch.setattr(worktree, "make_commit", make_commit)
    monkeypatch.setattr(worktree, "push_commit", push_commit)
    monkeypatch.setattr(
        branches, "find_head", lambda url, *more: find(url, *more) if url != REMOTE.url else None
    )
    monkeypatch.setattr(FakeCodeHost, "commits", pushed, raising=False)
    return pushed


def run(*, on_forge: bool = True, repository: str = "", **facts: object) -> Run:
    return run_samples.run(
        42, run_id="20261120-120000-a1b2c3d4", repository=repository or REMOTE.url,
        snapshot=SNAPSHOT if on_forge else None, started=1_700_000_000, **facts,
    )  # fmt: skip


def services(home: Path, code_host: FakeCodeHost, **settings: object) -> tuple[Desk, list[str]]:
    said: list[str] = []
    made = Desk(
        settings=Settings(home=home, **settings),
        code_host=code_host,
        sandbox=None,  # type: ignore[arg-type] # nothing here opens a sandbox
        index=None,  # type: ignore[arg-type] # or asks the index
        say=said.append,
    )
    return made, said


def change_of(*paths: str) -> Change:
    """A change that edits these files."""
    files = tuple(ChangedFile(path=path, before=b"", after=b"x") for path in paths)
    return Change(base_commit="a" * 40, files=files)


class Remembered(Memory):
    """Knows what a test says."""

    def __init__(self, *, guidance=(), earlier=(), history=()) -> None:
        self._known = tuple(guidance), earlier, history

    def list_guidance(self, run_id):
        return self._known[0]

    def list_earlier_pulls(self, run):
        return self._known[1]

    def list_history(self, run):
        return self._known[2]


def prepared(
    folder: Path,
    home: Path,
    files: dict[str, str | bytes] | None = None,
    *,
    config: RepoConfig | None = None,
    on_forge: bool = True,
    dry_run: bool = False,
) -> Prepared:
    if not folder.exists():
        git_samples.make(folder, {"a.py": "x = 1\n", **(files or {})})
    base = worktree.prepare_checkout(str(folder), None, home / "mirrors")
    made = run(on_forge=on_forge, repository="" if on_forge else str(folder), dry_run=dry_run)
    detected = {"python_version": "3.11", "test_runner": "pytest"}
    return make_prepared(made, base, make_environment(), config, **detected)


def decided(
    base: Prepared,
    *,
    verdict: Verdict = READY,
    path: str = "a.py",
    before: bytes | None = b"x = 1\n",
    after: bytes = b"x = 1\ny = 2\n",
    title: str = PLAN.title,
    compared: tuple[TestComparison, ...] = (TESTS,),
) -> DecidedChange:
    file = ChangedFile(path=path, before=before, after=after)
    change = Change(base_commit=base.checkout.commit, files=(file,), notes=("Added `y`.",))
    return DecidedChange(
        ticket=TICKET,
        plan=replace(PLAN, title=title),
        cleared=ClearedChange(change=change, findings=()),
        after=CheckReport(side="head", commit="a" * 40, results=()),
        compared=compared,
        notes=ReviewNotes(ran=False, sentence="Not run."),
        verdict=verdict,
    )


def publish_change(base: Prepared, made: DecidedChange, desk: Desk) -> Outcome:
    task = make_task(made.ticket, base.checkout)
    return publish.publish_result(task, made, (), (), base, desk)
