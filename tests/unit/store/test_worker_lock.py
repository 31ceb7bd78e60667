"""The lock of a data folder: who has it is named, and it does not outlive its process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import EngineLocked, SettingsInvalid
from agent.sandbox.slots import open_home
from agent.store.worker_lock import FILE_NAME, lock_home

ROOT = Path(__file__).parents[3]
#: Takes the lock, starts a program that goes on without it, and tells that program's number.
_HOLDER = """
import subprocess, sys
from pathlib import Path
from agent.store.worker_lock import lock_home

with lock_home(Path(sys.argv[1])):
    left = subprocess.Popen(["sleep", "60"], close_fds=False)
    print(left.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Have another process hold the folder; give it, and what it has started."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(home)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        left = int(process.stdout.readline())
        try:
            yield process, left
        finally:
            process.kill()
            os.kill(left, signal.SIGKILL)


def test_who_comes_second_is_told_who_has_it_and_what_to_do(tmp_path):
    with holding(tmp_path) as (holder, _):
        words = rf"{tmp_path} .*process {holder.pid} "
        with pytest.raises(EngineLocked, match=words), lock_home(tmp_path):
            pass


def test_it_ends_with_its_process_whatever_that_has_left_running(tmp_path):
    with holding(tmp_path) as (holder, left):
        holder.kill()
        holder.wait(10)
        with lock_home(tmp_path):
            os.kill(left, 0)
            assert (tmp_path / FILE_NAME).read_text().startswith(f"process {os.getpid()} since ")


@pytest.mark.parametrize(
    ("name", "put", "use"),
    [
        (FILE_NAME, Path.mkdir, lambda home: lock_home(home).__enter__()),
        ("sandboxes", Path.touch, open_home),
    ],
    ids=["a folder", "a file"],
)
def test_what_stands_in_the_place_of_our_own_is_told_with_the_data_folder(tmp_path, name, put, use):
    put(tmp_path / name)
    with pytest.raises(SettingsInvalid, match=f"MERGEWRIGHT_HOME: {tmp_path} cannot be used"):
        use(tmp_path)
