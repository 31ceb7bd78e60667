"""A run once more from its ledger: the same patch and text, and a stop where anything differs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deep import deep
from tests.flow import model_scripts as model
from tests.flow.model_scripts import Scripts, calls, create, edit, finish, plan, read
from tests.scripted import serving
from tests.scripted.faults import fault

#: Nobody is asked, whatever the variables of whoever tests are.
_KEYS = ("OPENAI_", "ANTHROPIC_", "MERGEWRIGHT_")
APPROVED = [calls(("submit_review", {"approve": True, "remarks": []}))]
#: Looks like one of GitHub's, so that it is taken out of whatever is kept.
TOKEN = "ghp_" + "k3Y9" * 9
PROJECT = {**model.PROJECT, "shop/keys.py": f'SAMPLE = "{TOKEN}"\n'}
#: With a file that the ledger shows redacted, a trial whose time differs each time, and a failure
#: that goes back to the model.
SCRIPTS = {
    "plan": [[calls(read("shop/prices.py"), read("shop/keys.py")), calls(plan())]],
    "tests": [
        [
            calls(
                create("tests/test_total.py", model.TEST_FILE),
                ("run_test", {"tests": [model.TEST]}),
            ),
            calls(finish()),
        ]
    ],
    "edit": [[calls(edit("shop/prices.py", "result = 0", "result = 7"), finish("All is green."))]],
    "repair": [
        [
            calls(
                edit("shop/prices.py", "result = 7", "result = 0"),
                edit("shop/prices.py", "prices[1:]", "prices"),
                finish("Now it counts all."),
            )
        ]
    ],
    "review": [APPROVED],
}


def command(home: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `mergewright` with nothing set but the data folder and what is said here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS)}
    return subprocess.run(
        [sys.executable, "-m", "agent", *args],
        env={**kept, "MERGEWRIGHT_HOME": str(home), "COLUMNS": "200", **environ},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


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

    def changed(self, folder: Path, chosen: Callable[[dict], bool], old: str, new: str) -> str:
        """Write the ledger elsewhere with one place in one event changed; return its path."""
        lines = self.ledger.read_text().splitlines()
        number = next(
            place for place, line in enumerate(lines) if chosen(json.loads(line)) and old in line
        )
        lines[number] = lines[number].replace(old, new, 1)
        path = folder / "changed.jsonl"
        path.write_text("\n".join((*lines, "")))
        return str(path)


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
    assert told["turns"] == 7
    assert told["patch"]["same"]
    assert told["text"]["same"]
    assert Path(told["folder"]).stat().st_mode & 0o077 == 0
    # What was taken out of the record is in the code, and was told again.
    assert TOKEN not in recorded.ledger.read_text()
    assert "[secret removed]" in recorded.ledger.read_text()
    # It made the branch as well, but in a repository of its own.
    assert (recorded.shop.state(), recorded.shop.branches()) == (before, branches)
    text = Path(told["folder"], "pull_request.md").read_text()
    assert f"The whole log of the run: `{recorded.result['log']}`" in text
    code = subprocess.run(
        ["git", "-C", f"{told['folder']}/code.git", "rev-parse", recorded.result["branch"]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert code.stdout.strip() == recorded.result["commit"]


@pytest.mark.parametrize(
    ("old", "new"), [deep('"cost_usd": 0.0', '"cost_usd": 1.0'), ('"commit": "', '"commit": "0')]
)
def test_a_changed_end_is_not_called_the_same(recorded, tmp_path, old, new):
    path = recorded.changed(tmp_path, lambda event: event["event"] == "ended", old, new)
    # Nor where the closing line, which shows it as well, is taken away.
    lines = Path(path).read_text().splitlines()[:-1]
    Path(path).write_text("\n".join((*lines, "")))
    code, told = recorded.replay(path, "--repo", str(recorded.shop.path))
    assert (code, told["same"], told["ended"]) == (1, False, "differs"), told
    assert "the closing line is missing" in told["problems"][0]
    assert " then, and " in told["sentence"]


def test_branches_that_were_there_are_there_again(recorded, tmp_path):
    """The first name is taken by something else, and the second holds the change already."""
    shop, branch = recorded.shop, recorded.result["branch"]
    ticket = tmp_path / "ticket.md"
    ticket.write_text(model.TICKET)
    shop.git("branch", f"{branch}-2", recorded.result["commit"])
    shop.git("branch", "-f", branch, "main")
    try:
        with serving(Scripts(**SCRIPTS)) as server:
            words = ("run", "--repo", str(shop.path), "--ticket", str(ticket), "--json")
            result = json.loads(command(recorded.home, *words, **server.environ()).stdout)
    finally:
        shop.git("branch", "-f", branch, recorded.result["commit"])
        shop.git("branch", "-D", f"{branch}-2")
    assert result["branch"] == f"{branch}-2"
    assert "holds this very change already" in result["sentence"]
    again = Recorded(recorded.home, shop, result)
    code, told = again.replay(again.run_id)
    assert (code, told["same"]) == (0, True), told

    # What then was and what is now is told apart.
    path = again.changed(
        tmp_path, lambda event: event["event"] == "ended", "this very change", "that very change"
    )
    code, told = again.replay(path, "--repo", str(shop.path))
    assert code == 1
    assert re.search(
        r"ended as ready \(.*that very .*\) then, and as ready \(.*\) now", told["sentence"]
    )


def test_one_that_is_interrupted_says_nothing_about_the_run(recorded):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS)}
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "replay", recorded.run_id],
        env={**kept, "MERGEWRIGHT_HOME": str(recorded.home), "COLUMNS": "200"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("mergewright: interrupted; nothing is said about the run\n")


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


def called(conversation: str, turn: int, kind: str = "model.called") -> Callable[[dict], bool]:
    return lambda event: (
        (event["event"], event.get("conversation"), event.get("turn")) == (kind, conversation, turn)
    )


def test_what_passed_is_published_where_the_minutes_end_and_so_it_is_again(store, tmp_path):
    shop = model.repository(tmp_path / "app", PROJECT)
    shop.write(".github/mergewright.yml", "version: 1\nlimits: {candidates: 2}\n")
    shop.commit("Ask for two attempts")
    ticket = tmp_path / "ticket.md"
    ticket.write_text(model.TICKET)
    only = Scripts(edit=[model.MENDED, lambda seen: fault("chat", "key")])
    with serving(only) as server:
        words = ("run", "--repo", str(shop.path), "--ticket", str(ticket), "--json")
        failed = json.loads(command(store, *words, **server.environ()).stdout)
        assert failed["reason"] == "model_unusable", failed["sentence"]
        asked = len(server.requests)
        # As if all that was done before had taken half an hour, but for seconds.
        file = Path(failed["log"]).parent / "steps.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        (base,) = [one for one in lines if one.get("step") == "baseline"]
        base["record"] = json.dumps({**json.loads(base["record"]), "seconds": 1795.0})
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        words = ("run", "--resume", file.parent.name, "--json")
        result = json.loads(command(store, *words, **server.environ()).stdout)
        assert len(server.requests) == asked
    assert result["reason"] == "ready", result["sentence"]
    assert "in prices:" in shop.git("show", f"{result['branch']}:shop/prices.py")
    told = result["pull_request_text"].replace("\\", "")
    before = "The run had used its minutes (limits.minutes) before attempt 2 of 2"
    assert f"{before} (limits.candidates) was made." in told
    assert "Not run to its end: The run had used its minutes (limits.minutes)." in told

    code, told = Recorded(store, shop, result).replay(file.parent.name)
    assert (code, told["same"], told["patch"]["same"]) == (0, True, True), told


@pytest.mark.parametrize(
    ("chosen", "old", "new", "where", "what"),
    [
        (called("tests 1", 1), "created, 5", "created, 6", "turn 1 of tests 1", "result of create"),
        (called("tests 1", 1), "1 failed", "2 failed", "turn 1 of tests 1", "result of run_test"),
        (
            called("edit 1", 1, "model.answered"),
            "result = 7",
            "result = 8",
            "turn 1 of edit 1",
            "the reply in the ledger is not the one that was given",
        ),
        (
            called("repair 2", 1, "model.asked"),
            "assert 7 == 0",
            "assert 7 == 1",
            "turn 1 of repair 2",
            "what is said to the model differs",
        ),
    ],
)
def test_one_changed_byte_stops_it_at_that_turn(recorded, tmp_path, chosen, old, new, where, what):
    code, told = recorded.replay(
        recorded.changed(tmp_path, chosen, old, new), "--repo", str(recorded.shop.path)
    )
    assert (code, told["same"], told["ended"]) == (1, False, "differs")
    assert told["where"] == where
    assert what in told["sentence"]
    # And the chain shows that it was not written so.
    assert [one for one in told["problems"] if "does not follow" in one]


def test_a_byte_of_what_is_measured_anew_stops_it_too(recorded, tmp_path):
    chosen = called("tests 1", 1)
    line = next(
        line for line in recorded.ledger.read_text().splitlines() if chosen(json.loads(line))
    )
    took = re.search(r"1 failed in (\d+\.\d) s", line)
    other = took[0].replace(f"{took[1]} s", f"{float(took[1]) + 1:.1f} s")
    path = recorded.changed(tmp_path, chosen, took[0], other)
    code, told = recorded.replay(path, "--repo", str(recorded.shop.path))
    assert (code, told["ended"], told["where"]) == (1, "differs", "turn 1 of tests 1")
    assert "its line in the ledger is not the one that was written" in told["sentence"]


def test_a_ledger_that_was_changed_elsewhere_is_not_called_the_same(recorded, tmp_path):
    path = recorded.changed(
        tmp_path, lambda event: event["event"] == "started", '"at": 1', '"at": 2'
    )
    done = command(recorded.home, "replay", path, "--repo", str(recorded.shop.path))
    assert done.returncode == 1
    assert "not the same  run" in done.stdout
    assert "ledger  line 3 does not follow from line 2" in done.stdout
    assert "The ledger is not as it was written. What it has left leads to the same" in done.stdout
    assert "next    Do not rely on this ledger" in done.stdout
    assert "the same, but for" in done.stdout


def test_a_ledger_from_elsewhere_names_no_places_of_this_machine(recorded, tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(recorded.ledger.read_bytes())
    done = command(recorded.home, "replay", str(path))
    assert done.returncode == 2
    commit = recorded.shop.git("rev-parse", "main").strip()
    words = " ".join(done.stderr.replace("│", " ").split())
    assert f"Name a clone that has commit {commit} with --repo DIR" in words


def test_without_its_code_it_cannot_be_replayed(recorded, tmp_path):
    other = model.repository(tmp_path / "other", {**model.PROJECT, "README": "changed"})
    done = command(recorded.home, "replay", recorded.run_id, "--repo", str(other.path))
    assert done.returncode == 2
    commit = recorded.shop.git("rev-parse", "main").strip()
    assert f"There is no branch, tag or commit `{commit}`" in " ".join(
        done.stderr.replace("│", " ").split()
    )


def test_a_run_that_nobody_could_be_asked_in_ends_so_again(store, shop, tmp_path):
    ticket = tmp_path / "ticket.md"
    ticket.write_text(model.TICKET)
    words = ("run", "--repo", str(shop.path), "--ticket", str(ticket), "--model", "openai:one")
    done = command(store, *words, "--json", MERGEWRIGHT_MODEL_TOKENS="1000000")
    result = json.loads(done.stdout)
    assert result["reason"] == "model_unusable"
    assert "OPENAI_API_KEY" in result["sentence"]
    done = command(store, "replay", Path(result["log"]).parent.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The same end (model_unusable) and the same text." in done.stdout


def test_a_run_without_a_ledger_never_came_to_a_step(tmp_path):
    (tmp_path / "runs" / "20260101-000000-0123456789abcdef").mkdir(parents=True)
    done = command(tmp_path, "replay", "20260101")
    assert done.returncode == 2
    assert "the run 20260101-000000-0123456789abcdef never came to its first step" in done.stderr


@pytest.mark.parametrize("named", ["nothing", "../x"])
def test_what_is_no_run_is_refused(store, named):
    done = command(store, "replay", named)
    assert done.returncode == 2
    assert f"there is no file '{named}'" in done.stderr


def test_a_run_of_an_issue_meets_a_simulated_github(story):
    title, _, body = model.TICKET.partition("\n\n")
    told = story(title=title.removeprefix("# "), body=body, files=model.PROJECT)
    with serving(Scripts(review=[APPROVED])) as server:
        environ = {
            name: value
            for name, value in told.stage.service.environ.items()
            if name.startswith("MERGEWRIGHT_")
        }
        words = ("run", "--repo", told.name, "--issue", "1", "--json")
        done = command(told.stage.home, *words, **environ, **server.environ())
    result = json.loads(done.stdout)
    assert result["reason"] == "ready", result["sentence"]
    requests = len(told.stage.world.requests.find("/*"))

    (run,) = told.runs()
    done = command(told.stage.home, "replay", run.run.run_id, "--json")
    again = json.loads(done.stdout)
    assert (done.returncode, again["same"]) == (0, True), again
    assert again["turns"] == 6
    assert "Closes #1" in result["pull_request_text"]
    # The one that the run was of was not asked.
    assert len(told.stage.world.requests.find("/*")) == requests
    assert len(told.pulls()) == 1
