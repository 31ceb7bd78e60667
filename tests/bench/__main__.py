"""`python -m tests.bench [SECTION …] [--rounds N]`: how fast it is, in ratios.

The exit code is 1 where something could not run, and where the gate misses a bar of its own.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from agent.errors import AgentError
from tests.bench import acknowledge, gate, label, model, resume, timing

_SECTIONS = {
    module_type.__name__.rpartition(".")[2]: module_type.measure
    for module_type in (label, gate, acknowledge, resume, model)
}


def main() -> int:
    arguments = _read_arguments()
    # A person's shell does not forbid bytecode; a tool that starts this bench may.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    progress = Console(stderr=True)

    def say(line: str) -> None:
        progress.print(f"[dim]{line}[/]", highlight=False)

    begun = time.monotonic()
    measured: list[timing.Section] = []
    scratch = Path(tempfile.mkdtemp(prefix="mergewright-bench-"))
    scratch.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    try:
        for name in arguments.sections or list(_SECTIONS):
            measured += _SECTIONS[name](scratch, arguments.rounds, say)
    except (AgentError, timing.BareFailed, OSError, subprocess.SubprocessError) as problem:
        progress.print(f"{name} could not be measured: {problem}", markup=False, highlight=False)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shown = Console(width=max(Console().width, 110))
    shown.print()
    for section in measured:
        section.show(shown)
    load = os.getloadavg()
    shown.print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load now {load[0]:.1f}"
        f" (5 min {load[1]:.1f}), {time.monotonic() - begun:.0f} s in all",
        highlight=False,
    )
    rows = [row for section in measured if section.name == "gate" for row in section.rows]
    return int(any(row.verdict == "no" for row in rows))


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(_SECTIONS))
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS, help="default: %(default)s")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.sections if name not in _SECTIONS]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(_SECTIONS)}")
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
