"""Output of checks in real sandboxes reaches whoever watches while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.checks import live_output, measuring
from agent.errors import SandboxLost
from agent.services import Execution
from agent.stages import baseline
from tests.integration.check_samples import GREEN, Stage, Workshop

LONG = {
    **GREEN,
    "pytest.ini": "[pytest]\naddopts = -s\n",
    "test_long.py": """
        import time

        def test_long():
            print("halfway there", flush=True)
            time.sleep(300)
    """,
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_output, "QUIET_SECONDS", 0.0)


def test_lines_of_a_check_are_shown_before_it_ends(stage: Callable[..., Stage]) -> None:
    made = stage(LONG, test_runner="pytest")
    shown, seen = [], threading.Event()

    def show(line: str) -> None:
        shown.append(line)
        if "halfway there" in line:
            seen.set()

    class Ended:
        """The real sandbox, whose sandboxes are taken down once the line was seen."""

        def run(self, order, cancelled=None, hear=None):
            return made.sandbox.run(order, seen, hear)

    services = replace(made.services, sandbox=Ended(), execution=Execution(say=show))
    # Nothing but having seen it ends this test within five minutes.
    with pytest.raises(SandboxLost):
        baseline.measure_base(made.prepared, services)
    assert next(line for line in shown if "halfway there" in line).startswith("tests | ")


@pytest.mark.deep
def test_a_flood_is_shown_in_part_and_counted(workshop: Workshop) -> None:
    flood = "def test_flood():\n    for number in range(100_000): print(number)\n"
    files = {"pytest.ini": "[pytest]\naddopts = -s\n", "test_flood.py": flood}
    shown: list[str] = []
    site = workshop.site(files, test_runner="pytest")
    [tests] = measuring.run_all_checks(site, workshop.sandbox, shown.append, tests=True)
    assert tests.status.value == "passed"
    assert len(shown) < 1_000
    assert any("not shown" in line for line in shown)
