"""Progress on a terminal, in a pipe, and where somebody wants it plain."""

import os
import pty
import subprocess
import sys

SHOW = r"""
import time
from rich.console import Console
from agent.models.step import Step
from agent.cli.terminal import StepDisplay

with StepDisplay(Console(stderr=True)) as progress:
    progress.ended(Step.BASELINE, 2.0, ok=True)
    progress.started(Step.ENVIRONMENT)
    progress.show("fetching")
    time.sleep(0.3)
    progress.ended(Step.ENVIRONMENT, 0.3, ok=True)
"""
CURSOR = "\x1b[?25l"


def shown(*, terminal: bool, **environ: str) -> str:
    """What a person would get on stderr."""
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", **environ}
    reader, writer = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen([sys.executable, "-c", SHOW], stderr=writer, env=env)
    os.close(writer)
    chunks = []
    while True:
        try:
            chunk = os.read(reader, 65536)
        except OSError:  # the end of a terminal
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(reader)
    assert process.wait(30) == 0
    return b"".join(chunks).decode().replace("\r\n", "\n")


def test_what_is_taken_from_the_record_is_marked():
    text = shown(terminal=True)
    assert CURSOR in text, "the present step is alive"
    lines = [line.rstrip() for line in text.splitlines()]
    (kept,) = [line for line in lines if "checks on the base branch" in line]
    assert "reused from the record" in kept
    (done,) = [line for line in lines if "set-up" in line and "0.3 s" in line]
    assert "on record" not in done


def test_a_pipe_never_gets_what_moves_a_cursor_not_even_where_colours_are_wanted():
    text = shown(terminal=False, FORCE_COLOR="1")
    assert CURSOR not in text
    assert "\r" not in text
    assert "fetching" in text
    assert "\x1b" in text
