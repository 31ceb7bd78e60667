"""The `mergewright` command, also as `python -m agent`."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; Ctrl-C while it is still loading ends it as quietly as later on."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from agent.cli.main import main as command_line

    signal.signal(signal.SIGINT, before)
    command_line()


if __name__ == "__main__":
    main()
