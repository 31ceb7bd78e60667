"""The `mergewright` command, also as `python -m agent`."""

from __future__ import annotations

import atexit
import gc
import os
import signal


def main() -> None:
    """Run the command line; Ctrl-C while it is still loading ends it as quietly as later on."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    # To load libraries makes much that stays; looked through for garbage at every turn, and once
    # more at the exit, that takes a fifth of the time that the program itself needs.
    gc.set_threshold(200_000, 20, 20)
    atexit.register(gc.freeze)
    from agent.cli.main import main as command_line

    # What is loaded by now is never looked through at all.
    gc.freeze()
    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
