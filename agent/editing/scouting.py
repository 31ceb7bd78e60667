"""The scout: a model searches for a set-up if tests of the base commit do not run.

Its sandbox is discarded. Proposed lines are checked by `setup.proposed_lines` and measured like any
other set-up.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.desk import Desk
from agent.editing import base_report, forms, prompting
from agent.editing.forms import Forms
from agent.editing.loop import Conversation, ConversationOver
from agent.editing.preparation import MeasuredBase
from agent.editing.rounds import explain_stop
from agent.editing.run_context import RunContext
from agent.editing.tools import ToolExecutor
from agent.errors import ASKING_ENDS, BudgetSpent, RequestRefused, SandboxMissing, TimeSpent
from agent.models.change import Change
from agent.models.chat import UserTurn
from agent.models.checks import CheckReport
from agent.models.environment import LEFT_OUT, Contract, OpenedRepository, Prepared
from agent.models.step import Step, StepName
from agent.sandbox.session import Session
from agent.setup import gateway, interpreters, obstacles, sandbox_requests
from agent.setup.candidates import Candidate, TriedSetup
from agent.setup.obstacles import Obstacle
from agent.text import base_table, sanitise
from repo_config.servers import read_rows

_MOST_TURNS = 30
_MOST_TRIES = 6
#: Share of the run's dollars and minutes for the search.
_SHARE = 0.25
_WITHIN = "A model may use a quarter of the run's budget and minutes on this."
_MOST_ANSWER = 16_000
_MOST_WORDS = 300
_MOST_OF_LAST = 1_000
_NOT_ALL = (
    "The try is kept. If CI passes what fails here, find what its job has and this set-up has not,"
    " and try again. If not, end with `decline`: the best try is used."
)


class TrySetup(forms.Form):
    """Run these lines in a clean sandbox, then the base commit's tests; returns their counts."""

    yaml: str
    """Lines of `.github/mergewright.yml`: python, system_packages, env, services, setup, checks."""


class GiveUp(forms.Form):
    """End the search: say what no line can provide, or that the best try is as good as CI."""

    why: str


_FORMS: Forms = {"try_setup": TrySetup, "decline": GiveUp}


class SetUpTools(ToolExecutor):
    """A shell in a set-up sandbox that can reach package indexes."""

    def __init__(self, run_context: RunContext) -> None:
        super().__init__(run_context, _FORMS, edits=False)
        self._network = ExitStack()

    def close(self) -> None:
        super().close()
        self._network.close()

    def _open_session(self, opened: OpenedRepository, change: Change) -> Session:
        desk = self._run_context.desk
        if desk.sessions is None or not isinstance(opened, Prepared):
            raise SandboxMissing("No sandbox is configured for models.")
        way = self._network.enter_context(
            gateway.open_gateway(
                desk.settings,
                desk.index,
                gateway.HOSTS,
                opened.checkout.git_hosts,
                opened.contract.project.index_hosts,
            )
        )
        environ = sandbox_requests.name_indexes(desk.index)
        return desk.sessions.open_set_up(opened, way.outlet, environ, desk.stopped)


def begin_search(
    run_context: RunContext, prepare: Callable[[], Prepared], obstacle: Obstacle
) -> "Search":
    """Begin a model's search for configuration lines with which the base commit's tests run.

    Args:
        prepare: Returns the base with an environment for the model's sandbox.
    """
    # These limits apply only to this conversation, but its cost is part of the run's.
    prepared, left = prepare(), run_context.once.run_seconds_left
    nothing = CheckReport(side="base", commit=prepared.checkout.commit, results=())
    ready = MeasuredBase(prepared, nothing, reserved_seconds=left * (1 - _SHARE))
    run_context = replace(
        run_context,
        budget_share=_SHARE,
        preparation=replace(run_context.preparation, ready=ready),
    )
    name, desk = Step.SCOUT.named("opening"), run_context.desk
    first = run_context.once(name, _make_opening, obstacle, prepared, desk)
    conversation = Conversation(
        name=StepName(Step.SCOUT),
        role="editor",
        prompt=prompting.read_prompt("setup").replace("{servers}", ", ".join(read_rows())),
        run_context=run_context,
        tools=SetUpTools(run_context),
        change=run_context.unchanged,
        messages=(UserTurn(text=first),),
        most_turns=_MOST_TURNS,
    )
    return Search(conversation, run_context)


