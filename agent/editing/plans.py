"""The plan of a model, or why it makes none, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterable

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
from agent.editing.job import Job
from agent.errors import ForPeople, TicketUnclear, TooLarge
from agent.policy.content import paths
from agent.policy.proposal import Proposal
from repo_config.tree import Tree

_MOST_STEPS = 10
_LONGEST_STEP = 500
_LONGEST_TITLE = 72
_MOST_FILES = 200
_MOST_QUESTIONS = 8
_LONGEST_QUESTION = 500


class SubmittedPlan(Record):
    """A plan, as a model hands it in."""

    title: str
    category: Category
    steps: tuple[str, ...]
    files: tuple[str, ...]


class Questions(Record):
    """What people have to answer first."""

    questions: tuple[str, ...]


class Declined(Record):
    """Why no change is made."""

    why: str
    fits: str
    tickets: tuple[str, ...] = ()


FORMS: dict[str, tuple[str, type[Record]]] = {
    "ask": ("Ask people, and end.", Questions),
    "decline": (
        "Leave it to people: why, what would fit, tickets to split it into.",
        Declined,
    ),
}


def read(form: str) -> Plan:
    """Read a plan that was handed in, as JSON."""
    found = SubmittedPlan.model_validate_json(form)
    return Plan(
        recipe="",
        title=found.title,
        parameters="",
        steps=found.steps,
        category=found.category,
        files=found.files,
    )


def problems(plan: Plan, job: Job) -> str:
    """Say what stands against a plan; empty: nothing."""
    title = plan.title
    found: list[str] = []
    if not title.strip() or len(title) > _LONGEST_TITLE or not title.isprintable():
        found.append(f"`title` has to be one line of at most {_LONGEST_TITLE} characters.")
    if not 1 <= len(plan.steps) <= _MOST_STEPS or max(map(len, plan.steps)) > _LONGEST_STEP:
        found.append(f"`steps` has to have 1 to {_MOST_STEPS} lines of {_LONGEST_STEP} characters.")
    if len(plan.files) > _MOST_FILES:
        return "\n".join((*found, f"`files` may name {_MOST_FILES} files."))
    checkout, contract = job.base.checkout, job.base.contract
    tree = worktree.open_tree(checkout, job.svc.base_folder(job.base.run))
    shut = closed(plan.files, tree, contract, checkout.commit)
    found += [f"{one.path} {one.message} {one.fix}" for one in shut]
    if shut:
        found.append("Plan without these files, or decline.")
    return "\n".join(found)


def closed(
    touched: Iterable[str], tree: Tree, contract: Contract, commit: str
) -> tuple[Finding, ...]:
    """Return what the scope has against touching these paths, there or new."""
    present = frozenset(tree.paths())
    contents = {path: tree.read(path) if path in present else None for path in sorted({*touched})}
    planned = Change(
        base_commit=commit,
        files=tuple(
            ChangedFile(path=path, before=content, after=content or b"")
            for path, content in contents.items()
        ),
    )
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
