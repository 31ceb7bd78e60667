"""Whoever begins a run with a model sees what it writes and calls, whichever way the run begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow import github_stories
from tests.flow import model_scripts as model
from tests.flow.model_scripts import Scripts
from tests.scripted import Call, Said, serving
from tests.scripted.faults import KEY

TITLE, _, BODY = model.TICKET.removeprefix("# ").partition("\n\n")
MENDED = [
    Said(
        f"The loop leaves one out.\nIt was asked with {KEY} by the way.",
        calls=(Call("edit", {"path": "shop/prices.py", "old": "prices[1:]", "new": "prices"}),),
    ),
    model.calls(model.finish("It counts all.")),
]


@pytest.fixture
def streamed(stage, store, tmp_path):
    """Begin a run by a command; give the lines of the model, as the terminal shows them."""

    def run(*args: str, environ: dict[str, str]) -> list[str]:
        with serving(Scripts(edit=[MENDED])) as server:
            name = server.environ()["MERGEWRIGHT_MODEL"]
            roles = {"MERGEWRIGHT_MODEL_PLANNER": name, "MERGEWRIGHT_MODEL_EDITOR": name}
            done = subprocess.run(
                [sys.executable, "-m", "agent", "run", *args],
                env={**os.environ, **environ, **server.environ(), "MERGEWRIGHT_MODEL": "", **roles},
                cwd=Path(__file__).parents[2],
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
        lines = done.stderr.splitlines()
        return [line.removeprefix("      | ") for line in lines if line.startswith("      | ")]

    return run


def test_a_run_of_an_issue_streams_what_its_model_writes_and_calls_as_one_of_a_file_does(
    stage, store, streamed, tmp_path
):
    (tmp_path / "ticket.md").write_text(model.TICKET)
    made = model.repository(tmp_path / "app")
    of_file = streamed(
        *("--repo", str(made.path), "--ticket", str(tmp_path / "ticket.md")),
        environ={"MERGEWRIGHT_HOME": str(store)},
    )
    told = github_stories.tell(stage, tmp_path, title=TITLE, body=BODY, files=model.PROJECT)
    of_issue = streamed(
        *("--repo", told.name, "--issue", str(told.issue.number)),
        environ=stage.service.environ,
    )
    assert "The loop leaves one out." in of_issue
    assert "It was asked with [secret removed] by the way." in of_issue
    assert [line for line in of_issue if line.startswith("edit ") and "prices[1:]" in line]
    assert of_issue == of_file
