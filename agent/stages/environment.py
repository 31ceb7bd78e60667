"""Environment: the repository's own Python and dependencies, built without trusting them.

Set-ups are tried in order: what an earlier run has found; what is configured or a template says,
first with the variables and options of CI's job for the tests; that with CI's Debian packages; what
a model proposes. Where base's tests run well with one, nothing else is tried, but for CI's options,
which may leave tests out; that with which most of them pass is taken. Each is built and measured by
steps of its own.
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
from repo_config import checking_tools, ci_jobs, ci_setup, unrun_checks
from repo_config.ci_jobs import CiJob
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderFilter

Scout = Callable[[Callable[[], Prepared], Obstacle], Search]
"""Begins a search by a model, which works in what the first gives."""

_CI, _FROM_CI = "CI", "CI or their connections ask for"
_NOT_AGAIN = "So an earlier search ended; the next one begins when the configured set-up changes."
_SHALLOW = "earlier commits, which a shallow clone lacks: run git fetch --unshallow"
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
    known = once(Step.KNOWN, proposal.load_known, home, base.run.repository, config)
    trials = _Trials(base, scout, once, desk, known)
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
    why = "No other set-up is better."
    if values:
        name = best.candidate.name
        others = "".join(f" ({setup.passed})" for setup in tried if setup.candidate.name != name)
        passed = f"{best.passed} tests pass on the base branch{others}."
        why = passed[0].upper() + passed[1:]
    is_of_ci = best.candidate.name == _CI
    if len(tried) > 1 or trials.search or (values and not is_of_ci):
        trials.remember(why, values, obstacles.share_passed(report.tests))
    if not values or is_of_ci:
        return prepared, report
    lines = json.dumps(values)
    if len(lines) > _MOST_LINES:
        why += " To keep it, commit what `mergewright check --write` writes."
    else:
        why += f" To keep it, add `{lines}` to the configuration."
    environment = replace_record(prepared.environment, why=why)
    return replace_record(prepared, environment=environment), report


@dataclass
class _Trials:
    """Lists set-ups for a base, and measures each."""

    base: OpenedRepository
    scout: Scout | None
    once: Once
    desk: Desk
    known: KnownSetup
    tried: list[TriedSetup] = field(default_factory=list)
    obstacle: Obstacle | None = None
    """None: nothing hindered the tests so far that anybody has to know."""
    search: Search | None = None
    """None: no model was asked."""

    @property
    def _tree(self) -> WorkTree:
        return worktree.open_tree(self.base.checkout, self.desk.base_folder(self.base.run))

    # --- which ------------------------------------------------------------------------------------

    def list_candidates(self) -> Iterator[Candidate]:
        """Yield what to try next; what came of the last is in `tried` by then."""
        config, tried = self.base.contract.config, self.tried
        looks_early = self.scout is not None and not self.known.is_searched
        if self.known.values:
            lines = json.dumps(self.known.values)
            yield Candidate("known", "found in an earlier run", lines)
            if self._is_good(tried[-1]):
                return
        why = "as configured" if config.setup else "by a template"
        first = Candidate("", why, looks_early=looks_early, listens=not config.services)
        # Nothing was better without in an earlier run, if one has compared them.
        is_compared = self.known.share is not None and not self.known.values
        jobs = [] if is_compared else ci_jobs.list_testing_jobs(ProjectFiles(self._tree))
        # The first of several stands for them; the others are named.
        of_ci = self._find_values_of_ci(jobs[:1])
        if of_ci:
            why = "as CI's job for the tests has it"
            lines = json.dumps(of_ci)
            yield replace(first, name=_CI, why=why, lines=lines, origin=_FROM_CI)
            # Options may leave tests out: then more of them pass without.
            has_options = "checks" in of_ci or "PYTEST_ADDOPTS" in of_ci["env"]
            if not has_options and tried[-1].is_complete and self._is_good(tried[-1]):
                return
        yield first
        if tried[-1].servers and not self._is_good(tried[-1]):
            # Some tests want no server.
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
        """Whether nothing else is worth its time."""
        tests = setup.tests
        if tests is None or self._is_as_known(setup):
            return tests is not None
        return not (obstacles.may_improve(tests) or self._explain_missing_modules(tests))

    def _is_as_known(self, setup: TriedSetup) -> bool:
        """Whether all was tried before, and base's tests end as well as they did then."""
        is_over = self.known.is_searched or self.scout is None
        return is_over and setup.share is not None and self.known.is_as_good(setup.share)

    def _find_values_of_ci(self, jobs: list[CiJob]) -> dict[str, Any]:
        contract = self.base.contract
        return ci_setup.find_values(jobs, contract.config, contract.project)

    def _find_more_of_ci(self, best: TriedSetup) -> dict[str, Any]:
        """Find what else of CI may help where tests fail; {}: nothing.

        Debian packages, and the variables of all jobs where none shows that it starts tests.
        """
        tests, config = best.tests, (best.contract or self.base.contract).config
        red = tests.count("failed", "error") if tests else 0
        if self._is_as_known(best) or (tests and (tests.limit or (tests.items and not red))):
            return {}
        may_improve = tests is None or obstacles.may_improve(tests)
        if not may_improve and self.known.is_as_good(best.share):
            # A few red tests are worth one try.
            return {}
        files, known = ProjectFiles(self._tree), config.python.system_packages
        values = dict[str, Any]()
        if may_improve and not ci_jobs.list_testing_jobs(files):
            values = self._find_values_of_ci(ci_jobs.list_jobs(files))
        if new := [name for name in ci_setup.find_system_packages(files) if name not in known]:
            values["python"] = {"system_packages": [*known, *new]}
        return values

    def _explain_missing_modules(self, tests: TestRun) -> str:
        """Say that a command which nobody has configured runs few of the test modules."""
        contract = self.base.contract
        if contract.config.checks.tests != "auto":
            return ""
        own = FolderFilter(self._tree, contract.project.root)
        return obstacles.find_missing_modules(tests, own)[1]

    def _ask_model(self, scout: Scout) -> Iterator[Candidate]:
        """Let a model search, unless one has, and tests end as they did then."""
        best, desk = choose_best(self.tried), self.desk
        self.obstacle = self._find_obstacle(best)
        if self.known.is_searched and self.known.is_as_good(best.share):
            desk.say("no model searches: it has, and as many tests pass as then")
            return
        desk.say(self.obstacle.words)
        # No steps: a run that goes on on another machine needs what they make there.
        bare = partial(build_bare, self.base, desk)
        have = partial(desk.provide, best.prepared) if best.prepared else bare
        try:
            self.search = scout(have, self.obstacle)
        except EnvironmentFailed as problem:
            desk.say(problem.message)
            return
        yield from self.search.propose(self.tried, best.contract)

    # --- how well ---------------------------------------------------------------------------------

    def measure(self, candidate: Candidate) -> TriedSetup:
        """Build it, and run base's tests. A server that they connect to joins, and they run again.

        Raises:
            IndexUnavailable: An index did not answer for what is configured, or for a template.
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
                # Else an index that answers nobody is the affair of the lines that ask it.
                self.desk.say(problem.message)
                return TriedSetup(candidate, servers, problem=problem)
            if candidate.listens and obstacles.is_port_taken(report.tests):
                # They start a server of their own where we listen for others.
                candidate, alone = replace(candidate, listens=False), "alone"
                continue
            knock = report.tests.knock
            if knock is None or knock.name in (server.name for server in servers):
                return TriedSetup(candidate, servers, prepared, report)
            servers = (*servers, knock)

    def _lay_over(
        self, candidate: Candidate, servers: tuple[ServerKnock, ...], name: str
    ) -> Contract:
        """Lay the lines of a candidate, and what servers take, over what is there."""
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
            # Whether another set-up is used, the tests decide.
            only_tests=bool(name),
            looks_early=candidate.looks_early,
            listens=candidate.listens,
        )
        # The tests' time is added to the run's minutes, so that a search is not over with one try.
        desk.facts.suite_seconds = max(desk.facts.suite_seconds, report.tests.seconds)
        if candidate.lines:
            folder, step = desk.base_folder(base.run), Step.LEFT_OUT.named(name)
            found = base, prepared, report.tests, folder
            contract = once(step, proposed_lines.name_left_out, *found)
        return replace_record(prepared, contract=contract), report

    def measure_whole(self, best: TriedSetup) -> TriedSetup:
        """Measure to the end what was ended early, where nothing better is found."""
        tests, looks_early = best.tests, best.candidate.looks_early
        if best.prepared is None or not (looks_early and tests and obstacles.ended_early(tests)):
            return best
        name = Step.BASELINE.named("whole")
        report = self.once(name, baseline.measure_base, best.prepared, self.desk)
        self.obstacle = None
        whole = replace(best.candidate, looks_early=False)
        return replace(best, candidate=whole, report=report)

    def drop_options(self, prepared: Prepared, report: CheckReport) -> tuple[Prepared, CheckReport]:
        """Run tools without CI's options, where base does not get through with these."""
        contract, files = (
            prepared.contract,
            ProjectFiles(self._tree, prepared.contract.project.root),
        )
        plain = checking_tools.find_commands(files, contract.config, is_like_ci=False)
        own = {command.name: command for command in contract.project.commands}
        failed = {run.name for run in report.results if run.status is Status.UNMEASURABLE}
        changed = {command.name for command in plain.commands if command != own.get(command.name)}
        if not failed & changed:
            return prepared, report
        project = replace_record(
            contract.project, types=plain.types, lint=plain.lint, extra=plain.extra
        )
        prepared = replace_record(prepared, contract=replace_record(contract, project=project))
        known = tuple(run for run in report.results if run.name not in changed)
        report = replace_record(report, results=known)
        step = Step.OTHER_CHECKS.named("plain")
        return prepared, self.once(step, baseline.measure_others, prepared, report, self.desk)

    def name_cells(self, prepared: Prepared) -> Contract:
        """Name what CI has for the tests and this environment has not; also missing history."""
        contract, environment = prepared.contract, prepared.environment
        python = ".".join(environment.interpreter.version.split(".")[:2])
        servers = {service.name: service.title for service in environment.services}
        variables = {*contract.config.variables}
        files = ProjectFiles(self._tree)
        cells = unrun_checks.list_cells(files, python, servers, variables)
        project, absent = contract.project, contract.project.absent
        history = self.desk.base_folder(self.base.run).with_name(one_commit.NAME)
        if one_commit.has_shallow_history(history):
            absent = (*absent, _SHALLOW)
        project = replace_record(project, unrun=project.unrun | cells, absent=absent)
        return replace_record(contract, project=project)

    # --- what is said of it -----------------------------------------------------------------------

    def _find_obstacle(self, best: TriedSetup) -> Obstacle:
        """Say what hinders the tests, with what the set-up lacks."""
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
        """Say why no test runs, and what helps; a search that ended is not made again."""
        obstacle = self.obstacle or self._find_obstacle(best)
        end = self.search.end if self.search else self.known.why * (self.scout is not None)
        if self.search and self.search.is_whole:
            self.remember(end, {}, None, f"{end}\n\n{_NOT_AGAIN}")
        words = "\n\n".join(filter(None, (obstacle.words, end)))
        if best.tests and best.tests.limit:
            return CheckUnfinished(words)
        return EnvironmentFailed(words) if best.tests is None else RepositoryUnfit(words)

    def remember(
        self, why: str, values: dict[str, object], share: float | None, end: str = ""
    ) -> None:
        """Keep what is taken, with the share of tests that pass."""
        known = self.known
        if self.search is not None or values != known.values or not known.is_as_good(share):
            is_searched = self.search.is_whole if self.search else known.is_searched
            known = KnownSetup(values=values, is_searched=is_searched, share=share, why=end)
        self.once(Step.CHOOSE, choose_environment, self.base, why, known, self.desk)


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
