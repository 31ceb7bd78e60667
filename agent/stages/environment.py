"""Environment: the repository's own Python and dependencies, built without trusting them.

Where base's tests hardly pass in what is declared, other versions are tried, each built and
measured by steps of its own; the set with which most of them pass is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, NamedTuple

from agent.editing import scouting
from agent.editing.scouting import Scouted, TryLines
from agent.environments import build as environments
from agent.environments import candidates, distributions, interpreters, obstacles
from agent.environments.candidates import Candidate, Known
from agent.environments.obstacles import Obstacle
from agent.environments.request import EnvironmentRequest
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import CheckUnfinished, EnvironmentFailed, RepositoryUnfit, RequestRefused
from agent.git import worktree
from agent.models.checks import CheckReport
from agent.models.environment import Checkout, Contract, Environment, Opened, Prepared
from agent.models.run import Run, StepRunner
from agent.onboarding import facts, proposed_lines, written
from agent.services import Services
from repo_config.schema import LimitsSection, PythonSection, RepoConfig


class Measures(NamedTuple):
    all: Callable[[Prepared, Services], CheckReport]
    tests: Callable[[Prepared, Services], CheckReport]
    others: Callable[[Prepared, CheckReport, Services], CheckReport]
    """Completes a report of the tests."""


Scout = Callable[[Callable[[], Prepared], Obstacle, TryLines], Scouted]
"""Searches with a model, which works in what the first gives."""
Tried = tuple[str, Prepared, CheckReport]
"""What was tried, and what came of it."""
_FOUND = "as a model found"
_MOST_LEFT_OUT = 5
#: Characters of a configuration that is quoted.
_MOST_LINES = 200


def prepare_environment(
    base: Opened, step: StepRunner, svc: Services, measures: Measures, scout: Scout | None = None
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change.

    Args:
        scout: Asks a model for help where no test runs; None: there is none.

    Raises:
        EnvironmentFailed: No candidate can be built; what hindered the first is said.
        RepositoryUnfit: No test runs; the cause is said, with the way out.
        CheckUnfinished: A limit ended a check twice, with what is declared.
    """
    run, contract = base.run, base.contract
    limits = contract.config.limits
    attempts = _Attempts(base, step, svc, measures)
    tried, problem = attempts.tried, None
    by_lines = svc.settings.setup == "lines"
    begun = Candidate(why="by a template")
    if by_lines:
        attempts.use_known()
    else:
        begun = step("first candidate", propose_first, base, svc)
    try:
        if not tried:
            attempts.make(begun, "")
    except EnvironmentFailed as refusal:
        problem = refusal
    first = tried[0] if tried else None
    may_improve = first is None or candidates.may_improve(first[2].tests, limits)
    if may_improve and not by_lines:
        built, report = (first[1].environment, first[2]) if first else (None, None)
        proposed = step("candidates", propose_candidates, base, begun, built, report, svc)
        attempts.make_until_good(proposed)
    if not any(_rank(one)[0] for one in tried):
        tried.append(attempts.search(problem, scout))
    elif scout is not None and _asks_scout(max(tried, key=_rank)[2], limits, by_lines=by_lines):
        # What few tests run are better than none.
        with suppress(EnvironmentFailed, RepositoryUnfit):
            tried.append(attempts.search(problem, scout))
    taken, prepared, before = max(tried, key=_rank)
    if may_improve:
        before = step("other checks", measures.others, prepared, before, svc)
    if not problem and len(tried) == 1 and not begun.update:
        return prepared, before
    why = _compare_tried(taken, tried, refused=begun.why if problem else "")
    more = _find_difference(contract.config, _drop_left_out(prepared))
    step("choose environment", choose_environment, run, why, more, svc)
    lines = json.dumps(more)
    if len(lines) > _MOST_LINES:
        why += " To keep it, commit what `mergewright config detect` proposes."
    elif more:
        why += f" To keep it, configure `{lines}`."
    built = prepared.environment.model_copy(update={"why": why})
    return prepared.model_copy(update={"environment": built}), before


