"""The acceptance tests of a plan: written before anything else, and seen to fail."""

from __future__ import annotations

from agent.domain import Change, Plan, Proof, Reason, Record
from agent.editing import opening, prompting, proving
from agent.editing.called import Objection
from agent.editing.desk import Accept, Desk
from agent.editing.job import Job
from agent.editing.loop import Conversation, converse
from agent.errors import EditFailed, TicketUnclear

_MOST_TURNS = 30
_WHAT_FAILS = (
    "Tests for what is asked pass on the base commit already. What is it that does not work, and"
    " with which input?"
)
_PASSES = "passes without the change"


class Finished(Record):
    """What a model says when it is done."""

    summary: str
    """For the reviewer: what changed, and what they should look at."""


FINISH = ("finish", "Say that you are done.", Finished)


def write(plan: Plan, job: Job, *, failed: str = "") -> Change:
    """Have the tests written, and see them red on the base commit.

    Args:
        failed: What became of an earlier attempt with other tests, in words for the model.

    Raises:
        TicketUnclear: They pass there: what is asked for is there already, or not described.
        EditFailed: They could not be shown to fail.
    """
    base = Change(base_commit=job.prepared.checkout.commit, files=())
    if not plan.tests or job.prepared.contract.config.checks.tests.runner == "off":
        return base
    name = f"tests {job.number}"
    told = job.step(
        f"{name} opening", opening.of_tests, plan, failed, job.ticket, job.prepared, job.svc
    )
    about = Conversation(
        name=name,
        role="editor",
        prompt=prompting.prompt("tests", job.prepared),
        opening=told,
        desk=Desk(job, FINISH, _accept(plan, job), phase="tests"),
        change=base,
        most_turns=_MOST_TURNS,
    )
    ended = converse(about, job)
    if ended.form:
        return ended.change
    last = ended.objection
    if last is not None and last.reason is Reason.UNCLEAR:
        raise TicketUnclear(
            (_WHAT_FAILS,),
            understood=plan.title,
        )
    more = f" The last attempt:\n{last.text}" if last else ""
    raise EditFailed(
        "The acceptance tests could not be written so that they fail without the change and pass"
        f" the linters: {ended.why}.{more}"
    )


def _accept(plan: Plan, job: Job) -> Accept[Finished]:
    def accept(found: Finished, change: Change) -> Objection | None:
        shown = proving.before_change(plan, change, job.prepared, job.svc)
        return objection(shown, proving.remarks(change, job.prepared, job.svc))

    return accept


def objection(shown: Proof, remarks: tuple[str, ...] = ()) -> Objection | None:
    """Say which tests do not show what they have to, and what linters remark on them.

    Nobody can mend that later: the tests are closed to whoever edits the source.
    """
    problems = (*shown.problems, *remarks)
    if not problems:
        return None
    passing = bool(shown.problems) and all(_PASSES in problem for problem in shown.problems)
    return Objection(
        text="\n".join(f"- {problem}" for problem in problems),
        reason=Reason.UNCLEAR if passing else Reason.EDIT_FAILED,
    )
