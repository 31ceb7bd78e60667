"""A backtest that is told to end in the midst of its work, and goes on later."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from agent.backtest import folders
from tests.flow import model_scripts as model
from tests.flow.model_scripts import CARRIED, Scripts
from tests.flow.test_resumed import Held, replies
from tests.processes import ROOT, find_processes, of_home, run_agent, wait_until
from tests.scripted import serving

_SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(600)\n"
_IGNORED = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


def make_patch(path: str, text: str) -> str:
    lines = text.splitlines()
    head = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
    return head + "".join(f"+{line}\n" for line in lines)


@pytest.fixture
def begin(store, tmp_path):
    """Begin a backtest of tasks, each with its patch of tests, as a group of processes."""
    started = []

    def begin(environ, *through: str, fixes: tuple[str, ...] = (), **patches: str):
        commit = model.repository(tmp_path / "shop").git("rev-parse", "HEAD").strip()
        task = {"repo": str(tmp_path / "shop"), "base_commit": commit, "FAIL_TO_PASS": fixes}
        task |= {"problem_statement": model.TICKET}
        rows = ({**task, "instance_id": name, "test_patch": patches[name]} for name in patches)
        file = tmp_path / "tasks.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        started.append(
            subprocess.Popen(
                (*through, sys.executable, "-m", "agent", "backtest", "--tasks", str(file)),
                env=environ,
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def read_end(process: subprocess.Popen[str], store, done: str):
    """Wait for the end; return the folder of the backtest, which the last line says."""
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    # A service that other tests share has the data folder itself.
    assert find_processes(store / "backtest") == []
    name = re.search(rf"{done} tasks are done\..*`mergewright backtest --resume (\S+)`\.\n$", err)[
        1
    ]
    return store / "backtest" / "campaigns" / name


def resume(folder, environ):
    done = run_agent("backtest", "--resume", folder.name, "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    return {row["instance_id"]: row for row in json.loads(done.stdout)["tasks"]}, done.stderr


@pytest.mark.deep
def test_one_that_judges_ends_on_a_signal_and_goes_on_with_what_is_left(begin, store):
    environ = of_home(store)
    # The first cannot be judged, and has its row at once. Scripts start programs so.
    process = begin(environ, *_IGNORED, quick="none", slow=make_patch("tests/test_a.py", _SLOW))
    next(line for line in process.stderr if line.startswith("slow: reusing the base"))
    wait_until(lambda: find_processes(store / "backtest"))
    process.terminate()
    folder = read_end(process, store, "1 of 2")
    assert [row.instance_id for row in folders.load_rows(folder)] == ["quick"]

    order = folder / "order.json"
    order.write_text(order.read_text().replace("sleep(600)", "sleep(000)"))
    rows, err = resume(folder, environ)
    assert "no merged test fails before" in rows["slow"]["why_not"]
    assert "does not apply" in rows["quick"]["why_not"]
    assert "quick: " not in err


@pytest.mark.deep
def test_one_that_carries_a_run_ends_on_ctrl_c_and_goes_on_with_that(begin, store):
    agent = Held(*CARRIED)
    with serving(Scripts(agent=[agent])) as server:
        given = server.environ("chat")
        given |= {"MERGEWRIGHT_MODEL_EDITOR": given.pop("MERGEWRIGHT_MODEL")}
        environ = of_home(
            store, **given | {"MERGEWRIGHT_MODEL": "", "MERGEWRIGHT_MODEL_REVIEWER": ""}
        )
        test = make_patch("tests/test_total.py", model.TEST_FILE)
        process = begin(environ, fixes=(model.TEST,), total=test)
        assert agent.asked.wait(120)
        os.killpg(process.pid, signal.SIGINT)
        folder = read_end(process, store, "0 of 1")
        agent.is_held = False
        agent.go.set()
        rows, err = resume(folder, environ)
        assert "total: the run continues" in err
        assert rows["total"]["resolved"]
        # Only what broke off was asked for again.
        assert sorted(replies(server.requests).values()) == [1, 1, 1, 2]
