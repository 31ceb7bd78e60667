"""`python -m tests.live [--only NAME …]`: real projects in sandboxes, held against bare runs.

Exit codes: 0 every test ends in the sandbox as it does bare, but for those on the list with their
reasons; 1 anything else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from agent import settings, wiring
from agent.services import Services
from agent.settings import Settings
from tests.live import measured, report
from tests.live.measured import Measured
from tests.live.projects import PROJECTS, Project

Measure = Callable[[Project, Path, Services, measured.Say], Measured]


def main(argv: Sequence[str] | None = None, measure: Measure = measured.measure) -> int:
    """Measure what is asked for, one project after the other, and tell it."""
    asked = _arguments(argv)
    os.umask(0o022)
    scratch = Path(tempfile.mkdtemp(prefix="mergewright-live-", dir=asked.scratch))
    scratch.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    told = Console(stderr=True)
    begun = time.monotonic()

    def say(line: str) -> None:
        told.print(f"[dim]{time.monotonic() - begun:5.0f} s  {line}[/]", highlight=False)

    found: list[Measured] = []
    try:
        svc = wiring.make_local_services(_settings(scratch), lambda line: say(f"  {line}"))
        for project in asked.projects:
            say(project.name)
            folder = scratch / project.name
            folder.mkdir()
            found.append(measure(project, folder, svc, lambda line: say(f"  {line}")))
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    lacking = report.lacking(found) if asked.projects == PROJECTS else ()
    report.show(found, lacking, Console(width=max(Console().width, 150)))
    say(f"{len(found)} projects")
    return 0 if not lacking and all(one.holds for one in found) else 1


def _settings(scratch: Path) -> Settings:
    """A data folder of its own, unless one is named in which environments are kept."""
    given = {"MERGEWRIGHT_HOME": str(scratch / "home")} | dict(os.environ)
    return settings.load_settings(given)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these projects alone")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp"), help="default: %(default)s")
    asked = parser.parse_args(argv)
    known = {project.name: project for project in PROJECTS}
    if unknown := [name for name in asked.only or () if name not in known]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    asked.projects = tuple(known[name] for name in asked.only or known)
    return asked


if __name__ == "__main__":
    sys.exit(main())
