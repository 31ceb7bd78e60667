"""What people see of the stages of a run."""

from __future__ import annotations

import time
from pathlib import Path

from agent.llm.budget import Budget
from agent.models.change import Plan
from agent.models.code_host import Progress
from agent.models.environment import Contract
from agent.models.run import Run
from agent.models.run_facts import RunFacts
from agent.models.step import Step, read_step_name
from agent.runs.progress import RunProgress
from agent.settings import Settings
from agent.text.redaction import Redactor
from repo_config.schema import RepoConfig
from tests.fakes import FakeCodeHost, make_reply
from tests.unit.stages import code_host_runs
from tests.unit.trees import make_project

RUN = Run(run_id="20261120-120000-a1b2c3d4", repository="/r", ticket="t.md", started=1)
SETTINGS = Settings(home=Path("nowhere"), model_usd=5.0, max_minutes=40)


def test_a_wait_that_takes_a_while_is_told_beside_the_stage_that_is_under_way():
    code_host = FakeCodeHost(code_host_runs.TICKET)
    run_progress = RunProgress(RUN, code_host, Budget(SETTINGS), Redactor(), RunFacts())
    run_progress.show_wait(time.time() + 600, "Nobody answered.")
    assert code_host.marks == [], "nothing is under way"
    run_progress.started(Step.EDIT.named("1 1 reply"))
    run_progress.show_wait(time.time() + 20, "Nobody answered.")
    assert len(code_host.marks) == 1
    run_progress.show_wait(1_900_000_000.0, "Nobody answered.")
    assert [mark.detail for mark in code_host.marks[-1].stages] == [
        *("", "", "", "retry at 2030-03-17 17:46 UTC. Nobody answered.", "", "")
    ]
    assert code_host.marks[-1].stages[3].state == "running"


def told(run_progress: RunProgress, code_host: FakeCodeHost, step: str) -> Progress:
    run_progress.started(read_step_name(step))
    return code_host.marks[-1]


def test_people_are_told_the_plan_the_minutes_and_what_models_cost():
    code_host = FakeCodeHost(code_host_runs.TICKET)
    facts = RunFacts()
    run_progress = RunProgress(*(RUN, code_host, Budget(SETTINGS, 2), Redactor(), facts), again=1)
    assert told(run_progress, code_host, "read config").most_minutes is None
    limits = RepoConfig.model_validate({"limits": {"usd": 3, "minutes": 30}})
    facts.contract = Contract(config=limits, project=make_project(), source=None)
    run_progress.ended(Step.READ_CONFIG, 2.5, ok=True)
    facts.account.count_reply("editor", make_reply())
    assert told(run_progress, code_host, "plan 1 calls").plan is None
    facts.plan = Plan(recipe="", title="Add it", parameters="", steps=("First.",))
    known = told(run_progress, code_host, "edit 1 1 reply")
    assert known.plan is not None
    assert (known.plan.title, known.plan.recipe) == ("Add it", "")
    assert (known.seconds, known.most_minutes, known.again) == (2.5, 60, 1)
    assert (known.replies, known.usd, known.most_usd) == (1, 0.01, 6.0)
    facts.account.count_reply("editor", make_reply().model_copy(update={"cost_usd": None}))
    facts.account.count_reply("editor", make_reply())
    known = told(run_progress, code_host, "edit 1 2 calls")
    assert (known.replies, known.usd) == (3, None)


def test_TC6_a_secret_in_a_models_plan_or_in_a_reason_to_wait_is_told_nobody():
    code_host = FakeCodeHost(code_host_runs.TICKET)
    facts, redactor = RunFacts(), Redactor(["k3y-0f3a9c5b7d1e4826"])
    run_progress = RunProgress(RUN, code_host, Budget(SETTINGS), redactor, facts)
    made = Plan(recipe="", title="Use k3y-0f3a9c5b7d1e4826", parameters="",
                steps=("Say k3y 0f3a 9c5b 7d1e 4826.",))  # fmt: skip
    facts.plan = made
    plan = told(run_progress, code_host, "edit 1 1 reply").plan
    assert plan is not None
    assert plan.title == "Use [secret removed]"
    assert "4826" not in repr(plan)
    run_progress.show_wait(time.time() + 600, "No answer to k3y-0f3a9c5b7d1e4826.")
    assert "4826" not in repr(code_host.marks)
