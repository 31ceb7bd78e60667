"""Set-ups that may be tried, and how well base's tests run with each. Pure."""

from dataclasses import dataclass

from agent.errors import AgentError
from agent.models.checks import CheckReport, ServerKnock, TestRun
from agent.models.environment import Contract, Prepared
from agent.setup import obstacles


@dataclass(frozen=True)
class Candidate:
    name: str
    """In the names of its steps; "": as configured, or by a template."""
    why: str
    """Where it comes from, for people."""
    lines: str = ""
    """Of a configuration, as YAML; they go over what is there."""
    over: Contract | None = None
    """What they go over; None: what is configured."""
    origin: str = "a model found"
    """Who names these lines, for people."""
    looks_early: bool = False
    """Whether its tests end where half of the first ones fail."""
    listens: bool = False
    """Whether servers that its tests connect to join it, one by one."""


@dataclass(frozen=True)
class TriedSetup:
    candidate: Candidate
    servers: tuple[ServerKnock, ...] = ()
    """That joined it."""
    prepared: Prepared | None = None
    report: CheckReport | None = None
    """None: it could not be built, or was not tried."""
    problem: AgentError | None = None
    """Why not."""

    @property
    def tests(self) -> TestRun | None:
        return self.report.tests if self.report else None

    @property
    def contract(self) -> Contract | None:
        """With its lines; None: it was not built."""
        return self.prepared.contract if self.prepared else None

    @property
    def share(self) -> float | None:
        """Part of the tests that passes; None: none came to its end."""
        return obstacles.share_passed(self.tests) if self.tests else None

    @property
    def has_result(self) -> bool:
        """Whether a test ended by itself, or may if all of them are run."""
        tests = self.tests
        is_early = self.candidate.looks_early and tests and obstacles.ended_early(tests)
        return bool(tests and (is_early or obstacles.is_measured(tests)))

    @property
    def is_complete(self) -> bool:
        """Whether all of base's tests run, and none of them fails."""
        tests = self.tests
        return bool(tests and not obstacles.is_poor(tests) and not tests.count("failed", "error"))

    @property
    def rank(self) -> tuple[bool, bool, tuple[int, int], int]:
        """The greater, the better: by the tests that pass; else by how far the runner got."""
        if (tests := self.tests) is None:
            return False, not self.candidate.lines, (0, 0), 0
        # Of as many that pass, by how few fail, files that were not collected among them.
        rate = tests.count("passed"), -tests.count("failed", "error")
        return True, self.has_result, rate, len(tests.items)

    @property
    def passed(self) -> str:
        why, tests = self.candidate.why, self.tests
        if tests is None:
            return f"{why}: not possible"
        return f"{why}: {tests.count('passed'):,} of {obstacles.count_tests(tests):,}"


def choose_best(tried: list[TriedSetup]) -> TriedSetup:
    """Return that with which most of base's tests pass; of equals the first."""
    return max(tried, key=lambda setup: setup.rank)
