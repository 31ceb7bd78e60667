"""A run on this machine with a model: shown as it goes, stopped in its midst, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from agent.adapters import step_file
from tests.flow import model_scripts as model
from tests.flow.model_scripts import MENDED, Scripts, calls, create, finish
from tests.scripted import Said, serving

MODEL = "openai-chat:scripted"
_SECONDS = 300


class Command:
    """`mergewright run`, as a process of its own whose output goes into pipes."""

    def __init__(self, store: Path, server, repository: Path) -> None:
        self._environ = {**os.environ, **server.environ(), "MERGEWRIGHT_HOME": str(store)}
        # Whom it asks is said on the command line, in place of these.
        self._environ |= {"MERGEWRIGHT_MODEL_EDITOR": "openai-chat:another"}
        self._repository = repository

    def begin(self, *args: str) -> subprocess.Popen[str]:
        words = (sys.executable, "-m", "agent", "run", "--repo", str(self._repository), *args)
        return subprocess.Popen(
            words,
            env=self._environ,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def whole(self, *args: str) -> tuple[int, str, str]:
        """Return exit code, output and what was said besides, the latter on one line."""
        process = self.begin(*args)
        out, err = process.communicate(timeout=_SECONDS)
        return process.returncode, out, " ".join(err.replace("│", " ").split())

    def another(self, *args: str) -> str:
        """Run another command without a model; return what it says."""
        environ = {
            name: value
            for name, value in self._environ.items()
            if not name.startswith(("MERGEWRIGHT_MODEL", "OPENAI", "ANTHROPIC"))
        }
        return subprocess.run(
            (sys.executable, "-m", "agent", *args),
            env={**environ, "COLUMNS": "200"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        ).stdout


class Held:
    """Turns of a conversation, the last of which says nothing until it is let go, the first time."""

    def __init__(self, *turns: Said) -> None:
        self._turns = turns
        self.asked, self.go = threading.Event(), threading.Event()

    def __call__(self, seen) -> Said:
        if seen.turn == len(self._turns) and not self.asked.is_set():
            self.asked.set()
            assert self.go.wait(_SECONDS)
        return self._turns[seen.turn - 1]

    def stop(self, process: subprocess.Popen[str], sign: signal.Signals) -> tuple[int, str, str]:
        """End the process with a signal while its question waits."""
        assert self.asked.wait(_SECONDS), process.communicate(timeout=10)
        process.send_signal(sign)
        out, err = process.communicate(timeout=_SECONDS)
        self.go.set()
        return process.returncode, out, err


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


@pytest.fixture
def ticket(tmp_path):
    path = tmp_path / "ticket.md"
    path.write_text(model.TICKET)
    return str(path)


def replies(requests) -> Counter[tuple[str, int]]:
    """Count how often each turn was asked for."""
    return Counter((seen.messages[0][1], seen.turn) for seen in requests)


def test_a_run_is_shown_stopped_and_gone_on_with(store, shop, ticket):
    tested = [
        calls(
            create("tests/test_total.py", model.TEST_FILE), ("run_test", {"tests": [model.TEST]})
        ),
        Said(text="It is red,\nas it has to be.", calls=calls(finish()).calls),
    ]
    edit, review = Held(*MENDED), Held(calls(("submit_review", {"approve": True, "remarks": []})))
    scripts = Scripts(tests=[tested], edit=[edit], review=[review])
    with serving(scripts) as server:
        command = Command(store, server, shop.path)
        process = command.begin("--ticket", ticket, "--model", MODEL)
        code, out, err = edit.stop(process, signal.SIGINT)
        # Plain lines, each as it came.
        assert code == 130
        assert "\x1b" not in out + err
        for line in (
            "tests 1, turn 1: 2 calls",
            "| create path: tests/test_total.py",
            "| run_test: 1 failed",
            "| It is red,\n      | as it has to be.",
            "tests: passed, 1 items",
        ):
            assert line in err
        assert "Interrupted; nothing was changed, and what was done is kept." in out
        run_id = out.partition("mergewright run --resume ")[2].partition("`")[0]
        assert (store / "runs" / run_id / "steps.jsonl").stat().st_mode & 0o077 == 0
        assert shop.branches() == ["main"]
        asked = len(server.requests)

        process = command.begin("--resume", run_id)
        code, out, err = review.stop(process, signal.SIGKILL)
        assert code == -signal.SIGKILL
        assert f"going on with {run_id}" in err
        assert "s  on record, not done again" in err

        # Which one is meant is known here.
        code, out, err = command.whole("--resume", "--ticket", ticket, "--json")
        ended = json.loads(out)
        assert (code, ended["reason"]) == (0, "ready"), ended["sentence"]
        assert asked == 6
        # What broke off was asked for again, and nothing else.
        assert sorted(replies(server.requests).values()) == [1, 1, 1, 1, 1, 2, 2]
        assert {seen.model for seen in server.requests} == {"scripted"}
        assert shop.git("diff", "--name-status", f"main..{ended['branch']}").splitlines() == [
            "M\tshop/prices.py",
            "A\ttests/test_total.py",
        ]
        assert "The loop left the first price out." in ended["pull_request_text"]

        # Three processes wrote its ledger, and it is one run all the same.
        again = command.another("replay", run_id)
        assert "The same end (ready), the same patch and the same text." in again
        assert "7 replies given again" in again

        # It is done, so there is nothing to go on with.
        assert not (store / "runs" / run_id / "steps.jsonl").exists()
        code, _, err = command.whole("--resume", run_id)
        assert code == 2
        assert f"the run {run_id} is done: its branch is {ended['branch']}" in err
        code, _, err = command.whole("--resume")
        assert code == 2
        assert "left to go on with; begin one" in err


def test_what_ended_at_its_budget_goes_on_with_as_much_again(store, shop, ticket):
    with serving(
        Scripts(review=[[calls(("submit_review", {"approve": True, "remarks": []}))]])
    ) as (server):
        command = Command(store, server, shop.path)
        command._environ["MERGEWRIGHT_MODEL_CALLS"] = "4"
        code, out, _ = command.whole("--ticket", ticket, "--model", MODEL)
        assert code == 1
        assert "The run has used its 4 replies" in out
        assert "then go on where it was: `mergewright run --resume 2" in out
        # The ledger is enough to come to the same end, without a key.
        run_id = out.partition("mergewright run --resume ")[2].partition("`")[0]
        again = command.another("replay", run_id)
        assert "The same end (budget_spent), the same patch and the same text." in again
        code, out, _ = command.whole("--resume", "--json")
        assert (code, json.loads(out)["reason"]) == (0, "ready"), out
        assert set(replies(server.requests).values()) == {1}


def test_one_that_is_terminated_is_kept_and_one_that_gave_up_is_not(store, shop, ticket, tmp_path):
    at_first = Held(Said(text="I have no idea."))

    def silent(seen) -> Said:
        return at_first(seen) if seen.turn == 1 else Said(text="I have no idea.")

    other = tmp_path / "other.md"
    other.write_text(model.TICKET)
    with serving(Scripts(plan=[silent])) as server:
        command = Command(store, server, shop.path)
        # What is refused before its first step leaves nothing.
        before, tokens = set(store.glob("runs/*")), command._environ.pop("MERGEWRIGHT_MODEL_TOKENS")
        code, _, err = command.whole("--ticket", ticket, "--model", MODEL)
        assert (code, set(store.glob("runs/*"))) == (2, before), err
        command._environ["MERGEWRIGHT_MODEL_TOKENS"] = tokens

        process = command.begin("--ticket", ticket, "--model", MODEL)
        assert process.stderr is not None
        run_id = process.stderr.readline().removeprefix("run ").strip()
        assert at_first.asked.wait(_SECONDS)
        code, _, err = command.whole("--resume", run_id)
        assert code == 1
        assert f"under way in another process, {process.pid}. " in err
        assert f"then `mergewright run --resume {run_id}` goes on" in err
        code, out, err = at_first.stop(process, signal.SIGTERM)
        assert code == 143
        assert f"mergewright run --resume {run_id}`" in out

        code, _, err = command.whole("--resume", "--ticket", str(other))
        assert code == 2
        assert f"but {run_id} of another ticket is: `mergewright run --resume {run_id}`" in err

        code, out, _ = command.whole("--resume", "--ticket", ticket, "--json")
        ended = json.loads(out)
        assert (code, ended["run_id"], ended["reason"]) == (1, run_id, "edit_failed")
        code, _, err = command.whole("--resume", run_id)
        assert code == 2
        assert f"the run {run_id} ended as edit_failed, and with what is on record" in err
        # A long path is broken by the frame around the words.
        assert f"Begin anew with --ticket {ticket}".replace(" ", "") in err.replace(" ", "")
        code, _, err = command.whole("--resume")
        assert (code, "left to go on with" in err) == (2, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--resume", "--base", "main"), "leave --base out"),
        (("20261121",), "a run is named with --resume"),
        (("--resume", "../x"), "no run that begins with '../x' can go on"),
        (("--ticket", __file__, "--model", "gpt"), "entry 1 is not of the form provider:name"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, shop, args, words):
    # One that could go on, and that none of these words mean.
    left = tmp_path / "runs" / "20260101-000000-0123456789abcdef"
    left.mkdir(parents=True)
    (left / step_file.FILE_NAME).touch()
    with serving([]) as server:
        code, _, err = Command(tmp_path, server, shop.path).whole(*args)
    assert code == 2
    assert words in err
