"""Commands that are told to end: what they have started ends with them."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import ROOT, find_processes, wait_until

STUBBORN = """
import os, subprocess, sys, time
from agent.cli import interrupts
interrupts._SAME_SECONDS = 0.5
interrupts.end_on_signals()
given = {"env": {**os.environ, "MARK": sys.argv[1]}, "start_new_session": True}
subprocess.Popen(["sh", "-c", "sleep 99 & wait"], **given)
word = "begun"
while True:
    try:
        print(word, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        word = "told"
"""
CLONING = """
import os, sys
from agent.cli import interrupts, run
os.chdir(sys.argv[1])
interrupts.end_on_signals()
run.find_folder(sys.argv[2])
"""


@contextmanager
def started(*argv: str) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, cwd=ROOT, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_second_signal_ends_the_process_and_what_it_has_started(tmp_path):
    # Scripts start programs in the background so.
    argv = ("sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", STUBBORN)
    with started(*argv, str(tmp_path)) as process:
        assert process.stdout.readline() == "begun\n"
        wait_until(lambda: len(find_processes(tmp_path)) == 3)
        process.send_signal(signal.SIGINT)
        process.terminate()
        assert process.stdout.readline() == "told\n"
        # What a terminal and a program between both hand on counts once.
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
        process.terminate()
        assert process.wait(10) == 130
    wait_until(lambda: not find_processes(tmp_path))


def test_a_clone_that_is_interrupted_leaves_no_git_and_no_folder(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Path(f"127.0.0.1:{silent.getsockname()[1]}/silent")
        with started(sys.executable, "-c", CLONING, str(tmp_path), f"http://{place}") as process:
            wait_until(lambda: len(find_processes(place)) > 2)
            process.terminate()
            assert "KeyboardInterrupt" in process.communicate(timeout=10)[1]
        wait_until(lambda: not find_processes(place))
    assert list(tmp_path.iterdir()) == []
