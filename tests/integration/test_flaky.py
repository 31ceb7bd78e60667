"""Tests that fail at times, in real sandboxes: run again on both sides, and believed as far as proved.

What a test depends on by chance is laid into each sandbox by the sandbox here: a turn, different from
sandbox to sandbox, as a script says for each side. All else is as it is.
"""

import dataclasses
import json
from collections.abc import Callable

import pytest

from agent.checks.report import REQUEST_PATH
from agent.models.change import Finding
from agent.models.checks import Status, TestComparison
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.run import Reason
from agent.models.sandbox import Flag, Hear, Sandbox, SandboxFile, SandboxRequest, SandboxResult
from agent.stages import baseline, checks, decide
from tests.integration.check_samples import GREEN, PLAN, Stage

TURN = "/tmp/turn"
AT_TIMES = """
    def test_at_times():
        turn = open("/tmp/turn").read()
        if turn == "E":
            raise ValueError("another way to fail")
        assert turn == "P"
"""
PYTEST = {**GREEN, "test_luck.py": AT_TIMES, "shop.py": "A = 1\n"}
TEST_ID = "test_luck.py::test_at_times"
_LONG = """
    import pytest

    @pytest.mark.parametrize("text", [1], ids=["x" * 2000])
    def test_at_times(text):"""


class Turns:
    """The real sandbox; each that runs tests gets its side's next turn, at last P for ever."""

    def __init__(self, sandbox: Sandbox, base: str, head: str) -> None:
        self._sandbox = sandbox
        self._turns = {"base": iter(base), "head": iter(head)}
        self.sandboxes = {"base": 0, "head": 0}

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        side = str(order.tree).rpartition("/")[2]
        if side in self.sandboxes and _runs_tests(order):
            self.sandboxes[side] += 1
            turn = SandboxFile(path=TURN, content=next(self._turns[side], "P").encode())
            order = replace(order, files=(*order.files, turn))
        return self._sandbox.run(order, cancelled, hear)


def _runs_tests(order: SandboxRequest) -> bool:
    told = next((json.loads(file.content) for file in order.files if file.path == REQUEST_PATH), {})
    # What some tests can be chosen for is a suite.
    return "only" in told


class Judged:
    """A change, as a rule of nothing that the tests look at, and what became of it."""

    def __init__(self, made: Stage, base: str = "", head: str = "", **edits: str) -> None:
        self.sandboxes = Turns(made.sandbox, base, head)
        self.services = dataclasses.replace(made.services, sandbox=self.sandboxes)
        before = baseline.measure_base(made.prepared, self.services)
        cleared = made.cleared(**(edits or {"shop_DOT_py": "A = 2\n"}))
        given = cleared, PLAN, before, made.prepared, self.services
        self.judged = checks.check_cleared(*given)
        self.tests: TestComparison = next(
            one for one in self.judged.compared if isinstance(one, TestComparison)
        )
        contract = made.prepared.contract
        self.verdict: Verdict = decide.decide_verdict(self.judged, cleared, contract)

    def runs(self) -> tuple[str, str]:
        """What the one test did when it was run again: on base, with the change."""
        [one] = self.judged.ran.tests.repeated
        return one.base[:1], one.head[:1]


@pytest.mark.deep
def test_what_fails_on_base_at_times_is_flaky_and_does_not_withhold(
    stage: Callable[..., Stage],
) -> None:
    # Its id is longer than what is kept of ids, and it is asked for again all the same.
    of_long_id = AT_TIMES.replace("    def test_at_times():", _LONG)
    files = {**PYTEST, "test_luck.py": of_long_id}
    judged = Judged(stage(files, test_runner="pytest"), base="PF", head="FP")
    assert judged.runs() == ("f", "p")
    assert (judged.tests.verdict, judged.tests.new_failures) == (Status.PASSED, ())
    [flaky] = judged.tests.flaky
    assert flaky.item_id.startswith(f"{TEST_ID}[xxx")
    assert judged.verdict.reason is Reason.READY
    assert TEST_ID in judged.verdict.sentence
    [found] = [one for one in judged.verdict.findings if one.rule == "flaky-tests"]
    assert isinstance(found, Finding)
    assert (found.rule, found.severity.value) == ("flaky-tests", "info")
    assert TEST_ID in found.message
