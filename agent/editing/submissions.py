"""The forms that a model submits, besides `submit` itself, and their problems."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Literal

from pydantic import Field

from agent.editing import forms
from agent.editing.forms import (
    LONGEST_BEHAVIOUR,
    MOST_BEHAVIOUR,
    MOST_SUMMARY,
    Forms,
    Submit,
)
from agent.editing.run_context import RunContext
from agent.errors import RunStopped, TicketUnclear
from agent.models.change import ChangedFile, Finding, Plan, Severity
from agent.models.model_use import AuthorWords, ChangedBehaviour
from agent.models.outcome import ThreadResult
from agent.models.run import Reason
from agent.models.sandbox import SANDBOX_TREE
from agent.models.task import FollowUpItem, ItemAnswer
from agent.models.ticket import Category
from agent.policy import paths
from agent.text import sanitise
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

_MOST_QUESTIONS = 8
_LONGEST_QUESTION = 500
_LONGEST_TITLE, _LONGEST_STEP, _MOST_STEPS, _MOST_PLANNED = 72, 500, 20, 200
_GLOB_SIGNS = re.compile(r"[*?\[]")
_CUT = f"[cut at {MOST_SUMMARY:,} characters]"
_TOO_LONG = f"Your summary was cut at {MOST_SUMMARY:,} characters: submit a shorter one."
_ENDS: dict[str, ThreadResult] = {"done": "commit", "answered": "reply", "person": "human"}


class SubmittedPlan(forms.Form):
    """Say what you will do, before the first edit."""

    title: str = forms.show_limits(pattern=r"\S", maxLength=_LONGEST_TITLE)
    """Imperative, as of a commit."""
    category: Category
    steps: tuple[str, ...] = Field(min_length=1)
    files: tuple[str, ...]
    """Paths that will change; also folders and globs."""


class Question(forms.Form):
    question: str
    """A question that can be answered in one line."""
    suggestion: str
    """The answer that you would choose."""


class Questions(forms.Form):
    """Ask the maintainers, and end: a new run begins with their answers."""

    questions: tuple[Question, ...]


class Declined(forms.Form):
    """Leave the ticket to a person, and end."""

    why: str
    fits: str
    """What would make it fit."""
    tickets: tuple[str, ...] = ()
    """To split it into."""
    refused_by: str = Field(default="", max_length=300)
    """Path of the contributing notes that refuse changes by machines."""


class SubmittedAnswer(forms.Form):
    item: int
    became: Literal["done", "answered", "person"]
    words: str = forms.show_limits(pattern=r"\S", maxLength=MOST_SUMMARY)
    """To the person who asked."""


class FollowUpSubmission(Submit):
    """Run all checks on the change, with an answer to each item of the review."""

    summary: str = ""
    answers: tuple[SubmittedAnswer, ...] = ()


FORMS: Forms = {"plan": SubmittedPlan, "ask": Questions, "decline": Declined}


def read_words(form: Submit) -> tuple[AuthorWords, str]:
    """Read a model's description of its change; also return a note that it was cut, or ""."""
    summary = form.summary
    if isinstance(form, FollowUpSubmission) and not summary.strip():
        done = (answer.words.strip() for answer in form.answers if answer.became == "done")
        summary = "\n".join(done)
    words = AuthorWords(
        summary=_cut_words(summary),
        behaviour=tuple(
            ChangedBehaviour(
                before=sanitise.shorten(line.before, LONGEST_BEHAVIOUR),
                after=sanitise.shorten(line.after, LONGEST_BEHAVIOUR),
            )
            for line in form.behaviour[:MOST_BEHAVIOUR]
        ),
        left_out=_cut_words(form.left_out),
    )
    long = max(len(summary.strip()), len(form.left_out.strip())) > MOST_SUMMARY
    return words, _TOO_LONG * long


def _cut_words(words: str) -> str:
    cut = sanitise.cut_words(words, MOST_SUMMARY - len(_CUT))
    return words.strip() if len(words.strip()) <= MOST_SUMMARY else f"{cut} {_CUT}"


