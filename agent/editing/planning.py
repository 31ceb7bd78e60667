"""The plan of a model: which form it has, and the rules that it is held against before any edit."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from pydantic import Field

from agent import worktree
from agent.domain import (
    AcceptanceTest,
    Category,
    Change,
    ChangedFile,
    Contract,
    Finding,
    Plan,
    Reason,
    Record,
    Severity,
)
from agent.editing import broken, opening, prompting
from agent.editing.called import Objection
from agent.editing.desk import Accept, Desk
from agent.editing.gate import shown
from agent.editing.job import Job
from agent.editing.loop import Conversation, Ended, converse
from agent.errors import EditFailed, ForPeople, RequestRefused, TicketUnclear, TooLarge
from agent.policy.content import paths
from agent.policy.layout import is_test
from agent.policy.proposal import Proposal
from repo_config.tree import Tree

_MOST_TURNS = 25
_MOST_STEPS = 20
#: Characters of all that a plan says besides its questions.
_MOST_WORDS = 20_000
_LONGEST_NAME = 300
#: path/test_file.py::test_name or ::TestClass::test_name, and nothing that a runner reads else.
_TEST = re.compile(r"[^:\[\]]+\.py(?:::[^\W\d]\w*)+")
_LONGEST_TITLE = 72
_MOST_QUESTIONS = 8
_LONGEST_QUESTION = 500
_WHAT_SHOWS_IT = (
    "What would show that this is carried out? Name an input, or a way to call it, and what has to"
    " come of it."
)
#: Where nothing new is to be seen from outside, a test may hold before and after.
_HOLDING: frozenset[Category] = frozenset({"refactor", "tests", "typing"})
_WORDS = (".md", ".rst", ".txt", ".adoc")


class PlannedTest(Record):
    """An acceptance test, as a model names it."""

    name: str = Field(description="path/test_x.py::test_y or ::TestX::test_y")
    shows: str
    breaks: str = Field(default="", description="path.py::function")


class SubmittedPlan(Record):
    """A plan, as a model hands it in."""

    title: str = Field(description="imperative")
    category: Category
    steps: tuple[str, ...]
    files: tuple[str, ...] = Field(description="besides tests")
    tests: tuple[PlannedTest, ...] = ()
    risks: tuple[str, ...] = ()
    lines: int = Field(default=0, description="estimate")
    questions: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    people: str = ""

    @property
    def declines(self) -> bool:
        """Whether it says why there is none, in place of a plan."""
        return bool(self.questions or self.split or self.people.strip())


def plan(job: Job) -> Plan:
    """Have the ticket planned.

    Raises:
        TicketUnclear: Facts are missing, or nothing would show that it is carried out.
        TooLarge: It is more than one ticket, as the model says.
        ForPeople: It is left to people, as the model says.
        RequestRefused: It needs what a change may not touch.
        EditFailed: No plan came that the rules allow.
    """
    base = Change(base_commit=job.prepared.checkout.commit, files=())
    about = Conversation(
        name="plan",
        role="planner" if "planner" in job.terms.roles else "editor",
        prompt=prompting.prompt("plan", job.prepared),
        opening=job.step("plan opening", opening.of_plan, job.ticket, job.prepared, job.svc),
        desk=Desk(
            job, ("submit_plan", "Hand the plan in.", SubmittedPlan), _accept(job), phase="look"
        ),
        change=base,
        most_turns=_MOST_TURNS,
    )
    ended = converse(about, job)
    if not ended.form:
        raise _without(ended)
    if (agreed := handed_in(ended.form)) is None:
        # Its words are cut: what is left of a secret then is recognised by nobody.
        found = job.svc.redactor.inside(SubmittedPlan.model_validate_json(ended.form))
        raise _declined(found, job.answered(about.role))
    return agreed


def handed_in(form: str) -> Plan | None:
    """Read a plan that was accepted; None: it says why there is none.

    Args:
        form: What the model handed in, as JSON.
    """
    found = SubmittedPlan.model_validate_json(form)
    if found.declines:
        return None
    return Plan(
        recipe="",
        title=found.title,
        parameters="",
        steps=found.steps,
        category=found.category,
        files=found.files,
        tests=tuple(AcceptanceTest.model_validate(one.model_dump()) for one in found.tests),
        risks=found.risks,
        lines=found.lines,
    )


def _declined(found: SubmittedPlan, model: str) -> TicketUnclear | TooLarge | ForPeople:
    """Give a model's reasons for no plan as its own; what is missing from a ticket comes last."""
    if found.people.strip():
        return ForPeople(
            f"The planning model ({model}) says that people have to do this. In its words:"
            f" “{_one_line(found.people)}”. What would make it fit: a person does that part, and"
            " the ticket says what else is to be done and what it leaves alone."
        )
    if found.split:
        listed = "\n".join(f"- {_one_line(one)}" for one in found.split[:_MOST_QUESTIONS])
        return TooLarge(
            f"The planning model ({model}) takes this for more than one change can carry. What"
            f" would make it fit: a ticket for each of these, which are in its words:\n{listed}"
        )
    return TicketUnclear(tuple(_one_line(one) for one in found.questions[:_MOST_QUESTIONS]))


def _one_line(question: str) -> str:
    return " ".join(question.split())[:_LONGEST_QUESTION]


