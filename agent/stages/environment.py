"""Environment: the repository's own Python and dependencies, built without trusting them.

A set-up comes from the configuration, from what an earlier run has found, or from a template. Where
base's tests hardly pass with it, a model looks for a better one; that with which most of them pass
is taken. Each is built and measured by steps of its own.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from agent.desk import Desk
from agent.editing import scouting
from agent.editing.scouting import Scouted, Search, TryLines
from agent.errors import (
    CheckUnfinished,
    EnvironmentFailed,
    IndexUnavailable,
    RepositoryUnfit,
    RequestRefused,
)
from agent.git import worktree
from agent.models.checks import CheckReport, ServerKnock, TestRun
from agent.models.environment import Checkout, Contract, Environment, OpenedRepository, Prepared
from agent.models.record import replace
from agent.models.run import Run
from agent.models.step import Once, Step
from agent.setup import build as environments
from agent.setup import obstacles, proposal, proposed_lines, sandbox_services
from agent.setup.obstacles import Obstacle
from agent.setup.proposal import KnownSetup
from agent.setup.request import EnvironmentRequest
from agent.stages import baseline
from repo_config import unrun_checks
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderFilter

Scout = Callable[[Callable[[], Prepared], Obstacle, TryLines], Search]
"""Searches with a model, which works in what the first gives."""


class TriedSetup(NamedTuple):
    why: str
    prepared: Prepared
    report: CheckReport


_FOUND = "found by a model"
_KNOWN = "found in an earlier run"
_KNOCKED = "with the servers that the tests connect to"
_CI = "with the variables of CI"
_NOT_AGAIN = "So an earlier search ended; the next one begins when the configured set-up changes."
_MOST_LEFT_OUT = 5
#: Characters of a configuration that is quoted.
_MOST_LINES = 200


def prepare_environment(
    base: OpenedRepository, scout: Scout | None, once: Once, desk: Desk
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks without the change.

    Args:
        scout: Asks a model for help where tests do not run; None: there is none.

    Raises:
        EnvironmentFailed: It cannot be built; what hindered it is said.
        RepositoryUnfit: No test runs; the cause is said, with the way out.
        CheckUnfinished: A limit ended the tests.
    """
    home, config = desk.settings.home, base.contract.config
    kept = once(Step.KNOWN, proposal.load_known, home, base.run.repository, config)
    is_new = scout is not None and not kept.is_searched
    attempts = _Attempts(base, once, desk, kept, looks_early=is_new)
    tried, problem = attempts.tried, None
    if not attempts.use_known():
        try:
            attempts.make_first()
            attempts.use_ci()
        except EnvironmentFailed as refusal:
            problem = refusal
    if not any(attempts.has_result(one) for one in tried):
        tried.append(attempts.search(problem, scout))
    elif scout is not None:
        tests = max(tried, key=_rank).report.tests
        missing = attempts.explain_missing_modules(tests)
        if missing or obstacles.may_improve(tests):
            # A few tests that run are better than none.
            with suppress(EnvironmentFailed, RepositoryUnfit):
                tried.append(attempts.search(problem, scout, missing))
    taken = max(tried, key=_rank)
    before = taken.report
    if attempts.looks_early and obstacles.ended_early(before.tests):
        before = attempts.measure_whole(taken)
    desk.facts.suite_seconds = before.tests.seconds
    if before.is_partial:
        before = once(Step.OTHER_CHECKS, baseline.measure_others, taken.prepared, before, desk)
    more = proposal.find_difference(base.contract.config, taken.prepared.contract.config)
    if not more:
        if attempts.searched and attempts.searched.is_whole:
            attempts.keep("A model found no better set-up.", more, before.tests)
        return taken.prepared, before
    others = "".join(f" ({one.why}: {_count_passed(one)})" for one in tried if one is not taken)
    passed = _count_passed(taken)
    why = f"{taken.why[0].upper()}{taken.why[1:]}: {passed} tests pass on the base branch{others}."
    attempts.keep(why, more, before.tests)
    lines = json.dumps(more)
    if len(lines) > _MOST_LINES:
        why += " To keep it, commit what `mergewright check --write` writes."
    else:
        why += f" To keep it, add `{lines}` to the configuration."
    built = replace(taken.prepared.environment, why=why)
    return replace(taken.prepared, environment=built), before


