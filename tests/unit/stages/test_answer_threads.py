"""What is told in a pull request that people have worked on while a round was under way."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.editing import attempts
from agent.editing.loop import ConversationOver
from agent.errors import Cancelled
from agent.models.change import Change, ChangedFile, Plan
from agent.models.code_host import Remote
from agent.models.environment import Checkout
from agent.models.pulls import BranchState, ProjectCheck, PullSnapshot, Thread
from agent.models.record import replace
from agent.models.run import FollowUp
from agent.models.task import FollowUpItem, ItemAnswer, PullContext, Task
from agent.policy.line_rules import CONFLICT_MARKS
from agent.publishing import thread_answers
from agent.stages import publish, respond
from agent.text.redaction import Redactor
from tests import run_samples
from tests.unit.stages import code_host_runs
from tests.unit.stages.test_follow_up_threads import comment, thread

PULL = PullSnapshot(
    number=7, url="https://h/o/r/pull/7", state="open", draft=False, title="t", body="As we wrote.",
    branch="b", head="a" * 40, base_branch="main",
)  # fmt: skip


class Pulls:
    """Keeps what is said of a pull request."""

    def __init__(self, now: PullSnapshot) -> None:
        self.now = now
        self.resolved: list[str] = []
        self.bodies: list[str] = []

    def read_pull(self, run, number):
        return self.now

    def reply_in_thread(self, run, number, thread, words, *, key):
        return "https://h/o/r/pull/7#discussion_r9"

    def resolve_thread(self, run, thread):
        self.resolved.append(thread.thread_id)
        return True

    def rewrite_text(self, run, number, body):
        self.bodies.append(body)


def published(
    asked: Thread | ProjectCheck,
    now: PullSnapshot,
    *,
    pulls: Pulls | None = None,
    stopped: bool = False,
) -> Pulls:
    commit, run = "a" * 40, run_samples.run(1)
    remote = Remote(
        name="o/r", url="https://h/o/r.git", default_branch="main", author="us[bot]", email="us@h"
    )
    plan = Plan(recipe="", title="t", parameters="", steps=())
    context = PullContext(
        about=FollowUp(of="r0", pull=7, round=1, kind="review"), remote=remote, pull=PULL, plan=plan
    )
    checkout = Checkout(
        repository="o/r", mirror="/m", commit=commit, base_branch="main", nearest_tag=None
    )
    branch_state = BranchState(
        checkout=checkout, change=Change(base_commit=commit, files=()), head=commit, tip=commit,
        tree=commit,
    )  # fmt: skip
    of = {"check" if isinstance(asked, ProjectCheck) else "thread": asked}
    item = FollowUpItem.model_validate({"number": 1, "about": "Rename it.", "text": "", **of})
    task = Task(
        ticket=code_host_runs.TICKET, recipe="",
        start=branch_state, pull=context, items=(item,),
    )  # fmt: skip
    pulls = pulls or Pulls(now)
    desk = SimpleNamespace(
        code_host=pulls,
        stopped=SimpleNamespace(is_set=lambda: stopped),
        redactor=Redactor(()),
        say=lambda words: None,
        run_folder=lambda run: Path("/runs"),
    )
    said = ItemAnswer(item=1, end="commit", text="Renamed.")
    publish.publish_result(task, None, (), (said,), SimpleNamespace(run=run), desk)
    return pulls


def test_what_a_merge_edits_besides_its_conflicts_is_named():
    def make_change(**texts: bytes) -> Change:
        files = (ChangedFile(path=path, before=None, after=text) for path, text in texts.items())
        return Change(base_commit="a" * 40, files=tuple(files))

    start = SimpleNamespace(change=make_change(a=b"<<<", b=b"1", c=b"1"), conflicts=("a",))
    shown = thread_answers.show_solutions(
        SimpleNamespace(start=start), make_change(a=b"2", b=b"1", d=b"1")
    )
    assert shown.endswith("The same commit also edits files without a conflict: `c`, `d`.")


def test_a_conflict_that_a_model_left_unsolved_is_called_that():
    marks = CONFLICT_MARKS.make_finding("a.py", "contains a merge conflict", "Merge it.", 3)
    done = ItemAnswer(item=1, end="commit", text="Both are kept.", by_model=True)
    (answer,) = thread_answers.withhold_answers((done,), None, (marks,))
    assert (answer.end, answer.by_model) == ("human", False)
    assert answer.text.endswith("not published. A conflict was left unsolved in a.py.")


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_model_that_only_edits_is_not_said_to_have_done_nothing(monkeypatch, is_changed):
    def end():
        raise ConversationOver("time was up")

    ended = SimpleNamespace(next_draft=end, is_changed=is_changed)
    monkeypatch.setattr(attempts, "continue_draft", lambda *_: ended)
    plan = Plan(recipe="", title="t", parameters="", steps=())
    item = FollowUpItem(number=1, about="Rename it.", text="")
    start = SimpleNamespace(change=Change(base_commit="a" * 40, files=()))
    context = SimpleNamespace(
        task=SimpleNamespace(items=(item,), start=start), desk=SimpleNamespace(has_editor=True),
        preparation=SimpleNamespace(finish=lambda: None),
    )  # fmt: skip
    _, (answer,), _ = respond.answer_by_model((), plan, context)
    assert answer.text.startswith("The model edited files" if is_changed else "The model did not")


READ = thread(comment(1, "maria", "Rename it."), comment(2, "stranger", ""))


@pytest.mark.parametrize(
    ("now", "resolved"),
    [
        ([comment(1, "maria", "Rename it."), comment(2, "stranger", "Evil.")], True),
        ([comment(1, "maria", "Leave it!"), comment(2, "stranger", "Evil.")], False),
        ([comment(1, "maria", "Rename it."), comment(3, "maria", "And test it.")], False),
    ],
)
def test_a_thread_is_resolved_only_where_it_still_says_what_was_answered(now, resolved):
    pulls = published(READ, replace(PULL, threads=(thread(*now),)))
    assert bool(pulls.resolved) is resolved


def test_what_people_have_written_into_the_text_meanwhile_stays_there():
    pulls = published(READ, replace(PULL, body="As people write it."))
    (body,) = pulls.bodies
    assert body.startswith("As people write it.\n\n<!-- mergewright:asked -->")


def test_a_follow_up_that_is_stopped_says_nothing():
    pulls = Pulls(PULL)
    with pytest.raises(Cancelled):
        published(READ, PULL, pulls=pulls, stopped=True)
    assert (pulls.resolved, pulls.bodies) == ([], [])


def test_TC8_a_text_that_is_full_is_left_as_it_is():
    pulls = published(READ, replace(PULL, body="x" * 65_000))
    assert pulls.bodies == []
