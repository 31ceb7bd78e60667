"""Environment: build the repository's Python and dependencies, without trusting them.

Set-ups are tried in this order: that of an earlier run; the configured one or a template's, with
the variables and options of CI's job for the tests; the same without these; the best so far with
CI's Debian packages; those that a model proposes. The first with which base's tests run well ends
the search; but CI's options may leave tests out, so the set-up without these is tried too. Else
the set-up with which most tests pass is used. Each is built and measured by steps of its own.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from agent.desk import Desk
from agent.editing.scouting import Search
from agent.errors import (
    CheckUnfinished,
    EnvironmentFailed,
    IndexUnavailable,
    RepositoryUnfit,
    RequestRefused,
    RunStopped,
)
from agent.git import one_commit, worktree
from agent.git.tree import WorkTree
from agent.models.checks import CheckReport, ServerKnock, Status, TestRun
from agent.models.environment import Checkout, Contract, Environment, OpenedRepository, Prepared
from agent.models.record import replace as replace_record
from agent.models.run import Run
from agent.models.step import Once, Step
from agent.setup import build as environments
from agent.setup import obstacles, proposal, proposed_lines, sandbox_services
from agent.setup.candidates import Candidate, TriedSetup, choose_best
from agent.setup.obstacles import Obstacle
from agent.setup.proposal import KnownSetup
from agent.setup.request import EnvironmentRequest
from agent.stages import baseline
from repo_config import checking_tools, ci_jobs, ci_setup, tasks, unrun_checks
from repo_config.ci_jobs import CiJob
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderFilter

Scout = Callable[[Callable[[], Prepared], Obstacle], Search]
"""Begins a model's search, in a sandbox with the base that the first argument prepares."""

_CI, _FROM_CI = "CI", "CI or their connections ask for"
_NOT_AGAIN = "So an earlier search ended; the next one begins when the configured set-up changes."
_SHALLOW = "earlier commits, which a shallow clone lacks: run git fetch --unshallow"
_MOST_LEFT_OUT = 5
#: Maximum characters of a configuration that is quoted.
_LONGEST_LINES = 200


def prepare_environment(
    base: OpenedRepository, scout: Scout | None, once: Once, desk: Desk
) -> tuple[Prepared, CheckReport]:
    """Build the environment, and run the checks on base.

    Args:
        scout: Begins a model's search if the tests do not run well; None: there is no model.

    Raises:
        EnvironmentFailed: The environment cannot be built; the message names the cause.
        RepositoryUnfit: No test runs; the message names the cause and the way out.
        CheckUnfinished: A limit ended the tests.
    """
    home, config = desk.settings.home, base.contract.config
    stored = once(Step.KNOWN, proposal.load_known, home, base.run.repository, config)
    trials = _Trials(base, scout, once, desk, stored)
    tried = trials.tried
    for candidate in trials.list_candidates():
        tried.append(trials.measure(candidate))
    best = trials.measure_whole(choose_best(tried))
    if best.prepared is None or best.report is None or not best.has_result:
        raise trials.explain(best)
    prepared, report = best.prepared, best.report
    prepared = replace_record(prepared, contract=trials.name_cells(prepared))
    desk.facts.suite_seconds = report.tests.seconds
    if report.is_partial:
        report = once(Step.OTHER_CHECKS, baseline.measure_others, prepared, report, desk)
    prepared, report = trials.drop_options(prepared, report)
    desk.store_report(base.run, report)
    values = proposal.find_difference(config, prepared.contract.config)
    why = trials.explain_choice(best) if values else "No other set-up is better."
    is_of_ci = best.candidate.name == _CI
    if len(tried) > 1 or trials.search or (values and not is_of_ci):
        trials.remember(why, values, obstacles.share_passed(report.tests))
    if not values or is_of_ci:
        return prepared, report
    lines = json.dumps(values)
    if len(lines) > _LONGEST_LINES:
        why += " To keep it, commit what `mergewright check --write` writes."
    else:
        why += f" To keep it, add `{lines}` to the configuration."
    environment = replace_record(prepared.environment, why=why)
    return replace_record(prepared, environment=environment), report


