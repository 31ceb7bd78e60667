"""What the gate costs a model's change of three hunks, against one bare run of the suite.

Ours is policy, checks, comparison, proof and decision, from a change to its verdict, on a base that
is measured. Bare is pytest alone, with the same packages,
on the tree with the change. The second submit of a change differs from the first in a test alone;
another one breaks tests that cover it.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.editing.rounds import Draft, Round
from agent.editing.run_context import RunContext
from agent.models.change import Change, Plan
from agent.models.ticket import Ticket
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.stages import baseline, validate
from agent.text.check_summary import list_new
from tests import folders
from tests.bench import sample_suites
from tests.bench.timing import BareFailed, Row, Say, Section, measure_time
from tests.integration.check_samples import Stage, Workshop, lay_tree, make_stage
from tests.run_contexts import make_run_context

BAR, BAR_OF_BROKEN = 1.3, 0.3
#: Tests, and how much each of them computes: a suite runs for ten seconds and more.
SUITES = ((300, 200), (2_000, 30))
_PROJECT: dict[str, Any] = {
    "test_runner": "pytest",
    "lint": ("ruff check .",),
    "types": ("mypy .",),
}
_NOTE = """\
Each part of the change is noticed by a test. Bare pytest runs beside
nothing else; ours has two sandboxes open at a time where there are two processors."""


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    os.environ.setdefault(folders.BUILT, str(folders.kept_environments()))
    settings = Settings(home=scratch, sandbox="bubblewrap")
    workshop = Workshop(scratch, settings, BubblewrapSandbox(settings))
    rows: list[Row] = []
    for count, amount in SUITES:
        files = sample_suites.make_computing(count, amount)
        stage = make_stage(workshop, scratch / f"suite-{count}", files, **_PROJECT)
        base = baseline.measure_base(stage.prepared, stage.services)
        first, second = (
            _make_change(stage, sample_suites.edit_computing(files, wording))
            for wording in ("holds", "still holds")
        )
        broken = _make_change(stage, sample_suites.break_computing(files))
        run_bare = _prepare_bare(stage, files, sample_suites.edit_computing(files, ""))
        whole = Row(f"first submit, {count:,} tests", [], [], BAR)
        again = Row(f"second submit, {count:,} tests", [], whole.bare, BAR)
        early = Row(f"a covering test breaks, {count:,} tests", [], whole.bare, BAR_OF_BROKEN)
        for number in range(rounds):
            say(f"gate, {count:,} tests: round {number + 1} of {rounds}")
            ticket = Ticket(ticket_id="1", title="Round", body="", digest="")
            arguments = ticket, stage.prepared, base, _Steps(), stage.services
            context = make_run_context(*arguments)  # type: ignore[arg-type]
            whole.bare.append(run_bare())
            for row, change in ((whole, first), (again, second)):
                seconds, judged = measure_time(lambda: _judge(change, context))  # noqa: B023
                _require_proof(judged)
                row.ours.append(seconds)
            seconds, judged = measure_time(lambda: _judge(broken, context))  # noqa: B023
            if judged.is_passed or not any(map(list_new, judged.compared)):
                raise BareFailed(f"no test has failed: {judged.compared}")
            early.ours.append(seconds)
        rows += (whole, again, early)
    return [Section("gate", "The whole gate, and one bare run of the suite", "bare", rows, _NOTE)]


def _make_change(stage: Stage, edits: dict[str, str]) -> Change:
    keys = {path.replace("/", "__").replace(".", "_DOT_"): text for path, text in edits.items()}
    return stage.cleared(**keys).change


class _Steps:
    run_seconds_left = 1800.0

    def __call__(self, name: str, work: Callable[..., object], *args: object) -> object:
        return work(*args)


def _judge(change: Change, context: RunContext) -> Round:
    plan = Plan(recipe="", title="Round", parameters="", steps=("Round",))
    return validate.validate_draft(Draft(plan=plan, change=change), context)


def _require_proof(judged: Round) -> None:
    proof = judged.proof
    if not judged.is_passed or len(proof.needed) < 3 or proof.unneeded_parts or proof.untried:
        raise BareFailed(f"{judged.objection or judged.summary}; {proof}")


def _prepare_bare(
    stage: Stage, files: dict[str, str], edits: dict[str, str]
) -> Callable[[], float]:
    tree = lay_tree(stage.services.settings.home, {**files, **edits})
    python = f"{stage.prepared.environment.path}/bin/python"
    argv = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    shell = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> float:
        seconds, ended = measure_time(
            lambda: subprocess.run(
                argv, cwd=tree, env=shell, capture_output=True, text=True, timeout=600, check=False
            )
        )
        if ended.returncode != 0:
            raise BareFailed(f"{sys.executable}: {ended.stdout[-2000:]}")
        return seconds

    return run
