"""What people see of the stages of a run."""

import itertools
import time
from pathlib import Path

from agent.desk import Desk
from agent.models.change import Plan
from agent.models.environment import Contract
from agent.models.outcome import PullRequest
from agent.models.record import replace
from agent.models.run import Reason, Run, RunState
from agent.models.run_facts import Progress
from agent.models.step import Step, read_step_name
from agent.publishing import status
from agent.runs.progress import RunProgress
from agent.settings import Settings
from agent.text.redaction import Redactor
from repo_config.schema import RepoConfig
from tests.fakes import FakeCodeHost, make_reply, make_stored_run
from tests.outcomes import make_outcome
from tests.unit.stages import code_host_runs
from tests.unit.trees import make_project

RUN = Run(run_id="20261120-120000-a1b2c3d4", repository="/r", ticket="t.md", started=1)
SETTINGS = Settings(home=Path("nowhere"), model_usd=5.0, max_minutes=40)


class Followed(RunProgress):
    """The progress of a run, with what its code host and its store were told."""

    def __init__(self, secrets=(), **facts):
        self.code_host, self.states = FakeCodeHost(code_host_runs.TICKET), []
        self.desk = Desk(
            settings=SETTINGS, code_host=self.code_host, sandbox=None, index=None, say=print,
            redactor=Redactor(secrets), grants=2,
        )  # fmt: skip
        note = lambda run_id, state: self.states.append(state.value)  # noqa: E731
        super().__init__(make_stored_run(RUN, **facts), self.desk, note)

    def tell(self, step: str) -> Progress:
        self.started(read_step_name(step))
        return self.desk.facts.progress


def test_the_state_of_a_run_follows_its_steps():
    progress = Followed()
    for step in (
        "read ticket", "announce", "triage", "checkout", "read config", "clarify",
        "plan", "environment", "baseline", "edit", "policy 1", "checks 1",
        "policy 2", "checks 2", "review", "decide", "publish",
    ):  # fmt: skip
        progress.tell(step)
        progress.ended(read_step_name(step), 0.1, ok=True)
    assert progress.states == [state for state, _ in itertools.groupby(progress.states)]
    assert progress.states == [
        "preparing", "planning", "preparing", "editing", "checking", "editing", "checking",
        "reviewing", "publishing",
    ]  # fmt: skip


def test_a_wait_that_takes_a_while_is_told_beside_the_stage_that_is_under_way():
    progress = Followed()
    marks = progress.code_host.marks
    progress.show_wait(time.time() + 600, "Nobody answered.")
    assert marks == [], "nothing is under way"
    progress.tell("edit 1 1 reply")
    progress.show_wait(time.time() + 20, "Nobody answered.")
    assert len(marks) == 1
    progress.show_wait(1_900_000_000.0, "Nobody answered.")
    stages = progress.desk.facts.progress.stages
    assert [mark.detail for mark in stages] == [
        *("", "", "", "retry at 2030-03-17 17:46 UTC. Nobody answered.", "", "")
    ]
    assert stages[3].state == "running"


def test_what_only_the_operator_can_fix_is_shown_at_once():
    progress = Followed()
    progress.tell("environment")
    progress.show_wait(time.time() + 5, "The service's disk is full.", for_operator=True)
    assert progress.desk.facts.progress.waits_for == "operator"
    text = progress.code_host.marks[-1]
    assert "The service's disk is full." in text
    assert "No action needed" not in text
    assert "the operator of Mergewright" in text


def test_people_are_told_the_plan_the_minutes_and_what_models_cost():
    progress = Followed(retries=1)
    facts = progress.desk.facts
    assert progress.tell("read config").most_minutes is None
    limits = RepoConfig.model_validate({"limits": {"usd": 3, "minutes": 30}})
    facts.contract = Contract(config=limits, project=make_project(), source=None)
    progress.ended(Step.READ_CONFIG, 2.5, ok=True)
    facts.account.count_reply("editor", make_reply())
    assert progress.tell("plan 1 calls").plan is None
    facts.plan = Plan(recipe="", title="Add it", parameters="", steps=("First.",))
    known = progress.tell("edit 1 1 reply")
    assert known.plan == facts.plan
    assert (known.seconds, known.most_minutes, known.again) == (2.5, 60, 1)
    assert (known.replies, known.usd, known.most_usd) == (1, 0.01, 6.0)
    facts.account.count_reply("editor", replace(make_reply(), cost_usd=None))
    known = progress.tell("edit 1 2 calls")
    assert (known.replies, known.usd) == (2, None)


def test_TC6_a_secret_in_a_models_plan_or_in_a_reason_to_wait_is_told_nobody():
    progress = Followed(["k3y-0f3a9c5b7d1e4826"])
    progress.desk.facts.plan = Plan(
        recipe="", title="Use k3y-0f3a9c5b7d1e4826", parameters="",
        steps=("Say k3y 0f3a 9c5b 7d1e 4826.",),
    )  # fmt: skip
    plan = progress.tell("edit 1 1 reply").plan
    assert plan is not None
    assert plan.title == "Use [secret removed]"
    assert "4826" not in repr(plan)
    progress.show_wait(time.time() + 600, "No answer to k3y-0f3a9c5b7d1e4826.")
    assert "4826" not in repr(progress.code_host.marks)


def test_an_end_names_the_pull_requests_that_it_replaces_and_those_that_stay_open():
    pull = PullRequest(number=9, url="https://g/9", replaces=(7,))
    ready = make_outcome(
        "r1", RunState.OPEN, Reason.READY, "Ready.", pull_request=pull, still_open=(8,)
    )
    shown = status.render_end(RUN, ready, None)
    for words in ("Pull request #9 is ready", "It replaces #7.", "#8 is open, too"):
        assert words in shown
    stopped = make_outcome("r1", RunState.NEEDS_HUMAN, Reason.UNFIT, "So.", still_open=(7, 8))
    assert "#7, #8 are still open." in status.render_end(RUN, stopped, None)
