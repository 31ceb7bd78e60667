"""Environment: the repository's own Python and dependencies, built without trusting them.

Where base's tests hardly pass in what is declared, other versions are tried, each built and
measured by steps of its own; the set with which most of them pass is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from agent import worktree
from agent.checks import check, reports
from agent.contract import kept
from agent.domain import (
    Checkout,
    CheckReport,
    CheckResult,
    Contract,
    Environment,
    Opened,
    Prepared,
    Run,
    Status,
)
from agent.editing import scouting
from agent.editing.scouting import Scouted, Trials
from agent.environments import build as environments
from agent.environments import candidates, obstacles
from agent.environments.candidates import Candidate
from agent.environments.obstacles import Obstacle
from agent.errors import CheckUnfinished, EnvironmentFailed, RepositoryUnfit
from agent.ports import Step
from agent.services import Services
from repo_config.schema import PythonSection, RepoConfig

Measure = Callable[[Prepared, Services], CheckReport]
Scout = Callable[[Prepared, Obstacle, Trials], Scouted]
"""Searches with a model, which works in the first."""
Tried = tuple[str, Prepared, CheckReport]
"""What was tried, and what came of it."""
#: More of base's tests than these are red: then other versions are tried.
_MOST_RED = 0.05
#: Suites that take more than this part of the run's minutes are measured once, if most pass.
_MOST_TIME = 1 / 6


def prepare(
    base: Opened, step: Step, svc: Services, measure: Measure, scout: Scout | None = None
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change.

    Args:
        scout: Asks a model for help where no test runs; None: there is none.

    Raises:
        EnvironmentFailed: No candidate can be built; what hindered the first is said.
        RepositoryUnfit: No test runs; the cause is said, with the way out.
        CheckUnfinished: A limit ended a check twice, with what is declared.
    """
    run, commit, contract = base.run, base.checkout, base.contract
    attempts = _Attempts(base, step, svc, measure)
    tried, problem = attempts.tried, None
    try:
        attempts.make(Candidate(why="as declared"), "")
    except EnvironmentFailed as refusal:
        problem = refusal
    if problem or _is_poor(tried[0][2], contract):
        built = tried[0][1].environment if tried else None
        proposed = step("candidates", propose, run, contract, commit, built, svc)
        for number, candidate in enumerate(proposed, 2):
            try:
                attempts.make(candidate, f" {number}")
            except (EnvironmentFailed, CheckUnfinished) as refusal:
                svc.say(f"{candidate.why}: {refusal.message}")
            else:
                if not _is_poor(tried[-1][2], contract):
                    break
    if not any(_rank(one)[0] for one in tried):
        tried.append(_search(attempts, problem, scout))
    taken, prepared, before = max(tried, key=_rank)
    if not problem and len(tried) == 1:
        return prepared, before
    said = ["as declared: packages cannot be installed"] if problem else []
    said += [f"{why}: {_count(report)}" for why, _, report in tried]
    why = f"Set up {taken}. Tests of base that pass: {'; '.join(said)}."
    more = _find_difference(contract.config, prepared.contract.config)
    step("choose environment", choose, run, why, more, before, svc)
    why += f" To settle it, configure `{json.dumps(more)}`." if more else ""
    built = prepared.environment.model_copy(update={"why": why})
    return prepared.model_copy(update={"environment": built}), before


@dataclass
class _Attempts:
    """Builds and measures; nothing a second time."""

    base: Opened
    step: Step
    svc: Services
    measure: Measure
    tried: list[Tried] = field(default_factory=list)
    unbuilt: list[RepoConfig] = field(default_factory=list)
    """What packages could not be installed for."""

    def make(self, candidate: Candidate, number: str) -> None:
        """Try a candidate; what was best so far stays, but for what the candidate says."""
        contract = self.base.contract
        known = max(self.tried, key=_rank)[1].contract.config if self.tried else contract.config
        config = known.model_copy(update=candidate.update)
        prepared, report = self.measured(contract.model_copy(update={"config": config}), number)
        if all(one is not report for _, _, one in self.tried):
            self.tried.append((candidate.why, prepared, report))

    def measured(self, asked: Contract, name: str) -> tuple[Prepared, CheckReport]:
        """Build a contract and measure base with it.

        Raises:
            EnvironmentFailed: It cannot be built.
            CheckUnfinished: A limit ended a check twice.
        """
        base, step, svc = self.base, self.step, self.svc
        if asked.config in self.unbuilt:
            raise EnvironmentFailed("This was tried already: packages cannot be installed.")
        try:
            built = step(f"environment{name}", build, base.run, base.checkout, asked, svc)
        except EnvironmentFailed:
            self.unbuilt.append(asked.config)
            raise
        prepared = Prepared(**{**dict(base), "contract": asked}, environment=built)
        same = (report for _, one, report in self.tried if _is_same(prepared, one))
        return prepared, next(same, None) or step(f"baseline{name}", self.measure, prepared, svc)


