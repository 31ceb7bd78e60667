"""Where runs are to wait: at a step or around the push, for as long as a file is there.

`arm` is for the worker itself. A test asks for a hold, waits until a run has come there, does what
is to happen at that moment, and lets the run go on: whatever the machine is busy with.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.github.code_host import GithubCodeHost
from agent.stages import publish
from agent.store import engine

PUSH, PUSHED, PROPOSED = "push", "pushed", "proposed"
"""Before the branch is there, when it is, and when its pull request is."""
_SECONDS = 90.0


def arm() -> None:
    """Have the runs of this process wait where they are asked to."""
    home = Path(os.environ["MERGEWRIGHT_HOME"])
    kept, place, propose = (
        engine._Kept.__call__,
        publish._place_change,
        GithubCodeHost.publish_pull_request,
    )

    def remembering(self: engine._Kept, name: str, attempt: Callable[[], str]) -> str:
        def held() -> str:
            _wait(home, name)
            return attempt()

        return kept(self, name, held)

    def placing(*args: Any, **more: Any) -> Any:
        _wait(home, PUSH)
        placed = place(*args, **more)
        _wait(home, PUSHED)
        return placed

    def proposing(self: GithubCodeHost, *args: Any, **more: Any) -> Any:
        proposed = propose(self, *args, **more)
        _wait(home, PROPOSED)
        return proposed

    engine._Kept.__call__ = remembering  # type: ignore[method-assign]
    publish._place_change = placing
    GithubCodeHost.publish_pull_request = proposing  # type: ignore[method-assign]


def _wait(home: Path, at: str) -> None:
    wanted, there = _files(home, at)
    try:
        wanted.rename(there)
    except FileNotFoundError:
        return
    while there.exists():
        time.sleep(0.02)


@contextmanager
def held(home: Path, at: str, begin: Callable[[], object]) -> Iterator[None]:
    """Have the next run that comes there wait while the block is carried out.

    Args:
        begin: Lets that run begin.
    """
    wanted, there = _files(home, at)
    wanted.parent.mkdir(exist_ok=True)
    wanted.touch()
    try:
        begin()
        end = time.monotonic() + _SECONDS
        while not there.exists():
            assert time.monotonic() < end, f"no run has come to {at!r}"
            time.sleep(0.02)
        yield
    finally:
        wanted.unlink(missing_ok=True)
        there.unlink(missing_ok=True)


def _files(home: Path, at: str) -> tuple[Path, Path]:
    folder = home / "holds"
    return folder / f"{at}.wanted", folder / f"{at}.there"
