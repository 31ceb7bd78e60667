"""The durable engine, in processes that are killed: what has a record is never done again."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.errors import StoreUnusable
from agent.store.engine import FILE_NAME, Engine, EngineStatus, Segment
from tests.deep import deep

ROOT = Path(__file__).parents[2]
RUN = Segment(run_id="r1")
_WORKER = """
import json, os, sys, time
from pathlib import Path
from agent.store.engine import Engine, Segment, EngineStatus

home, kill = Path(sys.argv[1]), sys.argv[2]

def say(word):
    with (home / "said").open("a") as file:
        file.write(word + chr(10))

def carry(run_id, remember):
    told = []
    for name in ("a", "b", "c"):
        def attempt():
            say(name)
            if kill == name:
                os.kill(os.getpid(), 9)
            return json.dumps(name)
        told.append(remember(name, attempt))
        if kill == "after " + name:
            os.kill(os.getpid(), 9)
    return " ".join(told)

engine = Engine(home, carry)
engine.launch()
run = Segment(run_id="r1")
engine.begin(run)
while engine.read_status(run)[0] is EngineStatus.ALIVE:
    time.sleep(0.02)
say(" ".join(engine.read_status(run)))
engine.close()
"""


def work(home, kill=""):
    """Run a worker to its end; return what all workers have said so far, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, str(home), kill], cwd=ROOT, timeout=60, check=False
    )
    said = home / "said"
    return said.read_text().splitlines() if said.exists() else [], done.returncode


@pytest.fixture
def engine(tmp_path):
    made = []

    def launch(carry):
        for check in made:
            check.close()
        made.append(Engine(tmp_path, carry))
        made[-1].launch()
        return made[-1]

    yield launch
    for one in made:
        one.close()


def ended(engine, segment=RUN, seconds=20.0):
    end = time.monotonic() + seconds
    while (branch_state := engine.read_status(segment))[0] is EngineStatus.ALIVE:
        assert time.monotonic() < end, "it did not end"
        time.sleep(0.02)
    return branch_state


@pytest.mark.parametrize(
    ("kill", "steps"), [("a", ["a", "a", "b", "c"]), deep("after b", ["a", "b", "c"])]
)
def test_a_killed_run_goes_on_with_the_step_that_has_no_record(tmp_path, kill, steps):
    _, code = work(tmp_path, kill)
    assert code == -9
    assert work(tmp_path) == ([*steps, 'ended "a" "b" "c"'], 0)


def test_a_drained_engine_finishes_the_step_and_begins_no_other(engine):
    inside, go, asked = threading.Event(), threading.Event(), []

    def carry(run_id, remember):
        def slow():
            inside.set()
            go.wait(20)
            asked.append("slow")
            return "1"

        return remember("slow", slow) + remember("next", lambda: asked.append("next") or "2")

    made = engine(carry)
    made.begin(RUN)
    assert inside.wait(20)
    assert not made.drain(0.2), "the step is not over"
    go.set()
    assert made.drain(20)
    assert asked == ["slow"]
    assert made.read_status(RUN)[0] is EngineStatus.ALIVE
    made = engine(carry)
    assert made.read_status(RUN)[0] is EngineStatus.STRANDED
    made.begin(RUN)
    assert ended(made) == (EngineStatus.ENDED, "12")
    assert asked == ["slow", "next"]


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnusable, match="is damaged .* restore it from a backup, or move it"):
        Engine(tmp_path, lambda run_id, remember: "").launch()


def test_records_are_text_that_nothing_executes(engine, tmp_path):
    made = engine(lambda run_id, remember: remember("a", lambda: '{"plain": 1}'))
    made.begin(RUN)
    ended(made)
    made.close()
    whole = b"".join(path.read_bytes() for path in tmp_path.glob(FILE_NAME + "*"))
    assert rb"{\"plain\": 1}" in whole
    assert b"py_pickle" not in whole