def _without(ended: Ended) -> TicketUnclear | RequestRefused | EditFailed:
    """Say with which error a run ends that has no plan."""
    last = ended.objection
    if last is not None and last.reason is Reason.UNCLEAR:
        return TicketUnclear((_WHAT_SHOWS_IT,))
    if last is not None and last.reason is Reason.REFUSED:
        return RequestRefused(f"The ticket needs what a change may not touch:\n{last.text}")
    if last is None:
        return EditFailed(f"The planning model handed in no plan: {ended.why}.")
    return EditFailed(
        f"The planning model handed in no plan that holds: {ended.why}. Against the last one stood:"
        f"\n{last.text}"
    )


# --- rules --------------------------------------------------------------------------------------


def _accept(job: Job) -> Accept[SubmittedPlan]:
    def accept(found: SubmittedPlan, change: Change) -> Objection | None:
        base = job.svc.base_folder(job.prepared.run)
        tree = worktree.open_tree(job.prepared.checkout, base)
        contract, commit = job.prepared.contract, job.prepared.checkout.commit
        return objection(found, tree, contract, commit, asked=job.category)

    return accept


def objection(
    found: SubmittedPlan, tree: Tree, contract: Contract, commit: str, *, asked: Category
) -> Objection | None:
    """Hold a plan against the rules; return all that stands against it.

    Args:
        asked: What the ticket asks for, as triage took it; no plan makes a bug something else.
    """
    if len(found.split) == 1 and not (found.questions or found.people.strip()):
        text = "- One ticket is no split: name at least two in `split`, or plan the whole."
        return Objection(text=text, reason=Reason.EDIT_FAILED)
    if found.declines:
        return None
    touched = (*found.files, *(test.name.partition("::")[0] for test in found.tests))
    shut = closed(touched, tree, contract, commit)
    problems = [
        *(f"{one.path} {one.message} {one.fix}" for one in shut),
        *_of_form(found),
        *_of_size(found, touched, contract),
        *_of_tests(found, tree, asked),
    ]
    if not problems:
        return None
    reason = Reason.REFUSED if shut else Reason.EDIT_FAILED
    if not found.tests and not shut:
        reason = Reason.UNCLEAR
    return Objection(text="\n".join(f"- {one}" for one in problems), reason=reason)


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


def _of_form(found: SubmittedPlan) -> Iterator[str]:
    title = found.title
    if not title.strip() or len(title) > _LONGEST_TITLE or not title.isprintable():
        yield f"`title` has to be one line of at most {_LONGEST_TITLE} characters."
    if not found.steps or len(found.steps) > _MOST_STEPS:
        yield f"`steps` has to have between 1 and {_MOST_STEPS} entries."
    told = (*found.steps, *found.files, *found.risks)
    words = sum(map(len, told)) + sum(len(one.name) + len(one.shows) for one in found.tests)
    if words > _MOST_WORDS:
        yield f"It has {words:,} characters; say it in {_MOST_WORDS:,}."


def _of_size(found: SubmittedPlan, touched: tuple[str, ...], contract: Contract) -> Iterator[str]:
    scope = contract.config.scope
    if len({*touched}) > scope.max_files:
        yield (
            f"It touches {len({*touched})} files, and one change may touch {scope.max_files}."
            " If it cannot be done in fewer, name the tickets to split it into in `split`."
        )
    if found.lines > scope.max_lines:
        yield f"{found.lines} lines are more than the {scope.max_lines} that one change may have."


def _of_tests(found: SubmittedPlan, tree: Tree, asked: Category) -> Iterator[str]:
    if not found.tests:
        only_words = bool(found.files) and all(path.endswith(_WORDS) for path in found.files)
        if found.category != "docs" or not only_words:
            yield (
                "No acceptance test is named. What would fail today and pass once the ticket is"
                " carried out? If nothing tells, ask in `questions`."
            )
        return
    names = [test.name for test in found.tests]
    if len({*names}) < len(names):
        yield "Two tests have one name."
    for test in found.tests:
        yield from _of_test(test, found.category, tree)
    if "bug" in (asked, found.category) and all(test.breaks for test in found.tests):
        yield "A bug needs a test that reproduces it, and so fails before the change."


def _of_test(test: PlannedTest, category: Category, tree: Tree) -> Iterator[str]:
    path, _, inner = test.name.partition("::")
    name = inner.rpartition("::")[2]
    well_formed = len(test.name) <= _LONGEST_NAME and _TEST.fullmatch(test.name)
    if not (well_formed and is_test(path) and name.startswith("test")):
        yield (
            f"{shown(test.name)} is no test: write it as folder/test_file.py::test_name, in a file"
            f" among the project's tests."
        )
        return
    if posixpath.basename(path) == "conftest.py":
        yield f"`{test.name}`: the runner collects no tests from a conftest.py."
    if not test.shows.strip():
        yield f"`{test.name}` does not say what it shows."
    if not test.breaks:
        return
    if category not in _HOLDING:
        yield (
            f"`{test.name}` would hold before and after, which proves nothing of a {category}."
            " Name a test that fails before the change, and leave `breaks` empty."
        )
    else:
        yield from _of_target(test, tree)


def _of_target(test: PlannedTest, tree: Tree) -> Iterator[str]:
    path, _, name = test.breaks.partition("::")
    if path not in tree.paths():
        yield f"`{test.breaks}`: there is no file {path} on the base commit."
        return
    if is_test(path):
        yield f"`{test.breaks}` is a test itself; name the function that the test holds."
        return
    try:
        broken.without_body(tree.read(path), name)
    except (broken.NoSuchFunction, *broken.UNREADABLE) as problem:
        yield f"`{test.breaks}`: {problem}. Write path.py::name or path.py::Class.name."