def read_plan(form: SubmittedPlan) -> Plan:
    """Read a plan; make its title one line, normalise its paths, and cut what is too long."""
    title = forms.flatten_text(form.title, len(form.title))
    named = (
        posixpath.normpath(file.strip().removeprefix(f"{SANDBOX_TREE}/"))
        for file in form.files
        if file.strip()
    )
    return Plan(
        recipe="",
        title=sanitise.shorten(title, _LONGEST_TITLE),
        parameters="",
        steps=tuple(sanitise.cut_words(step, _LONGEST_STEP) for step in form.steps[:_MOST_STEPS]),
        category=form.category,
        files=tuple(dict.fromkeys(named))[:_MOST_PLANNED],
    )


def find_plan_problems(plan: Plan, run_context: RunContext) -> str:
    """Describe the files of a plan that may not be touched; empty: none.

    Glob patterns are not judged here but at the submit, by the files that were edited.
    """
    config, tree = run_context.base.contract.config, run_context.desk.open_base(run_context.base)
    paths = [path for path in plan.files if not _GLOB_SIGNS.search(path)]
    closed = find_closed(paths, tree, config)
    messages = dict.fromkeys(f"{item.path} {item.message} {item.fix}" for item in closed)
    return "\n".join((*messages, "Plan without these files, or decline.")) if messages else ""


def find_closed(touched: Iterable[str], tree: Tree, config: RepoConfig) -> tuple[Finding, ...]:
    """Return the scope's findings that forbid edits of these paths, which may be new."""
    present = frozenset(tree.paths())
    limits = paths.PathRules(config, present)
    contents = {path: tree.read(path) if path in present else None for path in sorted({*touched})}
    checked = (
        limits.check(ChangedFile(path=path, before=content, after=content or b""))
        for path, content in contents.items()
    )
    findings = chain(limits.faults, *checked)
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCK)


def read_refusal(form: forms.Form, run_context: RunContext) -> RunStopped:
    """Return an error with a model's questions, or with its reasons to make no change."""
    redact = run_context.desk.redactor.redact_record
    if isinstance(form, Questions):
        return TicketUnclear(
            tuple(
                f"{_flatten(asked.question)} Suggested: {_flatten(asked.suggestion)}"
                for asked in redact(form).questions[:_MOST_QUESTIONS]
            )
        )
    assert isinstance(form, Declined), form  # noqa: S101
    declined = redact(form)
    model = run_context.account.find_last_model("editor")
    why, fits = _flatten(declined.why), _flatten(declined.fits)
    reason = f"“{why}”. What would make it fit: “{fits}”."
    if declined.refused_by:
        path = _flatten(declined.refused_by).replace("`", "")
        return RunStopped(explain_refused(f"`{path}`"), Reason.FOR_PEOPLE)
    if not declined.tickets:
        return RunStopped(f"{model} leaves this to a person: {reason}", Reason.FOR_PEOPLE)
    listed = "\n".join(f"- {_flatten(ticket)}" for ticket in declined.tickets[:_MOST_QUESTIONS])
    words = f"{model} says that this is several changes: {reason}\n{listed}"
    return RunStopped(words, Reason.TOO_LARGE)


def explain_refused(notes: str) -> str:
    """Explain that a repository refuses machine-made changes, and what its owner can do."""
    return (
        f"This repository refuses machine-made changes ({notes}). Its owner can allow them:"
        " `contributions: allow` in .github/mergewright.yml."
    )


def read_answers(form: FollowUpSubmission) -> tuple[ItemAnswer, ...]:
    return tuple(
        ItemAnswer(
            item=answer.item,
            end=_ENDS[answer.became],
            text=sanitise.cut_words(answer.words, MOST_SUMMARY),
            by_model=True,
        )
        for answer in sorted(form.answers, key=lambda answer: answer.item)
    )


def find_answer_problems(
    form: FollowUpSubmission, items: tuple[FollowUpItem, ...], *, is_edited: bool
) -> list[str]:
    """List contradictions between answers, items and edits, for the model."""
    wanted = Counter(item.number for item in items)
    answered = Counter(answer.item for answer in form.answers)
    wrong = [f"item {number} has no answer" for number in wanted - answered]
    extra = answered - wanted
    wrong += [f"there is no item {number}, or it is already answered" for number in extra]
    is_done = any(answer.became == "done" for answer in form.answers)
    if is_done and not is_edited:
        wrong.append("nothing was edited, so no item is done")
    if is_edited and not is_done:
        wrong.append("files were edited, so at least one item is done; otherwise undo the edits")
    return wrong


def _flatten(words: str) -> str:
    return forms.flatten_text(words, _LONGEST_QUESTION)
