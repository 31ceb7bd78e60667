"""The scout: where no test of base runs, a model looks for the configuration with which they do.

Nothing is kept of its sandbox. What it proposes is bounded by `onboarding.proposed_lines`, and
measured as any other candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

from agent.editing import forms, prompting, turns
from agent.editing.loop import Conversation
from agent.editing.run_context import RunContext, explain_stop
from agent.editing.tools import ToolExecutor
from agent.environments import (
    candidates,
    gateway,
    interpreters,
    obstacles,
    sandbox_requests,
    setup_commands,
)
from agent.environments.obstacles import Obstacle
from agent.errors import ASKING_ENDS, BudgetSpent, SandboxMissing, TimeSpent
from agent.models.change import Change
from agent.models.chat import OpeningMessage
from agent.models.checks import CheckReport
from agent.models.environment import Opened, Prepared
from agent.models.record import Record
from agent.models.sandbox import SandboxSession
from agent.services import Services
from agent.text import sanitise
from agent.text.check_summary import describe_outcomes

_MOST_TURNS = 30
_MOST_TRIES = 6
#: Of what the run may spend and how long it may take.
_SHARE = 0.25
_WITHIN = "A model may use a quarter of the run's budget and minutes on this."
_MOST_ANSWER = 4_000
_MOST_WORDS = 300


class TryConfiguration(Record):
    yaml: str


class TrySetup(Record):
    yaml: str
    """Lines of `.github/mergewright.yml`: python, system_packages, env, services, setup, checks."""


class GiveUp(Record):
    why: str


_FORMS: Mapping[str, tuple[str, type[Record]]] = {
    "try_configuration": ("Set base up with these lines, run its tests.", TryConfiguration),
    "decline": ("Say why no configuration helps.", GiveUp),
}
_LINE_FORMS: Mapping[str, tuple[str, type[Record]]] = {
    "try_setup": (
        "Run these lines from nothing, then base's tests; the answer counts them.",
        TrySetup,
    ),
    "decline": ("Say what is missing, where no lines help.", GiveUp),
}


class SetUpTools(ToolExecutor):
    """A shell in a set-up sandbox, from which package indexes are reached."""

    def __init__(self, run_context: RunContext) -> None:
        super().__init__(run_context, _LINE_FORMS, edits=False)
        self._network = ExitStack()

    def close(self) -> None:
        super().close()
        self._network.close()

    def _open_session(self, opened: Opened, change: Change) -> SandboxSession:
        svc = self._run_context.svc
        if svc.sessions is None or not isinstance(opened, Prepared):
            raise SandboxMissing("No sandbox is configured for models.")
        way = self._network.enter_context(
            gateway.open_gateway(svc.index, svc.settings, setup_commands.HOSTS)
        )
        environ = sandbox_requests.name_indexes(svc.index)
        return svc.sessions.open_set_up(opened, way.outlet, environ, svc.stopped)


Scouted = tuple[Prepared, CheckReport] | str
"""With what tests run, or why nothing was found."""
TryLines = Callable[[str, str], Scouted]
"""Measures base with lines, by steps that have the second in their names."""


def scout_configuration(
    run_context: RunContext,
    prepare: Callable[[], Prepared],
    obstacle: Obstacle,
    try_lines: TryLines,
) -> Scouted:
    """Have a model look for lines with which base's tests run.

    Args:
        prepare: Gives the base with an environment for the model's sandbox.
    """
    # Steps alone decide what follows, so that a run that goes on meets the same ones.
    if "editor" not in run_context.attempt_limits.roles:
        return ""
    run_context.prepared, run_context.budget_share = prepare(), _SHARE
    run_context.reserved_seconds = run_context.step.run_seconds_left * (1 - _SHARE)
    by_lines = run_context.svc.settings.setup == "lines"
    talk = Conversation(
        name=turns.SCOUT,
        role="editor",
        prompt=prompting.make_prompt("setup" if by_lines else "scout", run_context.base.contract),
        tools=SetUpTools(run_context)
        if by_lines
        else ToolExecutor(run_context, _FORMS, edits=False),
        opening=run_context.step(
            "scout opening", _make_opening, obstacle, run_context.base, run_context.svc
        ),
        change=Change(base_commit=run_context.base.checkout.commit, files=()),
        most_turns=_MOST_TURNS,
    )
    try:
        return _search_configuration(talk, run_context, try_lines)
    finally:
        run_context.budget_share, run_context.reserved_seconds = 1.0, 0.0
        talk.tools.close()


def _make_opening(obstacle: Obstacle, base: Opened, svc: Services) -> OpeningMessage:
    words = f"{obstacle.words}\n\n{obstacle.evidence}"
    told = prompting.fence_text("Why no test runs", words, base.run.run_id)
    if svc.settings.setup == "lines":
        found = interpreters.find_pythons(svc.settings, svc.sandbox.roots())
        versions = dict.fromkeys(".".join(each.version.split(".")[:2]) for each in found)
        day = datetime.fromtimestamp(base.checkout.committed, UTC).date()
        told += f"\n\nThe base commit is of {day}. Python here: {', '.join(versions)}."
    return OpeningMessage(text=told)


def _search_configuration(
    talk: Conversation, run_context: RunContext, try_lines: TryLines
) -> Scouted:
    best: list[tuple[Prepared, CheckReport]] = []
    end = "No try ran a test."
    for number in range(1, _MOST_TRIES + 1):
        try:
            handed = talk.next_form(run_context)
        except ASKING_ENDS as problem:
            spent = isinstance(problem, BudgetSpent | TimeSpent)
            end = f"{_WITHIN} {problem.message}" if spent else explain_stop(problem)
            break
        if handed.name not in ("try_configuration", "try_setup"):
            said = GiveUp.model_validate_json(handed.form).why if handed.name else handed.why
            said_short = forms.flatten_text(said, _MOST_WORDS)
            end = f"A model found no lines with which they run: {said_short}"
            break
        lines = TryConfiguration.model_validate_json(handed.form).yaml
        result = words = try_lines(lines, f"try {number}")
        if not isinstance(result, str):
            best.append(result)
            words = describe_tests(*result)
            if not candidates.is_poor(result[1].tests, result[0].contract.config.limits):
                break
        talk.answer(
            sanitise.shorten_middle(str(words), _MOST_ANSWER, where="not kept"), run_context
        )
    return max(best, key=lambda one: candidates.rate_tests(one[1].tests), default=end)


def describe_tests(prepared: Prepared, report: CheckReport) -> str:
    """Count the tests, name those that are left out, and show the last errors."""
    tests = report.tests
    left = (one.message for one in prepared.contract.scouted)
    head = describe_outcomes(tests) or "no tests"
    return "\n".join((head, *left, obstacles.list_errors(tests)))
