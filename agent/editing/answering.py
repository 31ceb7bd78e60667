"""A model answers the review of a pull request: it edits, and says what becomes of each matter."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from agent.agenda import Answer, Matter
from agent.domain import Change, End, Plan, Record
from agent.editing import opening, prompting
from agent.editing.called import Objection
from agent.editing.desk import Accept, Desk
from agent.editing.job import Job
from agent.editing.loop import Conversation, Ended, converse
from agent.editing.rounds import LAST, Draft
from agent.errors import EditFailed

_LONGEST = 1_500
_ENDS: dict[str, End] = {
    "done": "commit",
    "answered": "reply",
    "beyond": "reply",
    "person": "human",
}


def _without_docstring(schema: dict[str, Any]) -> None:
    """Tell a model no more than it needs."""
    del schema["description"]


class SubmittedAnswer(Record):
    """What becomes of a matter, as a model hands it in; what is left out is found missing."""

    model_config = ConfigDict(json_schema_extra=_without_docstring)

    matter: int = 0
    became: Literal["done", "answered", "beyond", "person"] = "person"
    words: str = ""


class SubmittedAnswers(Record):
    """Answers to all matters, as a model hands them in."""

    answers: tuple[SubmittedAnswer, ...]


def answer(
    plan: Plan, matters: tuple[Matter, ...], standing: Change, job: Job
) -> tuple[Draft, tuple[Answer, ...]]:
    """Have matters seen to on top of a change; return what it is then, and an answer to each.

    Args:
        plan: Of the change as it stands.
        standing: The change as it stands.

    Raises:
        EditFailed: No answers came that hold together.
    """
    name = f"answer {job.number}"
    told = job.step(
        f"{name} opening", opening.of_answer, plan, standing, matters, job.ticket, job.prepared,
        job.svc,
    )  # fmt: skip
    form = ("finish", "Say that you are done.", SubmittedAnswers)
    about = Conversation(
        name=name,
        role="editor",
        prompt=prompting.prompt("answer", job.prepared),
        opening=told,
        desk=Desk(job, form, _accept(matters, standing), phase="answer"),
        change=standing,
    )
    return _read(converse(about, job), plan, standing)


def _read(ended: Ended, plan: Plan, standing: Change) -> tuple[Draft, tuple[Answer, ...]]:
    if not ended.form:
        raise EditFailed(f"The editing model did not answer what was asked: {ended.why}.")
    found = SubmittedAnswers.model_validate_json(ended.form)
    answers = tuple(
        Answer(
            matter=one.matter,
            end=_ENDS[one.became],
            words=one.words.strip(),
            by_model=True,
            beyond=one.became == "beyond",
        )
        for one in found.answers
    )
    nothing = Change(base_commit=standing.base_commit, files=())
    # What was said of it so far still holds.
    change = ended.change.model_copy(update={"notes": standing.notes})
    draft = Draft(plan=plan, tests=nothing, change=change, words=_said(found), attempt=LAST)
    return draft, tuple(sorted(answers, key=lambda one: one.matter))


def _said(found: SubmittedAnswers) -> str:
    """Give what a model says of its edits, for the text of the pull request."""
    return "\n".join(one.words.strip() for one in found.answers if one.became == "done")


def _accept(matters: tuple[Matter, ...], standing: Change) -> Accept[SubmittedAnswers]:
    def accept(found: SubmittedAnswers, change: Change) -> Objection | None:
        problems = _problems(found, change, matters, standing)
        return Objection(text="\n".join(f"- {one}" for one in problems)) if problems else None

    return accept


def _problems(
    found: SubmittedAnswers, change: Change, matters: tuple[Matter, ...], standing: Change
) -> list[str]:
    """Say what does not hold together, for the model."""
    wanted = [one.number for one in matters]
    given = [one.matter for one in found.answers]
    problems = [f"matter {one} has no answer" for one in wanted if one not in given]
    problems += [f"there is no matter {one}" for one in dict.fromkeys(given) if one not in wanted]
    problems += [
        f"matter {one} has several answers" for one in dict.fromkeys(given) if given.count(one) > 1
    ]
    for one in found.answers:
        if not one.words.strip():
            problems.append(f"the answer to matter {one.matter} has no words")
        if len(one.words) > _LONGEST:
            problems.append(f"the answer to matter {one.matter} is over {_LONGEST} characters")
    edited = change.digest != standing.digest
    done = [one.matter for one in found.answers if one.became == "done"]
    if done and not edited:
        problems.append("nothing was edited, so no matter is done")
    if edited and not done:
        problems.append("files were edited, so at least one matter is done; else undo the edits")
    return problems
