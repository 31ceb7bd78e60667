"""What people see of the stages of a run."""

from __future__ import annotations

import json

from agent.domain import Run
from agent.milestones import Milestones, RunPage
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