def _asks_scout(report: CheckReport, limits: LimitsSection, *, by_lines: bool) -> bool:
    if by_lines:
        return candidates.may_improve(report.tests, limits)
    return candidates.says_little(report.tests)


@dataclass
class _Attempts:
    """Builds and measures the base with several configurations, nothing twice."""

    base: Opened
    step: StepRunner
    svc: Services
    measures: Measures
    tried: list[Tried] = field(default_factory=list)
    most: int = 0
    """Tests that were collected so far."""

    def make(self, candidate: Candidate, number: str) -> None:
        """Try a candidate; what was best so far stays, but for what the candidate says."""
        last = None if candidate.resets else _find_furthest(self.tried)
        known = last[1].contract if last else self.base.contract
        config = candidate.extend(known.config)
        update = {"config": config, "project": candidate.project or known.project}
        prepared, report = self._measure(known.model_copy(update=update), number)
        self.most = max(self.most, candidates.count_tests(report.tests))
        # That a candidate finds none where it looks does not mean that there is none.
        found_none = candidate.checks is not None and obstacles.finds_none(report.tests)
        if not found_none and all(one is not report for _, _, one in self.tried):
            self.tried.append((candidate.why, prepared, report))

    def make_until_good(self, proposed: tuple[Candidate, ...]) -> None:
        """Try candidates one after the other, until most tests pass with one."""
        for number, candidate in enumerate(proposed, 2):
            try:
                self.make(candidate, f" {number}")
            except (EnvironmentFailed, CheckUnfinished) as refusal:
                self.svc.say(f"{candidate.why}: {refusal.message}")
            else:
                limits = self.base.contract.config.limits
                if not candidates.is_poor(self.tried[-1][2].tests, limits):
                    break

    def try_lines(self, text: str, name: str) -> Scouted:
        """Try lines of configuration, within what a scout may set."""
        step, svc = self.step, self.svc
        try:
            folder = svc.base_folder(self.base.run)
            asked = step(f"read {name}", proposed_lines.read_lines, text, self.base, folder)
            asked = self._keep_debian_packages(asked)
            prepared, report = self._measure(asked, f" {name}")
            contract = step(
                f"look at {name}",
                proposed_lines.name_left_out,
                self.base,
                prepared,
                report.tests,
                self.most,
                folder,
                may_install=svc.settings.setup == "lines",
            )
        except (RequestRefused, EnvironmentFailed, CheckUnfinished) as problem:
            return problem.message
        self.most = max(self.most, candidates.count_tests(report.tests))
        prepared = prepared.model_copy(update={"contract": contract})
        if not obstacles.has_ended(report.tests):
            return scouting.describe_tests(prepared, report)
        return prepared, report

    def use_known(self) -> None:
        """Take what an earlier run has found, where most tests still pass with it."""
        known = self.step("known set-up", read_known, self.base.run, self.svc)
        result = self.try_lines(known, "known") if known else ""
        limits = self.base.contract.config.limits
        if not isinstance(result, str) and not candidates.is_poor(result[1].tests, limits):
            self.tried.append((_FOUND, *result))

    def _keep_debian_packages(self, asked: Contract) -> Contract:
        """Keep what CI installs with apt, unless the lines say otherwise."""
        section = asked.config.python
        named = [one.contract.config.python.system_packages for _, one, _ in self.tried]
        if section.system_packages or not any(named):
            return asked
        python = section.model_copy(update={"system_packages": max(named, key=len)})
        return asked.model_copy(
            update={"config": asked.config.model_copy(update={"python": python})}
        )

    def search(self, problem: EnvironmentFailed | None, scout: Scout | None) -> Tried:
        """Take what an earlier run has found, or let a model search.

        Raises:
            RunStopped: Nothing is found; the cause is said, with the way out.
        """
        base, step, svc = self.base, self.step, self.svc
        last = _find_furthest(self.tried)
        said = problem.message if problem else _explain_lack(base, last, svc)
        obstacle = step("obstacle", find_obstacle, base, last and last[2], said, svc)
        known = (
            "" if svc.settings.setup == "lines" else step("known set-up", read_known, base.run, svc)
        )
        result = self.try_lines(known, "known") if known else ""
        if known and isinstance(result, str):
            svc.say(f"{_FOUND} earlier: {result}")
            result = ""
        if scout is not None and isinstance(result, str):
            bare = partial(step, "environment bare", build_bare, base, svc)
            with suppress(EnvironmentFailed):
                result = scout((lambda: last[1]) if last else bare, obstacle, self.try_lines)
        if not isinstance(result, str):
            return _FOUND, *result
        words = "\n\n".join(filter(None, (obstacle.words, result)))
        if last and last[2].tests.limit:
            raise CheckUnfinished(words)
        raise EnvironmentFailed(words) if problem else RepositoryUnfit(words)

    def _measure(self, asked: Contract, name: str) -> tuple[Prepared, CheckReport]:
        base, step, svc = self.base, self.step, self.svc
        run, commit = base.run, base.checkout
        built = step(f"environment{name}", build_environment, run, commit, asked, svc)
        prepared = Prepared(run=run, checkout=commit, contract=asked, environment=built)
        same = (report for _, one, report in self.tried if _is_same(prepared, one))
        # Of what is only tried, the tests decide.
        measure = self.measures.tests if name else self.measures.all
        return prepared, next(same, None) or step(f"baseline{name}", measure, prepared, svc)


