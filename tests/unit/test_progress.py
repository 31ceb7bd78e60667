"""Progress on a terminal, in a pipe, and where somebody wants it plain."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

SHOW = r"""
import time
from rich.console import Console
from agent.cli.progress import Progress

with Progress(Console(stderr=True)) as progress:
    progress.ended("baseline", 2.0, ok=True)
    progress.started("environment")
    progress.heard("read path: [red].py \x07")
    progress.said("fetching")
    time.sleep(0.3)
    progress.ended("environment", 0.3, ok=True)
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


def test_a_terminal_shows_the_present_step_alive():
    assert CURSOR in shown(terminal=True)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_taken_from_the_record_is_marked(terminal):
    lines = [line.rstrip() for line in shown(terminal=terminal).splitlines()]
    (kept,) = [line for line in lines if "baseline" in line]
    assert "on record, not done again" in kept
    (done,) = [line for line in lines if "environment" in line and "0.3 s" in line]
    assert "on record" not in done


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_model_calls_stays_on_a_terminal_and_in_a_pipe(terminal):
    text = shown(terminal=terminal)
    assert "| read path: [red].py" in text
    # Its words are foreign.
    assert "\x07" not in text


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_where_it_is_wanted_plain_a_terminal_gets_lines_alone(environ):
    text = shown(terminal=True, **environ)
    assert "\x1b" not in text
    assert text == (
        "ok    baseline           2.0 s  on record, not done again\n"
        "      | read path: [red].py \ufffd\n      fetching\nok    environment        0.3 s\n"
    )


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}], ids=str)
def test_a_pipe_never_gets_what_moves_a_cursor(environ):
    text = shown(terminal=False, **environ)
    assert CURSOR not in text
    assert "\r" not in text
    assert "fetching" in text
    assert ("\x1b" in text) is ("FORCE_COLOR" in environ)