@dataclass
class Search:
    """A model's search: it proposes set-ups one by one, and gets the result of each."""

    conversation: Conversation
    run_context: RunContext
    end: str = "No attempt ran a test."
    """Why the search ended."""
    is_whole: bool = True
    """Whether the model tried a set-up or gave up; False: a limit or an error ended the search."""

    def propose(
        self, tried: Sequence[TriedSetup], over: Contract | None = None
    ) -> Iterator[Candidate]:
        """Yield set-ups to try, until all tests of the base commit pass.

        Args:
            tried: Results of all set-ups so far; the caller adds each new one at the end.
            over: Contract that the lines change; None: the configured one.
        """
        tries: list[TriedSetup] = []
        with closing(self.conversation.tools):
            while len(tries) < _MOST_TRIES and (lines := self._ask(is_tried=bool(tries))):
                name = f"try {self.conversation.next_turn}"
                yield Candidate(name, "found by a model", lines, over)
                last = tried[-1]
                if isinstance(last.problem, RequestRefused):
                    # Nothing ran, so it does not count as a try.
                    self.conversation.answer(last.problem.message)
                    continue
                tries.append(last)
                if last.is_complete:
                    return
                self.conversation.answer(self._describe_result(last, _MOST_TRIES - len(tries)))
        if tries and not any(setup.has_result for setup in tries):
            words = self._describe_try(last)
            words = sanitise.shorten_middle(words, _MOST_OF_LAST, where="not kept")
            self.end = f"{self.end}\n\nThe last try: {words}"

    def _ask(self, *, is_tried: bool) -> str:
        """Return the next lines; "": there are none, and `end` says why."""
        try:
            form = self.conversation.ask()
        except ASKING_ENDS as problem:
            is_limit, self.is_whole = isinstance(problem, BudgetSpent | TimeSpent), False
            self.end = f"{_WITHIN} {problem.message}" if is_limit else explain_stop(problem)
            return ""
        except ConversationOver as over:
            self.end, self.is_whole = _explain_end(over.message), is_tried
            return ""
        if isinstance(form, GiveUp):
            self.end = _explain_end(form.why)
            return ""
        assert isinstance(form, TrySetup)  # noqa: S101
        return form.yaml or "{}"

    def _describe_result(self, last: TriedSetup, left: int) -> str:
        """Describe the result of a try, and how many more fit into the minutes that are left."""
        words = sanitise.shorten_middle(self._describe_try(last), _MOST_ANSWER, where="not kept")
        seconds = self.run_context.seconds_left
        if last.tests:
            left = min(left, int(seconds / max(1.0, last.tests.seconds)))
        return f"{words}\n\nLeft: {left} tries, {int(seconds / 60)} minutes."

    def _describe_try(self, tried: TriedSetup) -> str:
        """Describe the base with a set-up: the checks, what was left out, and the last errors."""
        prepared, measured = tried.prepared, tried.report
        if prepared is None or measured is None:
            return tried.problem.message if tried.problem else ""
        contract, desk = self.run_context.base.contract, self.run_context.desk
        report = base_report.describe_base(prepared, measured, contract, desk)
        scouted = prepared.contract.scouted
        left = (finding.message for finding in scouted if finding.rule == LEFT_OUT)
        errors = f"The last errors:\n{obstacles.list_errors(measured.tests)}"
        advice = "" if obstacles.is_poor(measured.tests) else _NOT_ALL
        lines = (base_table.write_lines(report), *left, errors * (not tried.is_complete), advice)
        return "\n".join(filter(None, lines))


def _make_opening(obstacle: Obstacle, base: Prepared, desk: Desk) -> str:
    words = f"{obstacle.words}\n\n{obstacle.evidence}"
    facts = prompting.fence_text("Tests of the base commit so far", words, base.run.run_id)
    roots = desk.sandbox.roots()
    pythons = interpreters.find_pythons(desk.settings, roots)
    versions = dict.fromkeys(".".join(python.version.split(".")[:2]) for python in pythons)
    day = datetime.fromtimestamp(base.checkout.committed, UTC).date()
    facts += f"\n\nThe base commit is from {day}. Python here: {', '.join(versions)}."
    if interpreters.may_fetch(desk.settings, roots):
        facts += " A try that asks for another version has it fetched."
    facts += f" Your shell has {base.environment.interpreter.version}."
    if base.environment.sources:
        facts += "\n\nSet up so far by:\n" + "\n".join(base.environment.sources)
    return facts


def _explain_end(why: str) -> str:
    short = forms.flatten_text(why, _MOST_WORDS).rstrip(".")
    return f"A model found no set-up that makes the tests run: {short}."