def _compare_tried(taken: str, tried: list[Tried], refused: str) -> str:
    said = [f"{refused}: packages cannot be installed"] if refused else []
    said += [f"{why}: {_count_tests(report)}" for why, _, report in tried]
    return f"Set up {taken}. Tests of base that pass: {'; '.join(said)}."


def find_obstacle(
    base: Opened, before: CheckReport | None, problem: str, svc: Services
) -> Obstacle:
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    tests = before.tests if before else None
    found = obstacles.find_obstacle(tests, problem, tree, base.contract.config.folder)
    svc.say(found.words)
    return found


def _explain_lack(base: Opened, tried: Tried | None, svc: Services) -> str:
    """Say what an environment is without: packages, or a Python that CI has."""
    if tried is None:
        return ""
    built = tried[1].environment
    files = WorkTreeFiles(svc.base_folder(base.run), base.contract.config.folder)
    python = interpreters.explain_untested(files, built.python, svc.sandbox, svc.settings)
    left = [f"Left out: {one}" for one in built.left_out[:_MOST_LEFT_OUT]]
    return "\n".join([*left, *filter(None, [python])])


def read_known(run: Run, svc: Services) -> str:
    """Return the lines that a model has found in an earlier run of the repository, if one has."""
    known = {one.key: one for one in facts.load_facts(svc.settings.home, run.repository)}
    return written.write(known) if any(_FOUND in one.why for one in known.values()) else ""


def build_bare(base: Opened, svc: Services) -> Prepared:
    """Build an environment without anything of the repository, for a model to look around in.

    Raises:
        EnvironmentFailed: Not even that can be had.
    """
    empty = svc.base_folder(base.run).with_name("nothing")
    empty.mkdir(parents=True, exist_ok=True)
    request = EnvironmentRequest(tree=str(empty))
    built = environments.ensure_environment(request, svc.sandbox, svc.index, svc.settings, svc.say)
    return Prepared(**dict(base), environment=built)


def _find_difference(given: RepoConfig, taken: RepoConfig) -> dict[str, object]:
    """Return what to configure, so that nothing else is tried; of a section, its changed keys."""
    old, new = (dict(facts.flatten_values(one.model_dump(mode="json"))) for one in (given, taken))
    more: dict[str, Any] = {}
    for key, value in new.items():
        if value != old[key]:
            *above, last = key.split(".")
            reduce(lambda section, name: section.setdefault(name, {}), above, more)[last] = value
    return more


