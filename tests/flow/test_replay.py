"""A run once more from its ledger: the same patch and text, and a stop where anything differs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.flow import model_scripts as model
from tests.flow.model_scripts import (
    PLANNED,
    TESTED,
    Scripts,
    bash,
    calls,
    edit,
    read,
    submit,
)
from tests.processes import run_agent
from tests.scripted import serving

pytestmark = pytest.mark.deep
#: Nobody is asked, whatever the variables of whoever tests are.
_KEYS = ("OPENAI_", "ANTHROPIC_", "MERGEWRIGHT_")
APPROVED = [calls(("submit_review", {"approve": True, "remarks": []}))]
#: Looks like one of GitHub's, so that it is taken out of whatever is kept.
TOKEN = "ghp_" + "k3Y9" * 9
PROJECT = {**model.PROJECT, "shop/keys.py": f'SAMPLE = "{TOKEN}"\n'}
#: With a file that the ledger shows redacted, output that differs each time, and a failure that
#: goes back to the model.
SCRIPTS = {
    "agent": [
        [
            PLANNED,
            calls(read("shop/prices.py"), read("shop/keys.py")),
            TESTED,
            calls(
                edit("shop/prices.py", "result = 0", "result = 7"),
                bash("date +%N; echo $RANDOM; mktemp -u"),
                submit("All is green."),
            ),
            calls(
                edit("shop/prices.py", "result = 7", "result = 0"),
                edit("shop/prices.py", "prices[1:]", "prices"),
                submit("Now it counts all."),
            ),
        ]
    ],
    "review": [APPROVED],
}


def command(home: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `mergewright` with nothing set but the data folder and what is said here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS)}
    return run_agent(*args, environ={**kept, "MERGEWRIGHT_HOME": str(home), **environ})


class Recorded:
    """A run that was carried out, with its ledger."""

    def __init__(self, home: Path, shop, result: dict) -> None:
        self.home, self.shop, self.result = home, shop, result
        self.run_id = Path(result["log"]).parent.name
        self.ledger = Path(result["log"]).parent / "ledger.jsonl"

    def replay(self, *args: str) -> tuple[int, dict]:
        done = command(self.home, "replay", *args, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def recorded(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    shop = model.repository(folder / "app", PROJECT)
    ticket = folder / "ticket.md"
    ticket.write_text(model.TICKET)
    with serving(Scripts(**SCRIPTS)) as server:
        words = ("run", "--repo", str(shop.path), "--ticket", str(ticket), "--json")
        done = command(store, *words, **server.environ())
    result = json.loads(done.stdout)
    assert result["reason"] == "ready", result["sentence"]
    return Recorded(store, shop, result)


def test_the_same_patch_and_text_come_out_without_a_key(recorded):
    before, branches = recorded.shop.state(), recorded.shop.branches()
    code, told = recorded.replay(recorded.run_id)
    assert (code, told["same"], told["problems"]) == (0, True, []), told
    assert told["turns"] == 6
    assert Path(told["folder"]).stat().st_mode & 0o077 == 0
    # What was taken out of the record is in the code, and was told again.
    assert TOKEN not in recorded.ledger.read_text()
    assert "[secret removed]" in recorded.ledger.read_text()
    # It made the branch as well, but in a repository of its own.
    assert (recorded.shop.state(), recorded.shop.branches()) == (before, branches)
    code = subprocess.run(
        ["git", "-C", f"{told['folder']}/code.git", "rev-parse", recorded.result["branch"]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert code.stdout.strip() == recorded.result["commit"]


def test_a_run_of_an_issue_meets_a_simulated_github(story):
    title, _, body = model.TICKET.partition("\n\n")
    told = story(title=title.removeprefix("# "), body=body, files=model.PROJECT)
    with serving(Scripts(review=[APPROVED])) as server:
        environ = {
            name: value
            for name, value in told.stage.service.environ.items()
            if name.startswith("MERGEWRIGHT_")
        }
        words = ("run", "--repo", told.name, "--issue", "1")
        done = command(told.stage.home, *words, **environ, **server.environ())
    assert told.ended().reason.value == "ready", done.stdout
    # Whoever begins it sees what the model calls.
    assert [line for line in done.stderr.splitlines() if line.startswith("      | edit ")]
    requests = len(told.stage.world.requests.find("/*"))
    done = command(told.stage.home, "replay", told.runs()[0].run.run_id, "--json")
    again = json.loads(done.stdout)
    assert (done.returncode, again["same"], again["turns"]) == (0, True, 5), again
    # The one that the run was of was not asked.
    assert len(told.stage.world.requests.find("/*")) == requests
