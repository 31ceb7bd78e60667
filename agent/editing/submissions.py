"""What a model hands in, and what stands against it: plan, answers, or why nothing is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Literal

from pydantic import Field

from agent.editing import forms
from agent.editing.run_context import RunContext
from agent.editing.tools import Forms, Submit
from agent.errors import ForPeople, TicketUnclear, TooLarge
from agent.git import worktree
from agent.models.change import ChangedFile, Finding, Plan, Severity
from agent.models.outcome import ThreadResult
from agent.models.record import Record
from agent.models.review_items import ItemAnswer, ReviewItem
from agent.models.ticket import Category
from agent.policy.content import paths
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_MOST_QUESTIONS = 8
_LONGEST_QUESTION = 500
_ENDS: dict[str, ThreadResult] = {"done": "commit", "answered": "reply", "beyond": "reply"}


class SubmittedPlan(Record):
    title: str = Field(pattern=r"\S", max_length=72)
    category: Category
    steps: tuple[Annotated[str, Field(max_length=500)], ...] = Field(min_length=1, max_length=10)
    files: tuple[str, ...] = Field(max_length=200)


class Question(Record):
    question: str
    suggestion: str
    """The answer that the model would take."""


class Questions(Record):
    questions: tuple[Question, ...]


class Declined(Record):
    why: str
    fits: str
    tickets: tuple[str, ...] = ()
    refused_by: str = Field(default="", max_length=300)
    """Path of the contributing notes that refuse changes by machines."""


class SubmittedAnswer(Record):
    item: int
    became: Literal["done", "answered", "beyond", "person"]
    words: str = Field(pattern=r"\S", max_length=1_500)


class SubmittedAnswers(Submit):
    """A change, with an answer to each review item."""

    summary: str = ""
    answers: tuple[SubmittedAnswer, ...] = ()


FORMS: Forms = {
    "plan": ("In 10 lines at most; title is imperative.", SubmittedPlan),
    "ask": ("Ask people what can be answered in a line each, and end.", Questions),
    "decline": ("Leave it to people: why, what would fit, tickets to split it into.", Declined),
}


def read_plan(form: str) -> Plan:
    found = SubmittedPlan.model_validate_json(form)
    return Plan(
        recipe="",
        title=forms.flatten_text(" ".join(found.title.split())),
        parameters="",
        steps=found.steps,
        category=found.category,
        files=found.files,
    )


def find_plan_problems(plan: Plan, run_context: RunContext) -> str:
    """Name the files of a plan that may not be touched; empty: none."""
    base = run_context.base
    tree = worktree.open_tree(base.checkout, run_context.svc.base_folder(base.run))
    closed = find_closed(plan.files, tree, base.contract.config)
    found = [f"{one.path} {one.message} {one.fix}" for one in closed]
    return "\n".join((*found, "Plan without these files, or decline.")) if found else ""


def find_closed(touched: Iterable[str], tree: Tree, config: RepoConfig) -> tuple[Finding, ...]:
    """Return what the scope has against touching these paths, there or new."""
    present = frozenset(tree.paths())
    limits = paths.Limits(config, present)
    contents = {path: tree.read(path) if path in present else None for path in sorted({*touched})}
    checked = (
        limits.check(ChangedFile(path=path, before=content, after=content or b""))
        for path, content in contents.items()
    )
    found = chain(limits.faults, *checked)
    return tuple(one for one in found if one.severity is Severity.BLOCK)


def read_refusal(
    name: str, form: str, run_context: RunContext
) -> TicketUnclear | TooLarge | ForPeople:
    """Turn a model's questions, or its reasons to make no change, into an error in its words.

    Args:
        name: Of the form.
        form: As JSON.
    """
    redact = run_context.svc.redactor.redact_record
    if name == "ask":
        asked = redact(Questions.model_validate_json(form)).questions
        return TicketUnclear(
            tuple(
                f"{_flatten(one.question)} Suggested: {_flatten(one.suggestion)}"
                for one in asked[:_MOST_QUESTIONS]
            )
        )
    found, model = redact(Declined.model_validate_json(form)), run_context.find_last_model("editor")
    said = f"“{_flatten(found.why)}”. What would make it fit: “{_flatten(found.fits)}”."
    if found.refused_by:
        return ForPeople(explain_refused(f"`{_flatten(found.refused_by).replace('`', '')}`"))
    if not found.tickets:
        return ForPeople(f"{model} leaves this to people. In its words: {said}")
    listed = "\n".join(f"- {_flatten(one)}" for one in found.tickets[:_MOST_QUESTIONS])
    return TooLarge(f"{model} takes this for several changes. In its words: {said}\n{listed}")


def explain_refused(notes: str) -> str:
    """Say that a repository takes no changes by machines, and what its owner can do."""
    return (
        f"This repository refuses changes that machines make ({notes}). Its owner can allow them:"
        " `contributions: allow` in .github/mergewright.yml."
    )


def read_answers(found: SubmittedAnswers) -> tuple[ItemAnswer, ...]:
    return tuple(
        ItemAnswer(
            item=one.item,
            end=_ENDS.get(one.became, "human"),
            text=one.words.strip(),
            by_model=True,
            is_beyond_ticket=one.became == "beyond",
        )
        for one in sorted(found.answers, key=lambda one: one.item)
    )


def find_answer_problems(
    found: SubmittedAnswers, items: tuple[ReviewItem, ...], *, is_edited: bool
) -> list[str]:
    """List contradictions among answers, items and edits, for the model."""
    wanted = Counter(one.number for one in items)
    given = Counter(one.item for one in found.answers)
    wrong = [f"matter {one} has no answer" for one in wanted - given]
    wrong += [f"there is no matter {one}, or it is answered already" for one in given - wanted]
    is_done = any(one.became == "done" for one in found.answers)
    if is_done and not is_edited:
        wrong.append("nothing was edited, so no matter is done")
    if is_edited and not is_done:
        wrong.append("files were edited, so at least one matter is done; else undo the edits")
    return wrong


def _flatten(words: str) -> str:
    return " ".join(words.split())[:_LONGEST_QUESTION]
