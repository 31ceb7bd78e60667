"""A run on this machine with a model: shown as it goes, stopped in its midst, gone on with."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow import model_scripts as model
from tests.flow.model_scripts import CARRIED, Scripts, calls
from tests.processes import run_agent
from tests.scripted import Said, serving
from tests.signed_logs import assert_signed

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
        return run_agent(*args, environ=environ).stdout


class Held:
    """Turns of a conversation, the last of which says nothing while it is held."""

    def __init__(self, *turns: Said) -> None:
        self._turns = turns
        self.is_held, self.asked, self.go = True, threading.Event(), threading.Event()

    def __call__(self, seen) -> Said:
        if seen.turn == len(self._turns) and self.is_held:
            self.asked.set()
            assert self.go.wait(_SECONDS)
        return self._turns[seen.turn - 1]

    def stop(self, process: subprocess.Popen[str], sign: signal.Signals) -> tuple[int, str, str]:
        """End the process with a signal while its question waits."""
        assert self.asked.wait(_SECONDS), process.communicate(timeout=10)
        process.send_signal(sign)
        out, err = process.communicate(timeout=_SECONDS)
        self.go.set()
        self.asked.clear()
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


@pytest.mark.deep
def test_a_run_is_shown_stopped_and_gone_on_with(store, shop, ticket):
    agent = Held(
        *(replace(said, thought=f"I think of turn {at}.") for at, said in enumerate(CARRIED))
    )
    review = [calls(("submit_review", {"approve": True, "remarks": []}))]
    with serving(Scripts(agent=[agent], review=[review])) as server:
        command = Command(store, server, shop.path)
        process = command.begin("--ticket", ticket, "--model", MODEL)
        code, out, err = agent.stop(process, signal.SIGINT)
        assert code == 130
        # Plain lines, each as it came.
        assert "\x1b" not in out + err
        run_id = out.partition("mergewright run --resume ")[2].partition("`")[0]
        records = store / "runs" / run_id / "engine.sqlite"
        assert records.stat().st_mode & 0o077 == 0
        agent.go.clear()
        agent.stop(command.begin("--resume", run_id), signal.SIGKILL)
        agent.is_held = False
        assert shop.branches() == ["main"]

        # Which one is meant is known here.
        code, out, err = command.whole("--resume", "--ticket", ticket, "--json")
        ended = json.loads(out)
        assert (code, ended["reason"], ended["run_id"]) == (0, "ready", run_id)
        # What broke off was asked for again, and nothing else.
        assert sorted(replies(server.requests).values()) == [1, 1, 1, 1, 3]
        assert {seen.model for seen in server.requests} == {"scripted"}
        # It was sent the same bytes each time, with every thought of the model.
        last = [seen.body for seen in server.requests if seen.turn == len(CARRIED)]
        assert last == [last[0]] * 3
        thoughts = [said.get("reasoning_content") for said in last[0]["messages"]]
        assert len(list(filter(None, thoughts))) == len(CARRIED) - 1
        assert shop.git("diff", "--name-status", f"main..{ended['branch']}").splitlines() == [
            "M\tshop/prices.py",
            "A\ttests/test_total.py",
        ]
        # Three processes wrote its events, and it is one run all the same.
        assert_signed(store, run_id)
        assert not records.exists()
