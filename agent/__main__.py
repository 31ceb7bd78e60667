"""The `mergewright` command, also as `python -m agent`."""

import atexit
import gc
import os
import signal

#: To load libraries makes much that stays, and so does reading a repository; looked through for
#: garbage at every turn, and once more at the exit, that takes a fifth of the time that the program
#: itself needs.
GARBAGE = (200_000, 20, 20)


def main() -> None:
    """Run the command line; Ctrl-C while it is still loading ends it as quietly as later on."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    gc.set_threshold(*GARBAGE)
    atexit.register(gc.freeze)
    from agent.cli.main import main as command_line

    # What is loaded by now is never looked through at all.
    gc.freeze()
    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
