"""`mergewright readiness --run` on the sample project: a real environment, real rooms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASKING = """\
def test_no_network():
    import socket
    with_network = True
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    except OSError:
        with_network = False
    assert with_network
"""


def measured(repository: Path, home: Path) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "readiness", "--repo", str(repository), "--run", "--json"],
        env={**os.environ, "MERGEWRIGHT_HOME": str(home)},
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def test_the_suite_is_run_twice_in_rooms(sample, store):
    found = measured(sample.path, store)
    assert found["tests in a room"]["state"] == "ready"
    assert "without network and secrets" in str(found["tests in a room"]["says"])
    assert found["test run time"]["state"] == "ready"
    assert str(found["flaky tests"]["says"]).endswith("in two runs, which is no proof")
    sample.write("shop/tests/test_network.py", ASKING)
    sample.git("add", "-A")
    sample.git("commit", "-q", "-m", "Ask the network")
    found = measured(sample.path, store)
    assert found["tests in a room"]["severity"] == "medium"
    assert "1 of " in str(found["tests in a room"]["says"])
    assert any("test_no_network" in str(place) for place in found["tests in a room"]["places"])
