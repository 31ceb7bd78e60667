"""The plan of a model, or why it makes none, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from agent import worktree
from agent.domain import (
    Category,
    Change,
    ChangedFile,
    Contract,
    Finding,
    Plan,
    Record,
    Severity,
)
from agent.editing import forms
from agent.editing.job import Job
from agent.editing.tools import Forms
from agent.errors import ForPeople, TicketUnclear, TooLarge
from agent.policy.content import paths
from agent.policy.proposal import Proposal
from repo_config.tree import Tree

_MOST_QUESTIONS = 8
_LONGEST_QUESTION = 500


class SubmittedPlan(Record):
    """A plan, as a model hands it in."""

    title: str = Field(pattern=r"\S", max_length=72)
    category: Category
    steps: tuple[Annotated[str, Field(max_length=500)], ...] = Field(min_length=1, max_length=10)
    files: tuple[str, ...] = Field(max_length=200)


class Questions(Record):
    """What people have to answer first."""

    questions: tuple[str, ...]


class Declined(Record):
    """Why no change is made."""

    why: str
    fits: str
    tickets: tuple[str, ...] = ()


FORMS: Forms = {
    "plan": ("Say what will be done, in 10 lines at most; title is imperative.", SubmittedPlan),
    "ask": ("Ask people, and end.", Questions),
    "decline": ("Leave it to people: why, what would fit, tickets to split it into.", Declined),
}


def read(form: str) -> Plan:
    """Read a plan that was handed in, as JSON."""
    found = SubmittedPlan.model_validate_json(form)
    return Plan(
        recipe="",
        title=forms.plain(" ".join(found.title.split())),
        parameters="",
        steps=found.steps,
        category=found.category,
        files=found.files,
    )


def problems(plan: Plan, job: Job) -> str:
    """Say what stands against a plan; empty: nothing."""
    checkout, contract = job.base.checkout, job.base.contract
    tree = worktree.open_tree(checkout, job.svc.base_folder(job.base.run))
    shut = closed(plan.files, tree, contract, checkout.commit)
    found = [f"{one.path} {one.message} {one.fix}" for one in shut]
    return "\n".join((*found, "Plan without these files, or decline.")) if found else ""


def closed(
    touched: Iterable[str], tree: Tree, contract: Contract, commit: str
) -> tuple[Finding, ...]:
    """Return what the scope has against touching these paths, there or new."""
    present = frozenset(tree.paths())
    contents = {path: tree.read(path) if path in present else None for path in sorted({*touched})}
    files = (
        ChangedFile(path=path, before=content, after=content or b"")
        for path, content in contents.items()
    )
    planned = Change(base_commit=commit, files=tuple(files))
    found = paths.check(Proposal(planned, contract.config, contract.project, tree))
    return tuple(one for one in found if one.severity is Severity.BLOCK)


def declined(name: str, form: str, job: Job) -> TicketUnclear | TooLarge | ForPeople:
    """Give a model's questions, or its reasons to make no change, as its own words.

    Args:
        name: Of the form.
        form: As JSON.
    """
    inside = job.svc.redactor.inside
    if name == "ask":
        asked = inside(Questions.model_validate_json(form)).questions
        return TicketUnclear(tuple(map(_one_line, asked[:_MOST_QUESTIONS])))
    found, model = inside(Declined.model_validate_json(form)), job.answered("editor")
    said = f"“{_one_line(found.why)}”. What would make it fit: “{_one_line(found.fits)}”."
    if not found.tickets:
        return ForPeople(f"{model} leaves this to people. In its words: {said}")
    listed = "\n".join(f"- {_one_line(one)}" for one in found.tickets[:_MOST_QUESTIONS])
    return TooLarge(f"{model} takes this for several changes. In its words: {said}\n{listed}")


def _one_line(words: str) -> str:
    return " ".join(words.split())[:_LONGEST_QUESTION]
