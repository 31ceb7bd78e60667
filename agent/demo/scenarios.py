"""The scenarios of the demo: an issue, who labels it, in which repository, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType

from agent.demo import acts
from agent.demo.acts import REPORTER, Act, at_once, comment
from agent.demo.scripted_model import Line, Script
from agent.demo.simulator.records import Role
from agent.models.outcome import End
from agent.models.run import Reason


@dataclass(frozen=True)
class Scenario:
    """One thing to be seen."""

    name: str
    sentence: str
    """What it shows, in one line."""
    title: str
    body: str
    ends: Reason | None
    """How the run ends; None: there is none."""
    role: Role = "write"
    """Of the person who sets the label."""
    files: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the repository has besides the sample project."""
    begins: Act = field(default_factory=acts.label)
    """What starts the run."""
    acts: tuple[Act, ...] = ()
    """What people do then, one after the other, each when its moment has come."""
    follow_ups: tuple[tuple[Reason, tuple[End, ...]], ...] = ()
    """How what is done about the pull request ends, in order, and what becomes of each matter."""
    model: Script | None = None
    """What a stand-in for a model says; None: no model is set."""


_EXPORT_TEST = """\
import pytest

from shop.models import Customer


@pytest.mark.django_db
def test_the_export_has_a_column_for_every_field():
    names = [field.name for field in Customer._meta.concrete_fields]
    assert names == ["id", "name", "email", "joined"]
"""


_SERVICES = "shop/services.py"
_WISHED = f"Replace `print` with `logging` in `{_SERVICES}`, level `info`."
_PLAN_FIRST = MappingProxyType({".github/mergewright.yml": "plan: {approval: always}\n"})


def _packaged(name: str) -> tuple[str, str]:
    """Title and body of a ticket that comes with the package."""
    text = resources.files("agent.demo").joinpath(name).read_text(encoding="utf-8")
    title, _, body = text.partition("\n")
    return title.removeprefix("# ").strip(), body.strip() + "\n"


def _all() -> tuple[Scenario, ...]:
    title, body = _packaged("ticket.md")
    log_title, log_body = _packaged("logging_ticket.md")
    return (
        Scenario(
            "add-field",
            "a field is added to a Django model, with migration, admin and test",
            title,
            body,
            Reason.READY,
        ),
        Scenario("logging", "print calls become logging", log_title, log_body, Reason.READY),
        Scenario(
            "red",
            "the change breaks a test of the repository: no pull request, and the reason",
            title,
            body,
            Reason.NEW_FAILURES,
            files=MappingProxyType({"shop/tests/test_export.py": _EXPORT_TEST}),
        ),
        Scenario(
            "unclear",
            "facts are missing: the form comes back, filled in so far",
            "Customers need a nickname",
            "Add a `CharField` called `nickname` to `shop.Customer`.\n",
            Reason.UNCLEAR,
        ),
        Scenario(
            "answered",
            "a comment states what was missing, and the run goes on to its pull request",
            log_title,
            "Replace `print` with `logging` in `shop/servies.py`, level `info`.\n",
            Reason.READY,
            acts=(comment(_WISHED),),
        ),
        Scenario(
            "approved",
            "the plan is shown, changed and approved by comments before anything is edited",
            log_title,
            log_body,
            Reason.READY,
            files=_PLAN_FIRST,
            acts=(
                comment(f"change the plan: {_WISHED}"),
                comment("/mergewright approve {plan}"),
            ),
        ),
        Scenario(
            "stopped",
            "a comment stops the run while its plan waits: nothing is published",
            log_title,
            log_body,
            Reason.CANCELLED,
            files=_PLAN_FIRST,
            acts=(comment("/mergewright stop"),),
        ),
        Scenario(
            "bad-config",
            "the repository's configuration has a mistake: named by line and column",
            title,
            body,
            Reason.CONFIG_INVALID,
            files=MappingProxyType({".github/mergewright.yml": "version: 1\nhttp_clent: httpx\n"}),
        ),
        Scenario(
            "unauthorised",
            "somebody with the triage role sets the label: nothing starts",
            title,
            body,
            None,
            role="triage",
        ),
        Scenario(
            "no-recipe",
            "nothing here can do it without a model: it goes back to a person",
            "The front page is slow",
            "It takes four seconds on my machine. Make it faster.\n",
            Reason.NO_RECIPE,
        ),
        Scenario(
            "unreliable",
            "webhooks come twice, out of order or not at all: one pull request comes of it",
            log_title,
            log_body,
            Reason.READY,
            files=_PLAN_FIRST,
            begins=acts.label("lose"),
            acts=(
                comment(f"change the plan: {_WISHED}", trouble="duplicate"),
                comment("/mergewright approve {plan}", trouble="reorder"),
                comment("Thank you both.", at_once, REPORTER),
            ),
        ),
        *_reviewed(log_title, log_body),
    )


_SUGGESTED = "```suggestion\n            continue  # nobody to take it for\n```"
_LEFT_OUT = "Say here what becomes of rows without a customer."
_SCRIPT = Script(
    _SERVICES,
    "return how many were taken.",
    "tell how many.\n\n    Rows without a customer are left out, with a warning.\n    ",
    (
        Line(_LEFT_OUT, "done", "The docstring says it."),
        Line("check docs", "done", "The docstring says what is left out."),
        Line("Why is", "answered", "Each row names another customer, and a file has few rows."),
        Line("a web page", "beyond", "The ticket is about log messages."),
        Line("asdf", "person", "I cannot tell what is asked."),
    ),
)
"""One edit, and what is said to each matter of the scenarios below."""


def _reviewed(title: str, body: str) -> tuple[Scenario, ...]:
    """What is done about a pull request."""
    return (
        Scenario(
            "review",
            "a suggestion, a fix, a question, one beyond the ticket, one without a sense",
            title,
            body,
            Reason.READY,
            acts=(
                acts.review(
                    (_SERVICES, "continue", _SUGGESTED),
                    (_SERVICES, "def import_orders", _LEFT_OUT),
                    (_SERVICES, "filter(email", "Why is the customer looked up for each row?"),
                    (_SERVICES, "taken = 0", "Please add a web page for such imports."),
                    (_SERVICES, "Took", "asdf qwertz"),
                ),
            ),
            follow_ups=((Reason.READY, ("commit", "commit", "reply", "reply", "human")),),
            model=_SCRIPT,
        ),
        Scenario(
            "conflict",
            "the base has moved and does not go together with the branch: said, and not forced",
            title,
            body,
            Reason.READY,
            acts=(
                acts.push_to_base(_SERVICES, '"Order", ', '"Took order", ', "Say what is printed"),
                acts.say("/mergewright rebase"),
            ),
            follow_ups=((Reason.CONFLICT, ()),),
        ),
        Scenario(
            "ci",
            "a check of the project's own is red on the pull request, is mended, and passes",
            title,
            body,
            Reason.READY,
            acts=(
                acts.status("docs", "failure", "import_orders does not say what it leaves out"),
                acts.status("docs", "success", "all is said"),
            ),
            follow_ups=((Reason.READY, ("commit",)),),
            model=_SCRIPT,
        ),
    )


SCENARIOS = {scenario.name: scenario for scenario in _all()}