def _drop_left_out(prepared: Prepared) -> RepoConfig:
    """Return the configuration without Debian packages that were not to be had."""
    config, left = prepared.contract.config, prepared.environment.left_out
    gone = {one.partition(":")[0] for one in left}
    packages = tuple(one for one in config.python.system_packages if one not in gone)
    section = config.python.model_copy(update={"system_packages": packages})
    return config.model_copy(update={"python": section})


def _is_same(one: Prepared, other: Prepared) -> bool:
    """Whether nothing but the way to the same packages differs."""
    configs = (
        each.contract.config.model_copy(update={"python": PythonSection()}) for each in (one, other)
    )
    built, before = one.environment, other.environment
    parts = ((at.packages, at.system, at.python, at.root) for at in (built, before))
    return next(parts) == next(parts) and next(configs) == next(configs)


def propose_first(base: Opened, svc: Services) -> Candidate:
    """Name what is tried first."""
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    return candidates.propose_first(base.contract.config, tree)


def propose_candidates(
    base: Opened,
    begun: Candidate,
    first: Environment | None,
    report: CheckReport | None,
    svc: Services,
) -> tuple[Candidate, ...]:
    """Name what else is tried, from what the base commit says of its tests."""
    config = base.contract.config
    lacking: tuple[str, ...] = ()
    tree = worktree.open_tree(base.checkout, svc.base_folder(base.run))
    if first and report:
        files = WorkTreeFiles(svc.base_folder(base.run), config.folder)
        lacking = distributions.find_missing_packages(report.tests, first, files)
        if not candidates.is_poor(report.tests, config.limits):
            return candidates.complete_packages(config, lacking, tree)
    is_close = report is not None and not candidates.is_hopeless(report.tests)
    python = "" if is_close else find_other_python(base, first, svc)
    known = Known(first=begun, built=first, lacking=lacking, python=python)
    found = candidates.propose_candidates(config, base.contract.project, known, tree)
    if report is None or not report.tests.limit:
        return found
    # Tests that outran their minutes may lack a server, and no version is one.
    return tuple(one for one in found if one.services or one.setup or one.env)


def find_other_python(base: Opened, first: Environment | None, svc: Services) -> str:
    """Find another Python that CI or classifiers name; empty: none is there, or one is set."""
    config = base.contract.config
    if not candidates.may_vary(config.python):
        return ""
    files, used = (
        WorkTreeFiles(svc.base_folder(base.run), config.folder),
        first.python if first else "",
    )
    return interpreters.find_other_python(files, used, svc.sandbox, svc.settings)


def choose_environment(run: Run, why: str, more: dict[str, object], svc: Services) -> str:
    """Keep what to configure for what is taken; say why it is taken."""
    facts.store_facts(svc.settings.home, run.repository, more, why)
    svc.say(why)
    return why


def _rank(tried: Tried) -> tuple[bool, float, int]:
    """Rank by the tests that pass; where none does, by how far the runner got."""
    tests = tried[2].tests
    return obstacles.is_measured(tests), candidates.rate_tests(tests), len(tests.items)


def _find_furthest(tried: list[Tried]) -> Tried | None:
    """Find the best; of those that are alike, the last has what those before it lacked."""
    return max(reversed(tried), key=_rank, default=None)


def _count_tests(report: CheckReport) -> str:
    tests = report.tests
    return f"{tests.count('passed')} of {candidates.count_tests(tests)}"


def build_environment(run: Run, base: Checkout, contract: Contract, svc: Services) -> Environment:
    """Take the environment from the store, or build it.

    Raises:
        EnvironmentFailed: It cannot be built; the resolver's or builder's own words are in it.
    """
    tree = svc.base_folder(run)
    # A run that goes on after a kill has its records, but no files.
    worktree.open_tree(base, tree)
    request = EnvironmentRequest.from_tree(contract, base, tree)
    clients = svc.sandbox, svc.index, svc.settings, svc.say
    return environments.ensure_as_of(request, *clients)
