"""RX3: the kernel lets no process out of a sandbox.

What kernel calls the filter refuses is in `test_sandbox.py`; that doctor tries the walls at the start
is in `test_doctor.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from agent.models.sandbox import Mount, SandboxLimits, SandboxRequest

SCRIPT = Path(__file__).parent / "escape.py"
LIMITS = SandboxLimits(seconds=120, disk_bytes=32 * 1024**2)
#: Not possible on every machine that tests run on, even for root.
ABSENT_AT_TIMES = {"a mounted cgroup", "release_agent"}
#: Possible without being root.
ANYBODY = {
    "devices of the machine", "other processes", "privileges to gain", "ptrace", "what was left open",
}  # fmt: skip
APART = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc")
COMPANY = (
    'for n in 1 2 3 4; do sleep 60 & all="$all $!"; done; "$@"; code=$?; kill $all; exit $code'
)


def test_RX3_no_attempt_at_escape_works_in_a_sandbox(sandbox, base):
    (base / "tree").mkdir(exist_ok=True)
    (base / "lent").mkdir(exist_ok=True)
    mount = Mount(source=str(base / "lent"), target="/env", writable=True)
    order = SandboxRequest(
        argv=("/usr/bin/python3", "-I", "-S", "-c", SCRIPT.read_text()),
        tree=str(base / "tree"),
        mounts=(mount,),
        limits=LIMITS,
    )
    result = sandbox.run(order)
    assert result.exit_code == 0, result.output
    worked = json.loads(result.output.splitlines()[-1])
    assert worked["done"] == [], result.output
    assert worked["user"] != 0


def test_RX3_each_attempt_works_where_there_is_no_wall(tmp_path):
    """Bare; where that can be had, as root in namespaces that end with the process."""
    root = os.geteuid() == 0
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        done = subprocess.run(
            [*(APART if root else ()), "sh", "-c", COMPANY, "sh", sys.executable, "-I", SCRIPT],
            capture_output=True, text=True, timeout=120, check=True, pass_fds=(folder,),
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
    finally:
        os.close(folder)
    worked = json.loads(done.stdout.splitlines()[-1])
    expected = set(worked["tried"]) - ABSENT_AT_TIMES if root else ANYBODY
    assert expected <= set(worked["done"]), done.stderr