@dataclass
class _Attempts:
    """Builds and measures the base with several set-ups."""

    base: OpenedRepository
    once: Once
    desk: Desk
    kept: KnownSetup
    looks_early: bool
    """Whether the tests end where half of the first ones fail."""
    tried: list[TriedSetup] = field(default_factory=list)
    under: Contract | None = None
    """What a model's lines are laid over; None: what is configured."""
    searched: Search | None = None
    """None: no model was asked."""

    def has_result(self, one: TriedSetup) -> bool:
        tests = one.report.tests
        is_early = self.looks_early and obstacles.ended_early(tests)
        return is_early or obstacles.is_measured(tests)

    def make_first(self) -> None:
        """Try what is configured, or a template."""
        contract = self.base.contract
        why = "as configured" if contract.config.setup else "by a template"
        prepared, report = self._measure(contract, "", looks_early=self.looks_early)
        if report.tests.knock:
            self._try_values(_KNOCKED, "knock", {}, report.tests.knock)
            if self.tried and not obstacles.is_poor(self.tried[0].report.tests):
                return
            # Some tests expect that no server is there.
            prepared, report = self._measure(contract, "no server")
        self.tried.append(TriedSetup(why, prepared, report))

    def use_ci(self) -> None:
        """Try the variables that jobs of CI set, where tests hardly run without them."""
        last = self.tried[-1]
        if last.report.tests.limit or not obstacles.may_improve(last.report.tests):
            return
        tree = worktree.open_tree(self.base.checkout, self.desk.base_folder(self.base.run))
        found = unrun_checks.find_variables(ProjectFiles(tree))
        # CI's own for the programs of the set-up, as UV_SYSTEM_PYTHON, are about another machine.
        programs = {word for line in last.prepared.environment.sources for word in line.split()}
        env = {
            name: text
            for name, text in found.items()
            if name.partition("_")[0].lower() not in programs
        }
        if env:
            self._try_values(_CI, "CI", {"env": env})

    def _try_values(
        self,
        why: str,
        name: str,
        values: dict[str, object],
        knock: ServerKnock | None = None,
    ) -> None:
        """Measure with some values, and with the servers that tests connect to, one by one."""
        base, once, desk = self.base, self.once, self.desk
        origin = f"{'CI or ' * bool(values)}their connections ask for"
        listens, folder = not base.contract.config.services, desk.base_folder(base.run)
        knocks = [knock] if knock else []
        while True:
            step = f"{name} {len(knocks)}"
            more = sandbox_services.configure_knocks(knocks) if knocks else {}
            text = json.dumps(proposal.lay_over(more, values))
            given = text, base, folder, origin
            try:
                asked = once(Step.READ_LINES.named(step), proposed_lines.read_lines, *given)
                if asked.config == base.contract.config:
                    return
                # What is compared with a first look is one, too.
                looks_early = self.looks_early and bool(values)
                prepared, report = self._measure(
                    asked, step, looks_early=looks_early, listens=listens
                )
            except (RequestRefused, EnvironmentFailed, IndexUnavailable) as problem:
                desk.say(problem.message)
                return
            knock = report.tests.knock
            if knock is None or knock.name in (each.name for each in knocks):
                break
            knocks.append(knock)
        self.tried.append(TriedSetup(why, prepared, report))

    def use_known(self) -> bool:
        """Take what an earlier run has found, where most tests pass with it, or as many as then."""
        values = self.kept.values
        try:
            result = self.try_lines(json.dumps(values), "known") if values else ""
        except RequestRefused:
            return False
        if isinstance(result, str):
            return False
        tests = result[1].tests
        if obstacles.passes_few(tests) and not self.kept.is_over(obstacles.share_passed(tests)):
            return False
        self.tried.append(TriedSetup(_KNOWN, *result))
        return True

    def try_lines(self, text: str, name: str) -> Scouted:
        """Try lines of configuration; RequestRefused: they say more than a scout may set."""
        once, desk = self.once, self.desk
        folder = desk.base_folder(self.base.run)
        under = replace(self.base, contract=self.under or self.base.contract)
        asked = once(Step.READ_LINES.named(name), proposed_lines.read_lines, text, under, folder)
        try:
            prepared, report = self._measure(asked, name)
            contract = once(
                Step.LEFT_OUT.named(name),
                proposed_lines.name_left_out,
                self.base,
                prepared,
                report.tests,
                folder,
            )
        except (RequestRefused, EnvironmentFailed, IndexUnavailable) as problem:
            # Also an index that answers nobody is the affair of the lines that ask it.
            return problem.message
        prepared = replace(prepared, contract=contract)
        if not obstacles.has_ended(report.tests):
            return scouting.describe_tests(prepared, report)
        return prepared, report

    def explain_missing_modules(self, tests: TestRun) -> str:
        """Say that a command which nobody has configured runs few of the test modules."""
        base, desk = self.base, self.desk
        if base.contract.config.checks.tests != "auto":
            return ""
        tree = worktree.open_tree(base.checkout, desk.base_folder(base.run))
        own = FolderFilter(tree, base.contract.project.root)
        return obstacles.find_missing_modules(tests, own)[1]

    def search(
        self, problem: EnvironmentFailed | None, scout: Scout | None, missing: str = ""
    ) -> TriedSetup:
        """Let a model search, unless one has: what that came to holds while tests end as then.

        Args:
            missing: What does not run, in a sentence; "": it is not known.

        Raises:
            RunStopped: Nothing is found; the cause is said, with the way out.
        """
        base, once, desk = self.base, self.once, self.desk
        last = max(self.tried, key=_rank, default=None)
        # What is found is laid over the best that there is.
        self.under = last.prepared.contract if last else base.contract
        lack = ""
        if last:
            environment = last.prepared.environment
            left = environment.left_out[:_MOST_LEFT_OUT]
            used = f"Python {environment.interpreter.version} was used."
            absent = (f"Not in the checkout: {one}" for one in base.contract.project.absent)
            lack = "\n".join((used, *(f"Not installed: {one}" for one in left), *absent))
        said = problem.message if problem else missing or lack
        obstacle = once(Step.OBSTACLE, find_obstacle, base, last, said, desk)
        share, end = last and obstacles.share_passed(last.report.tests), ""
        if scout is not None and self.kept.is_over(share):
            desk.say("no model searches: it has, and as many tests pass as then")
            end = self.kept.why
        elif scout is not None:
            self.searched = self._ask(scout, obstacle, last)
            if self.searched.best:
                return TriedSetup(_FOUND, *self.searched.best)
            end = self.searched.end
        words = "\n\n".join(filter(None, (obstacle.words, end)))
        if last and last.report.tests.limit:
            raise CheckUnfinished(words)
        raise EnvironmentFailed(words) if problem else RepositoryUnfit(words)

    def _ask(self, scout: Scout, obstacle: Obstacle, last: TriedSetup | None) -> Search:
        self.desk.say(obstacle.words)
        # No steps: a run that goes on on another machine needs what they make there.
        bare = partial(build_bare, self.base, self.desk)
        have = partial(self.desk.provide, last.prepared) if last else bare
        search = Search(None, "", is_whole=False)
        with suppress(EnvironmentFailed):
            search = scout(have, obstacle, self.try_lines)
        if search.is_whole and not search.best:
            nothing = KnownSetup(is_searched=True, why=f"{search.end}\n\n{_NOT_AGAIN}")
            step = Step.CHOOSE.named("none")
            self.once(step, choose_environment, self.base, search.end, nothing, self.desk)
        return search

    def keep(self, why: str, values: dict[str, object], tests: TestRun) -> None:
        """Keep what is taken, with the share of tests that passed when it was found."""
        is_searched = self.searched.is_whole if self.searched else self.kept.is_searched
        share = obstacles.share_passed(tests)
        setup = KnownSetup(values=values, is_searched=is_searched, share=share)
        if self.searched is None and values == self.kept.values:
            setup = self.kept
        self.once(Step.CHOOSE, choose_environment, self.base, why, setup, self.desk)

    def measure_whole(self, taken: TriedSetup) -> CheckReport:
        """Measure to the end what was ended early, where nothing better is found.

        Raises:
            RunStopped: No test runs; the cause is said, with the way out.
        """
        name = Step.BASELINE.named("whole")
        report = self.once(name, baseline.measure_base, taken.prepared, self.desk)
        if obstacles.is_measured(report.tests):
            return report
        lines = taken.prepared.environment.sources
        words = obstacles.find_obstacle(report.tests, "", lines).words
        raise CheckUnfinished(words) if report.tests.limit else RepositoryUnfit(words)

    def _measure(
        self, asked: Contract, name: str, *, looks_early: bool = False, listens: bool = False
    ) -> tuple[Prepared, CheckReport]:
        base, once, desk = self.base, self.once, self.desk
        run, commit = base.run, base.checkout
        built = once(Step.ENVIRONMENT.named(name), build_environment, run, commit, asked, desk)
        prepared = Prepared(run=run, checkout=commit, contract=asked, environment=built)
        measured = Step.BASELINE.named(name)
        if name:
            # Whether a tried set-up is used, the tests decide.
            how = {"looks_early": looks_early, "listens": listens}
            report = once(measured, baseline.measure_tests, prepared, desk, **how)
        else:
            report = once(measured, baseline.measure_base, prepared, desk, looks_early=looks_early)
        # The tests' time is added to the run's minutes, so that a search is not over with one try.
        desk.facts.suite_seconds = max(desk.facts.suite_seconds, report.tests.seconds)
        return prepared, report


