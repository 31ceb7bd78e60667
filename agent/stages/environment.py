"""Environment: the repository's own Python and dependencies, built without trusting them.

Where base's tests hardly pass in what is declared, other versions are tried, each built and
measured by steps of its own; the set with which most of them pass is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable

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
from agent.environments import build as environments
from agent.environments import candidates
from agent.environments.candidates import Candidate
from agent.errors import CheckUnfinished, EnvironmentFailed
from agent.ports import Step
from agent.services import Services
from repo_config.schema import PythonSection, RepoConfig

Measure = Callable[[Prepared, Services], CheckReport]
#: More of base's tests than these are red: then other versions are tried.
_MOST_RED = 0.05
#: Suites that take more than this part of the run's minutes are measured once, if most pass.
_MOST_TIME = 1 / 6


def prepare(
    base: Opened, step: Step, svc: Services, measure: Measure
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change.

    Raises:
        EnvironmentFailed: No candidate can be built; what hindered the first is said.
        CheckUnfinished: A limit ended a check twice, with what is declared.
    """
    run, commit, contract = base.run, base.checkout, base.contract
    tried: list[tuple[str, Prepared, CheckReport]] = []
    problem: EnvironmentFailed | None = None

    def best() -> tuple[str, Prepared, CheckReport]:
        return max(tried, key=lambda one: _rate(_tests(one[2])))

    def attempt(candidate: Candidate, number: str) -> None:
        """What was best so far stays, but for what the candidate says."""
        known = best()[1].contract.config if tried else contract.config
        config = known.model_copy(update=candidate.update)
        asked = contract.model_copy(update={"config": config})
        built = step(f"environment{number}", build, run, commit, asked, svc)
        prepared = Prepared(run=run, checkout=commit, contract=asked, environment=built)
        if any(_is_same(prepared, one) for _, one, _ in tried):
            return
        report = step(f"baseline{number}", measure, prepared, svc)
        tried.append((candidate.why, prepared, report))

    try:
        attempt(Candidate(why="as declared"), "")
    except EnvironmentFailed as failed:
        problem = failed
    if problem or _is_poor(tried[0][2], contract):
        built = tried[0][1].environment if tried else None
        proposed = step("candidates", propose, run, contract, commit, built, svc)
        for number, candidate in enumerate(proposed, 2):
            try:
                attempt(candidate, f" {number}")
            except (EnvironmentFailed, CheckUnfinished) as failed:
                svc.say(f"{candidate.why}: {failed.message}")
            else:
                if not _is_poor(tried[-1][2], contract):
                    break
    if not tried:
        raise problem or AssertionError("nothing was tried")
    taken, prepared, before = best()
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


def _find_difference(given: RepoConfig, taken: RepoConfig) -> dict[str, object]:
    """Return what to configure, so that nothing else is tried."""
    old, new = (one.model_dump(mode="json", exclude_defaults=True) for one in (given, taken))
    return {key: value for key, value in new.items() if value != old.get(key)}


def _is_same(one: Prepared, other: Prepared) -> bool:
    """Whether nothing but the way to the same packages differs."""
    configs = (
        each.contract.config.model_copy(update={"python": PythonSection()}) for each in (one, other)
    )
    built, before = one.environment, other.environment
    if (built.packages, built.system) != (before.packages, before.system):
        return False
    return next(configs) == next(configs)


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
