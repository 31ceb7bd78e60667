"""What people see of the stages of a run."""

from __future__ import annotations

import json
import time

from agent.domain import Run, RunState
from agent.milestones import Milestones, RunPage, StateNotes
from agent.ports import FROM_EARLIER
from agent.redaction import Redactor
from agent.testing import FakeForge
from tests.unit.stages import forge_runs

RUN = Run(run_id="20261120-120000-a1b2c3d4", repository="/r", ticket="t.md", started=1)


def test_a_stage_says_its_time_or_that_it_was_done_before():
    milestones = Milestones(RUN, FakeForge(forge_runs.TICKET))
    milestones.started("checkout")
    milestones.ended("checkout", 1.24, ok=True)
    milestones.started("environment")
    milestones.said(f"the environment is {FROM_EARLIER}")
    milestones.ended("environment", 0.31, ok=True)
    milestones.started("baseline")
    milestones.said("a line of progress")
    marks = milestones.marks()
    assert [mark.detail for mark in marks] == ["1.2 s", FROM_EARLIER, "", "", "", ""]
    assert [mark.begun is not None for mark in marks] == [False, False, True, False, False, False]


def test_a_wait_that_takes_a_while_is_told_beside_the_stage_that_is_under_way():
    forge = FakeForge(forge_runs.TICKET)
    milestones = Milestones(RUN, forge)
    milestones.waits(time.time() + 600, "Nobody answered.")
    assert forge.marks == [], "nothing is under way"
    milestones.started("plan 1 reply")
    milestones.waits(time.time() + 20, "Nobody answered.")
    assert len(forge.marks) == 1
    milestones.waits(1_900_000_000.0, "Nobody answered.")
    assert [mark.detail for mark in forge.marks[-1]] == [
        *("", "", "", "tried again at 2030-03-17 17:46 UTC. Nobody answered.", "", "")
    ]
    assert forge.marks[-1][3].state == "running"


def test_the_page_keeps_what_was_done_before_also_where_the_run_goes_on(tmp_path):
    path = tmp_path / "run.json"
    page = RunPage(path, RUN, Redactor())
    page.started("environment")
    page.said(f"the environment is {FROM_EARLIER}")
    page.ended("environment", 0.02, ok=True)
    page.started("baseline")
    assert json.loads(path.read_text())["reused"] == ["environment"]
    assert RunPage(path, RUN, Redactor()) is not None
    assert json.loads(path.read_text())["reused"] == ["environment"]
    path.write_text("{")
    RunPage(path, RUN, Redactor())
    assert json.loads(path.read_text())["reused"] == []


class Noted(list):
    """The states that a run is noted to be in."""

    def __call__(self, run_id, state):
        self.append(state)


def test_a_models_rounds_move_between_editing_checking_and_reviewing():
    noted = Noted()
    notes = StateNotes("r", RunState.PREPARING, noted)
    steps = [
        "terms", "plan opening", "plan 1 reply", "plan 1 calls", "tests 1 opening",
        "tests 1 1 reply", "edit 1 opening", "edit 1 1 reply", "edit 1 1 calls", "changelog 1",
        "policy 1", "checks 1", "compare 1", "proof 1", "decide 1", "repair 2 opening",
        "repair 2 1 reply", "policy 2", "checks 2", "compare 2", "proof 2", "decide 2",
        "judge opening", "review 2 opening", "review 2 1 reply", "publish",
    ]  # fmt: skip
    for step in steps:
        notes.started(step)
        notes.ended(step, 0.1, ok=True)
    assert [state.value for state in noted] == [
        "planning", "editing", "checking", "reviewing", "editing", "checking", "reviewing",
        "publishing",
    ]  # fmt: skip


def test_a_recipes_repair_is_no_edit():
    noted = Noted()
    notes = StateNotes("r", RunState.EDITING, noted)
    for step in ("policy 1", "checks 1", "repair 1", "review", "compare", "decide"):
        notes.started(step)
        notes.ended(step, 0.1, ok=True)
    assert [state.value for state in noted] == ["checking", "reviewing"]
