"""Describe set-ups to try, and how well base's tests ran with each. Pure."""

from dataclasses import dataclass

from agent.errors import AgentError
from agent.models.checks import CheckReport, ServerKnock, TestRun
from agent.models.environment import Contract, Prepared
from agent.setup import obstacles


@dataclass(frozen=True)
class Candidate:
    name: str
    """Part of the names of its steps; empty: the set-up is the configured one, or a template's."""
    why: str
    """Its source, for people."""
    lines: str = ""
    """Configuration as YAML; it overrides `over`."""
    over: Contract | None = None
    """The contract that `lines` override; None: the repository's own configuration."""
    origin: str = "a model found"
    """The source of `lines`, for people: subject and verb of a sentence."""
    looks_early: bool = False
    """Whether its tests end early if half of the first ones fail."""
    listens: bool = False
    """Whether servers that its tests connect to are added, one by one."""


@dataclass(frozen=True)
class TriedSetup:
    candidate: Candidate
    servers: tuple[ServerKnock, ...] = ()
    """Servers that were added."""
    prepared: Prepared | None = None
    report: CheckReport | None = None
    """Results of its checks on base; None: it could not be built, or was not tried."""
    problem: AgentError | None = None
    """Why it could not be built."""

    @property
    def tests(self) -> TestRun | None:
        return self.report.tests if self.report else None

    @property
    def contract(self) -> Contract | None:
        """The contract with the candidate's lines; None: the set-up was not built."""
        return self.prepared.contract if self.prepared else None

    @property
    def share(self) -> float | None:
        """Share of the tests that pass; None: no test finished."""
        return obstacles.share_passed(self.tests) if self.tests else None

    @property
    def has_result(self) -> bool:
        """Whether a test finished, or may finish once all of them run."""
        tests = self.tests
        is_early = self.candidate.looks_early and tests and obstacles.ended_early(tests)
        return bool(tests and (is_early or obstacles.is_measured(tests)))

    @property
    def is_complete(self) -> bool:
        """Whether all of base's tests run, and none fails."""
        tests = self.tests
        return bool(tests and not obstacles.is_poor(tests) and not tests.count("failed", "error"))

    @property
    def rank(self) -> tuple[bool, bool, tuple[int, int], int]:
        """Rank by passing tests, without any by how far the runner came; greater is better."""
        if (tests := self.tests) is None:
            return False, not self.candidate.lines, (0, 0), 0
        # With equal passes, fewer failures are better; a file that cannot be collected is one, too.
        rate = tests.count("passed"), -tests.count("failed", "error")
        return True, self.has_result, rate, len(tests.items)

    @property
    def passed(self) -> str:
        why, tests = self.candidate.why, self.tests
        if tests is None:
            return f"{why}: not possible"
        return f"{why}: {tests.count('passed'):,} of {obstacles.count_tests(tests):,}"


def choose_best(tried: list[TriedSetup]) -> TriedSetup:
    """Return the set-up with which most of base's tests pass; of equals the first."""
    return max(tried, key=lambda setup: setup.rank)