def find_obstacle(
    base: OpenedRepository, tried: TriedSetup | None, problem: str, desk: Desk
) -> Obstacle:
    if tried:
        tests, lines = tried.report.tests, tried.prepared.environment.sources
    else:
        tree = worktree.open_tree(base.checkout, desk.base_folder(base.run))
        config, committed = base.contract.config, base.checkout.committed
        tests, lines = None, environments.list_lines(tree, config, committed)
    steps = base.contract.project.unrun.get("steps of CI", ())
    return obstacles.find_obstacle(tests, problem, lines, steps)


def build_bare(base: OpenedRepository, desk: Desk) -> Prepared:
    """Build an environment without anything of the repository, for a model to look around in."""
    empty = desk.base_folder(base.run).with_name("nothing")
    empty.mkdir(parents=True, exist_ok=True)
    commit = base.checkout
    request = EnvironmentRequest(
        repository=commit.repository, tree=str(empty), committed=commit.committed
    )
    built = environments.ensure_environment(
        request, desk.sandbox, desk.index, desk.settings, desk.say
    )
    return Prepared(**dict(base), environment=built)


def choose_environment(base: OpenedRepository, why: str, setup: KnownSetup, desk: Desk) -> str:
    """Keep what was found, for later runs; say why it is taken."""
    proposal.store_known(desk.settings.home, base.run.repository, base.contract.config, setup)
    desk.say(why)
    return why


def _count_passed(tried: TriedSetup) -> str:
    tests = tried.report.tests
    return f"{tests.count('passed'):,} of {obstacles.count_tests(tests):,}"


def _rank(tried: TriedSetup) -> tuple[bool, tuple[int, int], int]:
    """Rank by the tests that pass; where none does, by how far the runner got."""
    tests = tried.report.tests
    return obstacles.is_measured(tests), obstacles.rate_tests(tests), len(tests.items)


def build_environment(run: Run, base: Checkout, contract: Contract, desk: Desk) -> Environment:
    """Take the environment from the store, or build it.

    Raises:
        EnvironmentFailed: It cannot be built; the failing line and its words are in it.
    """
    # A run that goes on after a kill has its records, but no files.
    tree = worktree.open_tree(base, desk.base_folder(run)).folder
    request = EnvironmentRequest.from_tree(contract, base, tree)
    clients = desk.sandbox, desk.index, desk.settings, desk.say
    return environments.ensure_environment(request, *clients)