def _search(attempts: _Attempts, problem: EnvironmentFailed | None, scout: Scout | None) -> Tried:
    """Take what an earlier run has found, or let a model search.

    Raises:
        RunStopped: Nothing is found; the cause is said, with the way out.
    """
    base, step, svc, tried = attempts.base, attempts.step, attempts.svc, attempts.tried
    best = max(tried, key=lambda one: scouting.count_tests(one[2])) if tried else None
    said = problem.message if problem else ""
    obstacle = step("obstacle", find_obstacle, base, best and best[2], said, svc)
    svc.say(obstacle.cause)
    most = scouting.count_tests(best[2]) if best else 0
    trials = Trials(base, step, svc, most, attempts.measured)
    known = step("known set-up", scouting.read_kept, base.run, svc)
    result = trials.run(known, "known") if known else Scouted()
    if result.found:
        return "as an earlier run found", *result.found
    if scout is not None and svc.models is not None:
        with suppress(EnvironmentFailed):
            prepared = best[1] if best else step("environment bare", build_bare, base, svc)
            result = scout(prepared, obstacle, trials)
    if result.found:
        return "as a model found", *result.found
    words = "\n\n".join(filter(None, (obstacle.words, result.why)))
    raise EnvironmentFailed(words) if problem else RepositoryUnfit(words)


def find_obstacle(
    base: Opened, before: CheckReport | None, problem: str, svc: Services
) -> Obstacle:
    """Say why no test of the base commit runs."""
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    tests = before.result(check.TESTS) if before else None
    return obstacles.find(tests, problem, tree, base.contract.config.folder)


def build_bare(base: Opened, svc: Services) -> Prepared:
    """Build an environment without anything of the repository, for a model to look around in.

    Raises:
        EnvironmentFailed: Not even that can be had.
    """
    empty = svc.base_folder(base.run).with_name("nothing")
    empty.mkdir(parents=True, exist_ok=True)
    request = environments.EnvironmentRequest(tree=str(empty))
    built = environments.ensure(request, svc.sandbox, svc.index, svc.settings, svc.say)
    return Prepared(**dict(base), environment=built)


def _find_difference(given: RepoConfig, taken: RepoConfig) -> dict[str, object]:
    """Return what to configure, so that nothing else is tried."""
    old, new = (one.model_dump(mode="json", exclude_defaults=True) for one in (given, taken))
    return {key: value for key, value in new.items() if value != old.get(key)}


def _is_same(one: Prepared, other: Prepared) -> bool:
    """Whether nothing but the way to the same packages differs."""
    configs = (
        each.contract.config.model_copy(update={"python": PythonSection()}) for each in (one, other)
    )
    return one.environment.packages == other.environment.packages and next(configs) == next(configs)


def propose(
    run: Run, contract: Contract, base: Checkout, first: Environment | None, svc: Services
) -> tuple[Candidate, ...]:
    """Name what else is tried, from what the base commit says of its tests."""
    tree = worktree.open_tree(base, svc.base_folder(run))
    return candidates.propose(run, contract.config, base, first, tree)


def choose(run: Run, why: str, more: dict[str, object], report: CheckReport, svc: Services) -> str:
    """Keep the report of what is taken, and what to configure for it; say why it is taken."""
    reports.keep(svc.run_folder(run), report)
    kept.write(svc.settings.home, run.repository, more, why)
    svc.say(why)
    return why


def _is_poor(report: CheckReport, contract: Contract) -> bool:
    """Whether other versions may have more of base's tests pass, in reasonable time."""
    tests = _tests(report)
    if tests.status is Status.ABSENT:
        return False
    passed, red = tests.count("passed"), tests.count("failed", "error")
    if passed > red and tests.seconds > contract.config.limits.minutes * 60 * _MOST_TIME:
        return False
    # Of few tests, a single red one is rarely a matter of versions.
    return not passed or red > max(1, _MOST_RED * len(tests.items))


def _rank(tried: Tried) -> tuple[bool, float]:
    tests = _tests(tried[2])
    return obstacles.is_measured(tests), _rate(tests)


def _rate(tests: CheckResult) -> float:
    """Weigh the number of tests that pass by their share; files not collected count as red."""
    passed, red = tests.count("passed"), tests.count("failed", "error")
    return passed * passed / (passed + red) if passed else 0.0


def _tests(report: CheckReport) -> CheckResult:
    none = CheckResult(name=check.TESTS, status=Status.ABSENT)
    return next((one for one in report.results if one.name == check.TESTS), none)


def _count(report: CheckReport) -> str:
    tests = _tests(report)
    return f"{tests.count('passed')} of {len(tests.items)}"


def build(run: Run, base: Checkout, contract: Contract, svc: Services) -> Environment:
    """Take the environment from the store, or build it.

    Raises:
        EnvironmentFailed: It cannot be built; the resolver's or builder's own words are in it.
    """
    tree = svc.base_folder(run)
    # A run that goes on after a kill has its records, but no files.
    worktree.open_tree(base, tree)
    request = environments.EnvironmentRequest.of(contract, base, tree)
    return environments.ensure(request, svc.sandbox, svc.index, svc.settings, svc.say)
