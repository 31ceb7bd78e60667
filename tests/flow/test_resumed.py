"""A run on this machine, and a backtest: shown as it goes, stopped in its midst, continued."""

import json
import os
import re
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
from tests.processes import ROOT, find_processes, of_home, run_agent
from tests.scripted import Said, serving
from tests.signed_logs import assert_signed

MODEL = "openai-chat:scripted"
_SECONDS = 300


class Command:
    """`mergewright run`, as a process of its own whose output goes into pipes."""

    def __init__(self, store: Path, server, repository: Path) -> None:
        self._environ = {**os.environ, **server.environ(), "MERGEWRIGHT_HOME": str(store)}
        # The command line names the model, in place of these.
        self._environ |= {"MERGEWRIGHT_MODEL_EDITOR": "openai-chat:another"}
        self._repository = repository

    def begin(self, *args: str) -> subprocess.Popen[str]:
        words = (sys.executable, "-m", "agent", "run", "--repo", str(self._repository), *args)
        return subprocess.Popen(
            words,
            env=self._environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def whole(self, *args: str) -> tuple[int, str, str]:
        """Return exit code, output and what was said besides, the latter on one line."""
        process = self.begin(*args)
        out, err = process.communicate(timeout=_SECONDS)
        return process.returncode, out, " ".join(err.replace("│", " ").split())


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
        *(replace(reply, thought=f"I think of turn {at}.") for at, reply in enumerate(CARRIED))
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
        thoughts = [message.get("reasoning_content") for message in last[0]["messages"]]
        assert len(list(filter(None, thoughts))) == len(CARRIED) - 1
        assert shop.git("diff", "--name-status", f"main..{ended['branch']}").splitlines() == [
            "M\tshop/prices.py",
            "A\ttests/test_total.py",
        ]
        # Three processes wrote its events, and it is one run all the same.
        assert_signed(store, run_id)
        assert not records.exists()


@pytest.mark.deep
def test_a_backtest_ends_on_ctrl_c_and_goes_on_with_the_run_that_broke_off(store, shop, tmp_path):
    lines = model.TEST_FILE.splitlines()
    patch = f"--- /dev/null\n+++ b/tests/test_total.py\n@@ -0,0 +1,{len(lines)} @@\n"
    task = {
        "instance_id": "total",
        "repo": str(shop.path),
        "base_commit": shop.git("rev-parse", "HEAD").strip(),
        "problem_statement": model.TICKET,
        "test_patch": patch + "".join(f"+{line}\n" for line in lines),
        "FAIL_TO_PASS": [model.TEST],
    }
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(json.dumps(task))
    agent = Held(*CARRIED)
    with serving(Scripts(agent=[agent])) as server:
        models = server.environ("chat")
        models |= {"MERGEWRIGHT_MODEL_EDITOR": models["MERGEWRIGHT_MODEL"]}
        models |= {"MERGEWRIGHT_MODEL": "", "MERGEWRIGHT_MODEL_REVIEWER": ""}
        environ = of_home(store, **models)
        process = subprocess.Popen(
            (sys.executable, "-m", "agent", "backtest", "--tasks", str(tasks)),
            env=environ,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert agent.asked.wait(120)
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=10)
        finally:
            process.kill()
        assert process.returncode == 130, err
        # A service that other tests share has the data folder itself.
        assert find_processes(store / "backtest") == []
        last_line = re.search(
            r"0 of 1 tasks are done\..*`mergewright (backtest --resume \S+)`\.\n$", err
        )
        agent.is_held = False
        agent.go.set()
        done = run_agent(*last_line[1].split(), "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    assert "total: the run continues" in done.stderr
    assert json.loads(done.stdout)["tasks"][0]["resolved"]
    # Only what broke off was asked for again.
    assert sorted(replies(server.requests).values()) == [1, 1, 1, 2]
