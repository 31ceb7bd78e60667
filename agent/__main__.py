"""The `mergewright` command, also as `python -m agent`."""

import atexit
import gc
import os
import signal

#: To load libraries makes much that stays, and so does reading a repository; looked through for
#: Loading libraries and reading a repository create many lasting objects. Searching them for
#: garbage at every turn and at the exit would take a fifth of the program's own time.
GARBAGE = (200_000, 20, 20)


def main() -> None:
    """Run the command line; Ctrl-C while it is still loading ends it as quietly as later on."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    gc.set_threshold(*GARBAGE)
    atexit.register(gc.freeze)
    from agent.cli.main import main as command_line

    # Objects that exist by now are never searched.
    gc.freeze()
    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
