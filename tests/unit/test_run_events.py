"""The events of a run are whole after kills and full disks."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.telemetry.run_events import RunEvents
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]
_WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from agent.telemetry.run_events import RunEvents

events = RunEvents(Path(sys.argv[1]))
events.append("checks", "started")
print("begun", flush=True)

def write(_):
    while True:
        events.append("forge", "github write", words="x" * 3000)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(4)))
"""


def test_PF1_after_kills_in_the_middle_of_writes_the_events_are_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    for attempt in range(1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        before = path.stat().st_size
        wait_until(lambda most=before + 30_000: path.stat().st_size >= most)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        with path.open("ab") as file:
            file.write(b'{"event": "half')
        events = RunEvents(path)
        assert (events.unfinished["checks"], events.unfinished["forge"]) == (attempt, 0)
    events.append("checks", "done")
    assert json.loads(path.read_text().splitlines()[-1]) == {"event": "done", "step": "checks"}
    again = RunEvents(path)
    assert (again.unfinished["checks"], again.begun) == (0, {"checks"})


def test_PF3_half_a_line_on_a_full_disk_is_taken_back(tmp_path):
    path = tmp_path / "events.jsonl"
    events = RunEvents(path)
    events.append("triage", "started")
    before, size = path.read_bytes(), path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(OSError):
            events.append("forge", "github write", words="x" * 500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