@dataclass
class _Trials:
    """Lists set-ups for a base, and measures them."""

    base: OpenedRepository
    scout: Scout | None
    once: Once
    desk: Desk
    stored: KnownSetup
    tried: list[TriedSetup] = field(default_factory=list)
    obstacle: Obstacle | None = None
    """What keeps the tests from running well, as a model was told; None: not looked for."""
    search: Search | None = None
    """None: no model has searched."""

    @property
    def _tree(self) -> WorkTree:
        return worktree.open_tree(self.base.checkout, self.desk.base_folder(self.base.run))

    # --- candidates -------------------------------------------------------------------------------

    def list_candidates(self) -> Iterator[Candidate]:
        """Yield the set-ups to try; before the next, the caller adds the result to `tried`."""
        config, tried = self.base.contract.config, self.tried
        looks_early = self.scout is not None and not self.stored.is_searched
        if self.stored.values:
            lines = json.dumps(self.stored.values)
            yield Candidate("known", "found in an earlier run", lines)
            if self._is_good(tried[-1]):
                return
        why = "as configured" if config.setup else "by a template"
        first = Candidate("", why, looks_early=looks_early, listens=not config.services)
        # Whether an earlier run has measured with and without CI's values, and without was better.
        is_compared = self.stored.share is not None and not self.stored.values
        jobs = [] if is_compared else tasks.list_testing_jobs(ProjectFiles(self._tree))
        # Of several jobs only the first is used; what others have besides is listed as not run.
        of_ci = self._find_values_of_ci(jobs[:1])
        if of_ci:
            why = "as CI's job for the tests has it"
            lines = json.dumps(of_ci)
            yield replace(first, name=_CI, why=why, lines=lines, origin=_FROM_CI)
            # CI's options may leave tests out; without these options, more tests may pass.
            has_options = "checks" in of_ci or "PYTEST_ADDOPTS" in of_ci["env"]
            if not has_options and tried[-1].is_complete and self._is_good(tried[-1]):
                return
        yield first
        if tried[-1].servers and not self._is_good(tried[-1]):
            # Some tests pass only without a server.
            yield replace(first, name="no server", listens=False)
        best = choose_best(tried)
        values = self._find_more_of_ci(best)
        if best.tests is None:
            values = of_ci | values
        if values not in ({}, of_ci):
            why = "with what CI sets and installs"
            ci = replace(first, name="CI packages", why=why, origin=_FROM_CI, over=best.contract)
            yield replace(ci, lines=json.dumps(values))
        if self.scout is not None and not any(map(self._is_good, tried)):
            yield from self._ask_model(self.scout)

    def _is_good(self, setup: TriedSetup) -> bool:
        """Whether no other set-up has to be tried."""
        tests = setup.tests
        if tests is None or self._is_as_known(setup):
            return tests is not None
        return not (obstacles.may_improve(tests) or self._explain_missing_modules(tests))

    def _is_as_known(self, setup: TriedSetup) -> bool:
        """Whether an earlier run has tried everything, and as many tests pass as then."""
        is_over = self.stored.is_searched or self.scout is None
        return is_over and setup.share is not None and self.stored.is_as_good(setup.share)

    def _find_values_of_ci(self, jobs: list[CiJob]) -> dict[str, Any]:
        contract = self.base.contract
        return ci_setup.find_values(
            jobs, ProjectFiles(self._tree), contract.config, contract.project
        )

    def _find_more_of_ci(self, best: TriedSetup) -> dict[str, Any]:
        """Find values of CI that may help where tests fail; {}: none.

        These are Debian packages, and the variables of all jobs if no job is seen to start tests.
        """
        tests, config = best.tests, (best.contract or self.base.contract).config
        red = tests.count("failed", "error") if tests else 0
        if self._is_as_known(best) or (tests and (tests.limit or (tests.items and not red))):
            return {}
        may_improve = tests is None or obstacles.may_improve(tests)
        if not may_improve and self.stored.is_as_good(best.share):
            # With few failures, CI's packages are tried only once.
            return {}
        files, installed = ProjectFiles(self._tree), config.python.system_packages
        values = dict[str, Any]()
        if may_improve and not tasks.list_testing_jobs(files):
            values = self._find_values_of_ci(ci_jobs.list_jobs(files))
        wanted = ci_setup.find_system_packages(files)
        if new := [name for name in wanted if name not in installed]:
            values["python"] = {"system_packages": [*installed, *new]}
        return values

    def _explain_missing_modules(self, tests: TestRun) -> str:
        """Return a sentence if a detected command runs few test modules; "": it runs most."""
        contract = self.base.contract
        if contract.config.checks.tests != "auto":
            return ""
        project_tree = FolderFilter(self._tree, contract.project.root)
        return obstacles.find_missing_modules(tests, project_tree)[1]

    def _ask_model(self, scout: Scout) -> Iterator[Candidate]:
        """Yield set-ups of a model, unless it has searched and as many tests pass as then."""
        best, desk = choose_best(self.tried), self.desk
        self.obstacle = self._find_obstacle(best)
        if self.stored.is_searched and self.stored.is_as_good(best.share):
            desk.say("no model searches: it has, and as many tests pass as then")
            return
        desk.say(self.obstacle.words)
        # Not stored as steps: a run that continues on another machine has to build these there.
        bare = partial(build_bare, self.base, desk)
        have = partial(desk.provide, best.prepared) if best.prepared else bare
        try:
            self.search = scout(have, self.obstacle)
        except EnvironmentFailed as problem:
            desk.say(problem.message)
            return
        yield from self.search.propose(self.tried, best.contract)

    # --- measurement ------------------------------------------------------------------------------

    def measure(self, candidate: Candidate) -> TriedSetup:
        """Build a set-up and run base's tests, again with each server that they connect to.

        Raises:
            IndexUnavailable: An index did not answer for the configured set-up, or a template's.
        """
        servers: tuple[ServerKnock, ...] = ()
        alone = ""
        while True:
            names = (candidate.name, *(server.name for server in servers), alone)
            name = " ".join(filter(None, names))
            if servers and not candidate.lines:
                candidate = replace(candidate, why="with the servers that the tests connect to")
            try:
                contract = self._lay_over(candidate, servers, name)
                prepared, report = self._measure(contract, candidate, name)
            except (RequestRefused, EnvironmentFailed, IndexUnavailable) as problem:
                if isinstance(problem, IndexUnavailable) and not name:
                    raise
                # Others may name an index of their own: if it does not answer, only this try fails.
                self.desk.say(problem.message)
                return TriedSetup(candidate, servers, problem=problem)
            if candidate.listens and obstacles.is_port_taken(report.tests):
                # The tests start a server on a port at which we listen.
                candidate, alone = replace(candidate, listens=False), "alone"
                continue
            knock = report.tests.knock
            if knock is None or knock.name in (server.name for server in servers):
                return TriedSetup(candidate, servers, prepared, report)
            servers = (*servers, knock)

    def _lay_over(
        self, candidate: Candidate, servers: tuple[ServerKnock, ...], name: str
    ) -> Contract:
        """Return the contract, overridden by `candidate.lines` and the configuration of servers."""
        base, folder = self.base, self.desk.base_folder(self.base.run)
        if not candidate.lines and not servers:
            return base.contract
        lines, origin = candidate.lines, candidate.origin
        if servers:
            more, origin = sandbox_services.configure_knocks(servers), _FROM_CI
            lines = json.dumps(proposal.override(more, json.loads(lines or "{}")))
        under = replace_record(base, contract=candidate.over or base.contract)
        step = Step.READ_LINES.named(name)
        return self.once(step, proposed_lines.read_lines, lines, under, folder, origin)

    def _measure(
        self, contract: Contract, candidate: Candidate, name: str
    ) -> tuple[Prepared, CheckReport]:
        base, once, desk = self.base, self.once, self.desk
        step = Step.ENVIRONMENT.named(name)
        built = once(step, build_environment, base.run, base.checkout, contract, desk)
        prepared = Prepared(
            run=base.run, checkout=base.checkout, contract=contract, environment=built
        )
        report = once(
            Step.BASELINE.named(name),
            baseline.measure_base,
            prepared,
            desk,
            # The tests decide which set-up is used.
            only_tests=bool(name),
            looks_early=candidate.looks_early,
            listens=candidate.listens,
        )
        # The tests' time is added to the run's minutes, so that there is time for several tries.
        desk.facts.suite_seconds = max(desk.facts.suite_seconds, report.tests.seconds)
        if candidate.lines:
            folder, step = desk.base_folder(base.run), Step.LEFT_OUT.named(name)
            tests, name_left_out = report.tests, proposed_lines.name_left_out
            contract = once(step, name_left_out, base, prepared, tests, folder)
        return replace_record(prepared, contract=contract), report

    def measure_whole(self, best: TriedSetup) -> TriedSetup:
        """Measure the best set-up again, to the end of its tests, if they were ended early."""
        tests, looks_early = best.tests, best.candidate.looks_early
        if best.prepared is None or not (looks_early and tests and obstacles.ended_early(tests)):
            return best
        name = Step.BASELINE.named("whole")
        report = self.once(name, baseline.measure_base, best.prepared, self.desk)
        self.obstacle = None
        whole = replace(best.candidate, looks_early=False)
        return replace(best, candidate=whole, report=report)

    def drop_options(self, prepared: Prepared, report: CheckReport) -> tuple[Prepared, CheckReport]:
        """Run tools without CI's options if base cannot be measured with these."""
        contract = prepared.contract
        files = ProjectFiles(self._tree, contract.project.root)
        plain = checking_tools.find_commands(files, contract.config, is_like_ci=False)
        configured = contract.project.commands
        failed = {run.name for run in report.results if run.status is Status.UNMEASURABLE}
        changed = {command.name for command in plain.commands if command not in configured}
        if not failed & changed:
            return prepared, report
        project = replace_record(
            contract.project, types=plain.types, lint=plain.lint, extra=plain.extra
        )
        prepared = replace_record(prepared, contract=replace_record(contract, project=project))
        kept = tuple(run for run in report.results if run.name not in changed)
        report = replace_record(report, results=kept)
        step = Step.OTHER_CHECKS.named("plain")
        return prepared, self.once(step, baseline.measure_others, prepared, report, self.desk)

    def name_cells(self, prepared: Prepared) -> Contract:
        """Return the contract with the names of what CI has and this environment lacks."""
        contract, environment = prepared.contract, prepared.environment
        python = ".".join(environment.interpreter.version.split(".")[:2])
        servers = {service.name: service.title for service in environment.services}
        files, variables = ProjectFiles(self._tree), {*contract.config.variables}
        cells = unrun_checks.list_cells(files, python, servers, variables)
        project, absent = contract.project, contract.project.absent
        history = self.desk.base_folder(self.base.run).with_name(one_commit.NAME)
        if one_commit.has_shallow_history(history):
            absent = (*absent, _SHALLOW)
        project = replace_record(project, unrun=project.unrun | cells, absent=absent)
        return replace_record(contract, project=project)

    # --- texts ------------------------------------------------------------------------------------

    def _find_obstacle(self, best: TriedSetup) -> Obstacle:
        """Find what keeps the tests from running, and add what the set-up lacks."""
        base, environment = self.base, best.prepared.environment if best.prepared else None
        steps = base.contract.project.unrun.get("jobs of CI", ())
        if environment is None or best.tests is None:
            config, committed = base.contract.config, base.checkout.committed
            lines = environments.list_lines(self._tree, config, committed)
            return obstacles.find_obstacle(None, str(best.problem), lines, steps)
        lacks = [f"Python {environment.interpreter.version} was used."]
        lacks += [f"Not installed: {name}" for name in environment.left_out[:_MOST_LEFT_OUT]]
        lacks += [f"Not in the checkout: {path}" for path in base.contract.project.absent]
        problem = self._explain_missing_modules(best.tests) or "\n".join(lacks)
        return obstacles.find_obstacle(best.tests, problem, environment.sources, steps)

    def explain(self, best: TriedSetup) -> RunStopped:
        """Return the error that names why no test runs; store that a search has ended."""
        obstacle = self.obstacle or self._find_obstacle(best)
        end = self.search.end if self.search else self.stored.why * (self.scout is not None)
        if self.search and self.search.is_whole:
            self.remember(end, {}, None, f"{end}\n\n{_NOT_AGAIN}")
        words = "\n\n".join(filter(None, (obstacle.words, end)))
        if best.tests and best.tests.limit:
            return CheckUnfinished(words)
        return EnvironmentFailed(words) if best.tests is None else RepositoryUnfit(words)

    def explain_choice(self, best: TriedSetup) -> str:
        """Return how many tests pass with the best set-up, and with the others, in a sentence."""
        others = [setup for setup in self.tried if setup.candidate.name != best.candidate.name]
        counts = "".join(f" ({setup.passed})" for setup in others)
        passed = f"{best.passed} tests pass on the base branch{counts}."
        return passed[0].upper() + passed[1:]

    def remember(
        self, why: str, values: dict[str, object], share: float | None, end: str = ""
    ) -> None:
        """Store the set-up that is used, with the share of tests that pass."""
        setup = self.stored
        if self.search is not None or values != setup.values or not setup.is_as_good(share):
            is_searched = self.search.is_whole if self.search else setup.is_searched
            setup = KnownSetup(values=values, is_searched=is_searched, share=share, why=end)
        self.once(Step.CHOOSE, choose_environment, self.base, why, setup, self.desk)


def build_bare(base: OpenedRepository, desk: Desk) -> Prepared:
    """Build an empty environment, in which a model can read the repository."""
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
    """Store the set-up for later runs; return why it is used."""
    proposal.store_known(desk.settings.home, base.run.repository, base.contract.config, setup)
    desk.say(why)
    return why


def build_environment(run: Run, base: Checkout, contract: Contract, desk: Desk) -> Environment:
    """Return the stored environment, or build it.

    Raises:
        EnvironmentFailed: It cannot be built; the message has the failing line and its output.
    """
    # A run that continues after a kill may have records but no tree: then `open_tree` makes it.
    tree = worktree.open_tree(base, desk.base_folder(run)).folder
    request = EnvironmentRequest.from_tree(contract, base, tree)
    clients = desk.sandbox, desk.index, desk.settings, desk.say
    return environments.ensure_environment(request, *clients)
