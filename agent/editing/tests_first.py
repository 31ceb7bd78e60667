"""The acceptance tests of a plan: written before anything else, and seen to fail."""

from __future__ import annotations

import time

from agent.domain import Change, Plan, Proof, Record
from agent.editing import opening, prompting, proving
from agent.editing.called import Objection
from agent.editing.desk import Accept, Desk
from agent.editing.gate import Refused
from agent.editing.job import Job
from agent.editing.loop import Conversation, Ended, converse
from agent.errors import EditFailed

_MOST_TURNS = 30
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
        EditFailed: They could not be shown to fail, or pass there; it says what came of them.
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
    raise EditFailed(_what_came(ended))


def _what_came(ended: Ended) -> str:
    """Say what became of tests that were not accepted."""
    if not ended.change.files:
        return f"The editing model wrote no acceptance test: {ended.why}."
    if ended.objection is None:
        return (
            "The editing model wrote acceptance tests and did not hand them in, so they were not"
            f" tried: {ended.why}."
        )
    tried = f"{ended.why}. The last attempt:\n{ended.objection.text}"
    if all(_PASSES in line for line in ended.objection.text.split("\n")):
        return (
            "The acceptance tests that the editing model wrote pass on the base commit already:"
            " either what is asked for is there, or they do not show it, and another model may"
            f" write better ones: {tried}"
        )
    return (
        "The acceptance tests could not be written so that they fail without the change and pass"
        f" the linters: {tried}"
    )


def _accept(plan: Plan, job: Job) -> Accept[Finished]:
    def accept(found: Finished, change: Change) -> Objection | None:
        until = time.monotonic() + job.step.seconds_left
        try:
            shown = proving.before_change(
                plan, change, job.prepared, job.svc, lambda: until - time.monotonic()
            )
        except Refused as problem:
            return Objection(text=f"- The tests were not tried: {problem}")
        return objection(shown, proving.remarks(change, job.prepared, job.svc))

    return accept


def objection(shown: Proof, remarks: tuple[str, ...] = ()) -> Objection | None:
    """Say which tests do not show what they have to, and what linters remark on them.

    Nobody can mend that later: the tests are closed to whoever edits the source.
    """
    problems = (*shown.problems, *remarks)
    if not problems:
        return None
    return Objection(text="\n".join(f"- {problem}" for problem in problems))
