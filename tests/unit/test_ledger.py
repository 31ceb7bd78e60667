"""The ledger is append-only, and whole after kills and full disks."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.telemetry.ledger import Ledger, LedgerClosed, verify_ledger
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]


def filled(path):
    ledger = Ledger(path, "run-1")
    ledger.append("triage", 1, "started")
    ledger.append("triage", 2, "done", seconds=0.1)
    ledger.end()
    return path


def keys(path):
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [(event["run"], event["step"], event["attempt"], event["number"]) for event in events]


def test_what_comes_late_is_not_written_into_the_attempt_after(tmp_path):
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path, "run-1")
    first.append("forge", 1, "github write")
    first.close()
    second = Ledger(path, "run-1")
    with pytest.raises(LedgerClosed):
        first.append("forge", 2, "github write")
    second.end()
    assert list(verify_ledger(path.read_bytes(), "run-1")) == []
    assert [key[2] for key in keys(path)] == [1, 2, 2]


_WRITER = """
import itertools, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from agent.telemetry.ledger import Ledger

ledger, numbers = Ledger(Path(sys.argv[1]), "run-1"), itertools.count(1)
print("begun", flush=True)

def write(_):
    while True:
        ledger.append("forge", next(numbers), "github write", words="x" * 3000)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(4)))
"""


def test_PF1_after_kills_in_the_middle_of_writes_the_ledger_is_whole(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for attempt in range(1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        before = path.stat().st_size if path.exists() else 0
        wait_until(lambda most=before + 30_000: path.exists() and path.stat().st_size >= most)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        assert Ledger(path, "run-1").count_lost("forge") == 0
        assert max(key[2] for key in keys(path)) == attempt
    Ledger(path, "run-1").end()
    assert list(verify_ledger(path.read_bytes(), "run-1")) == []
    assert len(keys(path)) == len(set(keys(path)))


def test_PF3_half_a_line_on_a_full_disk_is_taken_back(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    ledger = Ledger(path, "run-1")
    before, size = path.read_bytes(), path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(OSError):
            ledger.append("forge", 1, "github write", words="x" * 500)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    ledger.append("forge", 1, "github write")
    ledger.end()
    assert list(verify_ledger(path.read_bytes(), "run-1")) == []
