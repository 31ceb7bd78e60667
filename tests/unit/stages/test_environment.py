"""Which set-up a run takes, by how many of base's tests pass with it."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agent.errors import CheckUnfinished, EnvironmentFailed, IndexUnavailable, RepositoryUnfit
from agent.models.checks import CheckItem, CheckReport, ServerKnock, Status, TestRun
from agent.models.environment import Checkout, Contract, OpenedRepository
from agent.models.record import replace
from agent.models.run import Run
from agent.models.run_facts import RunFacts
from agent.setup import proposal
from agent.setup.candidates import Candidate
from agent.stages import baseline, environment
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.fakes import FakeSandbox
from tests.unit.trees import DictTree, make_environment


def knock(name, **account):
    tests = TestRun(name="tests", status=Status.UNVERIFIED, knock=ServerKnock(name=name, **account))
    return CheckReport(side="base", commit="c", results=(tests,))


def report(
    passed, red, seconds=0.0, kind="failed", *names, limit="", status=Status.FAILED, unrun=()
):
    outcomes = ["passed"] * passed + [kind] * red
    ids = [f"test_0.py::{n}" for n in range(passed + red - len(names))] + [*names]
    items = tuple(CheckItem(item_id=n, outcome=one) for n, one in zip(ids, outcomes, strict=True))
    files = None if outcomes else ()
    tests = TestRun(
        name="tests", status=status, items=items, files=files, seconds=seconds,
        limit=limit, unrun=unrun,
    )  # fmt: skip
    return CheckReport(side="base", commit="c", results=(tests,), is_partial=True)


@dataclass
class Search:
    """Proposes lines, one after the other; ends with what a model says, or without a word."""

    lines: tuple[str, ...]
    end: str = ""
    answers: list = field(default_factory=list)

    @property
    def is_whole(self):
        return bool(self.lines or self.end)

    def propose(self, tried, over):
        for number, lines in enumerate(self.lines, 1):
            yield Candidate(f"try {number}", "found by a model", lines, over)
            self.answers.append(tried[-1])


def proposes(*lines, end=""):
    return lambda have, obstacle: Search(lines, end)


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Try set-ups; each ends as one of the numbers of passed and red tests, or with an error."""

    def begin(*ends, scout=None, checks=None, setup=(), workflow=""):
        left, configs, names, looks = list(ends), [], [], []

        def build(run, base, contract, desk):
            configs.append(contract.config)
            if left[0] in (EnvironmentFailed, IndexUnavailable):
                raise left.pop(0)(f"no {len(configs)}")
            return make_environment(
                interpreter={"version": "3.12.1", "path": "/p"}, packages=("django==6.0",)
            )

        def measure(prepared, desk, *, looks_early=False, **options):
            looks.append(looks_early)
            end = left.pop(0)
            return end if isinstance(end, CheckReport) else report(*end)

        def step(name, work, *args, **named):
            names.append(name)
            return work(*args, **named)

        monkeypatch.setattr(environment, "build_environment", build)
        monkeypatch.setattr(baseline, "measure_base", measure)
        monkeypatch.setattr(baseline, "measure_others", lambda prepared, tests, desk: tests)
        tree = DictTree({"pytest.ini": "[pytest]", ".github/workflows/ci.yml": workflow})
        monkeypatch.setattr(environment.worktree, "open_tree", lambda base, folder: tree)
        config = RepoConfig(checks=checks or {}, setup=setup)
        run = Run(run_id="r", repository="x", ticket="t", started=1795000000)
        base = Checkout(
            repository="x", mirror="m", commit="c", base_branch=None, nearest_tag=None,
            committed=1729180000,
        )  # fmt: skip
        contract = Contract(config=config, project=detect.detect_project(tree, config), source=None)
        opened = OpenedRepository(run=run, checkout=base, contract=contract)
        desk = SimpleNamespace(
            say=lambda line: None, store_report=lambda run, report: None,
            base_folder=lambda run: tmp_path, provide=lambda opened: opened, facts=RunFacts(), settings=SimpleNamespace(home=tmp_path),
            sandbox=FakeSandbox(str),
        )  # fmt: skip
        prepared, before = environment.prepare_environment(opened, scout, step, desk)
        values = dict(proposal.flatten_values(proposal.load_known(tmp_path, "x", config).values))
        return SimpleNamespace(
            kept=values, prepared=prepared, baseline=before, configs=configs, names=names,
            looks=looks,
        )  # fmt: skip

    return begin


RED = (0, 9, 0.0, "error")


@pytest.mark.parametrize("counts", [(90, 10), (5, 1)])
def test_a_set_up_that_works_pays_for_nothing_more(prepare, counts):
    run_context = prepare(counts, scout=lambda *_: pytest.fail("asked"))
    assert run_context.names[:3] == ["known set-up", "environment", "baseline"]
    assert not run_context.prepared.environment.why


def test_that_git_lacks_history_which_tests_read_is_named(prepare, monkeypatch):
    monkeypatch.setattr(environment.one_commit, "has_shallow_history", lambda folder: True)
    (absent,) = prepare((90, 10)).prepared.contract.project.absent
    assert "git fetch --unshallow" in absent


def test_where_no_test_runs_the_cause_is_said_and_nothing_goes_on(prepare):
    with pytest.raises(RepositoryUnfit, match="tests fail on the base commit") as caught:
        prepare(RED)
    assert "Python 3.12.1 was used." in caught.value.message
    with pytest.raises(EnvironmentFailed, match="no 1"):
        prepare(EnvironmentFailed)
    with pytest.raises(CheckUnfinished):
        prepare(report(60, 3, 600.0, limit="time"))


def test_a_model_is_asked_after_a_limit_and_an_index_that_is_silent_ends_only_its_try(prepare):
    with pytest.raises(IndexUnavailable):
        prepare(IndexUnavailable, scout=lambda *_: pytest.fail("asked"))
    cut = report(60, 3, 600.0, limit="time")
    scout = proposes("env: {A: a}", "env: {A: b}")
    assert prepare(cut, IndexUnavailable, (90, 0), scout=scout).baseline == report(90, 0)


def test_what_a_model_finds_is_taken_and_tried_first_the_next_time(prepare):
    def scout(have, obstacle):
        assert have().environment.packages
        return Search(("env: {A: a}", "env: {A: b}"))

    run_context = prepare(RED, (8, 0), (9, 0), scout=scout)
    assert run_context.prepared.contract.config.env == {"A": "b"}
    assert "`env: {A: b}`" in run_context.prepared.contract.scouted[0].message
    assert run_context.kept == {"env": {"A": "b"}}
    assert run_context.names[-6:] == [
        "read lines try 2", "environment try 2", "baseline try 2", "left out try 2", "other checks",
        "choose environment",
    ]  # fmt: skip
    again = prepare((9, 0), scout=lambda *_: pytest.fail("asked"))
    assert again.prepared.contract.scouted
    assert again.prepared.contract.config.env == {"A": "b"}
    assert prepare(RED, (9, 0)).prepared.contract.config.env == {}, "it helps no more"
    changed = prepare((9, 0), checks={"types": "off"})
    assert changed.prepared.contract.config.env == {}, "nobody's configuration is overruled"


def test_a_model_is_asked_where_fewer_than_nearly_all_tests_pass(prepare):
    lost = [f"tests/test_{letter}.py (collection)" for letter in "abc"]
    few = (4, 3, 0.0, "error", *lost)

    scout = proposes("env: {A: b}")

    assert prepare(few, (90, 0), scout=scout).baseline == report(90, 0)
    run_context = prepare(few, few, scout=proposes())
    assert run_context.baseline == report(*few), "few tests are better than none"
    assert prepare((89, 11), (100, 0), scout=scout).baseline == report(100, 0)
    cut, fresh = report(90, 0, unrun=("a",)), {"types": "off"}
    assert prepare(cut, (95, 0), scout=scout, checks=fresh).baseline == report(95, 0)


def test_what_is_ended_early_is_measured_to_its_end_where_a_model_finds_nothing(prepare):
    early = report(2, 48, unrun=("a",), status=Status.UNVERIFIED)
    hopeless = report(0, 50, 0.0, "error", unrun=("a",), status=Status.UNVERIFIED)
    for first in (early, hopeless):
        run_context = prepare(first, (40, 60), scout=proposes())
        assert run_context.baseline == report(40, 60)
        assert run_context.looks == [True, False]
    assert prepare((40, 60)).looks == [False], "nobody would be asked"
    found = prepare(early, (99, 1), scout=proposes("env: {A: b}"))
    assert found.baseline == report(99, 1)


def never(*_):
    pytest.fail("a model is asked again")


def test_a_model_that_found_nothing_better_is_asked_again_once_fewer_tests_pass(prepare):
    asked = []

    def scout(*_):
        asked.append("once")
        return Search((), "No browser can be had.")

    assert prepare((6, 3), scout=scout).baseline == report(6, 3)
    again = prepare((6, 4), scout=never)
    assert (again.baseline, again.looks) == (report(6, 4), [False])
    prepare((5, 4), scout=scout)
    prepare((5, 4), scout=scout, checks={"types": "off"})
    assert len(asked) == 3, "it became worse, and what is configured has changed"
    prepare((5, 4), scout=never)


def test_a_poor_set_up_that_a_model_found_is_used_until_it_gets_worse(prepare):
    scout = proposes("env: {A: b}")

    prepare((2, 8), (6, 4), scout=scout)
    assert prepare((6, 4), scout=never).prepared.contract.config.env == {"A": "b"}
    assert prepare((4, 6), (2, 8), (7, 3), scout=scout).baseline == report(7, 3)


def test_where_no_test_runs_a_search_is_remembered_with_its_words_if_nothing_cut_it_off(prepare):
    for scout in (proposes(), proposes(end="LDAP is needed."), never):
        with pytest.raises(RepositoryUnfit) as caught:
            prepare(RED, scout=scout)
    assert "LDAP is needed." in caught.value.message
    found = prepare((5, 4), (9, 0), scout=proposes("env: {A: b}"))
    assert found.baseline == report(9, 0), "that some tests run is news"


def test_what_a_model_has_found_holds_beside_what_is_configured(prepare):
    scout = proposes("checks: {tests: python -m django test}")

    given = {"checks": {"types": "mypy --strict"}}
    run_context = prepare(RED, (9, 0), scout=scout, **given)
    assert run_context.kept == {"checks.tests": "python -m django test"}
    assert (
        '`{"checks": {"tests": "python -m django test"}}`' in run_context.prepared.environment.why
    )
    again = prepare((9, 0), scout=lambda *_: pytest.fail("asked"), **given)
    assert again.prepared.contract.config.checks.tests == "python -m django test"


def test_of_what_a_model_tries_that_counts_with_which_most_tests_pass(prepare):
    scout = proposes(*(f"env: {{A: a{number}}}" for number in range(3)))
    run_context = prepare((12, 8), (0, 0), (16, 0), (15, 5), scout=scout)
    assert run_context.baseline == report(16, 0)


def test_a_model_may_help_where_nothing_can_be_installed(prepare, monkeypatch):
    bare = []
    monkeypatch.setattr(environment, "build_bare", lambda base, desk: bare.append(base) or base)
    with pytest.raises(EnvironmentFailed, match="no 1(.|\n)*LDAP"):
        prepare(EnvironmentFailed, scout=lambda have, _: have() and Search((), "LDAP is missing."))
    assert bare


def test_servers_that_tests_connect_to_are_started_one_after_the_other(prepare):
    asked = knock("postgres", user="shop", database="orders")
    run_context = prepare(asked, knock("redis"), (9, 0), scout=lambda *_: pytest.fail("asked"))
    config = run_context.prepared.contract.config
    assert config.services == ("postgres", "redis")
    assert config.env == {"PGUSER": "shop", "PGDATABASE": "orders"}
    assert "connect to: 9 of 9" in run_context.prepared.environment.why
    assert run_context.kept["services"] == ["postgres", "redis"]


def test_where_more_tests_pass_without_the_server_it_is_left_out(prepare):
    run_context = prepare(knock("redis"), (4, 5), (8, 1))
    assert run_context.prepared.contract.config.services == ()
    assert run_context.baseline == report(8, 1)
    assert prepare(knock("redis"), EnvironmentFailed, (9, 0)).baseline == report(9, 0), (
        "there is no such server"
    )


CI = """
on: push
jobs:
  test: {env: {SETTINGS: app.ci}, steps: [{run: pytest}]}
"""
TOX = CI.replace("pytest", "tox")


MATRIX = """
on: pull_request
jobs:
  test:
    services:
      db: {image: "postgres:16"}
      s3: {image: minio/minio}
    strategy: {matrix: {python: ["3.11", "3.12"], django: ["4.2", "5.2"], os: [ubuntu-latest]}}
    env: {SETTINGS: app.ci, UV_SYSTEM_PYTHON: "1", DJANGO: "${{ matrix.django }}"}
    steps: [{run: pytest -W error}]
  e2e: {env: {BROWSER: chromium}, steps: [{run: pytest e2e}]}
"""


def test_the_variables_and_options_of_ci_are_used_from_the_start(prepare):
    assert not prepare((9, 0), workflow=CI).kept, "what CI has is read again"
    run_context = prepare((9, 0), (9, 0), workflow=MATRIX)
    contract = run_context.prepared.contract
    assert contract.config.env == {"SETTINGS": "app.ci"}
    assert contract.project.tests == ("pytest -W error",)
    assert run_context.kept == {"checks.tests": "pytest -W error", "env": {"SETTINGS": "app.ci"}}
    assert contract.project.unrun == {
        "Pythons of CI": ("3.11",), "matrix of CI": ("django: 4.2, 5.2",),
        "servers of CI": ("postgres:16", "minio/minio"),
        "variables of CI": ("BROWSER",),
    }  # fmt: skip


def test_what_ci_has_is_not_used_where_more_tests_pass_without(prepare):
    run_context = prepare((7, 2), (8, 1), workflow=MATRIX)
    assert run_context.prepared.contract.config == RepoConfig()
    assert run_context.prepared.contract.project.unrun["jobs of CI"]
    again = prepare((8, 1), workflow=MATRIX)
    assert again.prepared.contract.config == RepoConfig(), "they are compared once"


@pytest.mark.parametrize(
    "workflow",
    [
        CI.replace("run: pytest", "run: pytest -k one"),
        CI.replace("SETTINGS: app.ci", "PYTEST_ADDOPTS: -k one"),
    ],
)
def test_options_of_ci_that_leave_tests_out_are_not_taken(prepare, workflow):
    run_context = prepare((1, 0), (9, 0), workflow=workflow)
    assert run_context.prepared.contract.config == RepoConfig()
    assert run_context.baseline == report(9, 0)


def test_variables_of_ci_are_tried_with_the_servers_that_tests_then_connect_to(prepare):
    run_context = prepare(RED, knock("redis"), (9, 0), workflow=TOX)
    config = run_context.prepared.contract.config
    assert (config.env, config.services) == ({"SETTINGS": "app.ci"}, ("redis",))


def test_a_try_with_variables_of_ci_that_helps_nobody_costs_nothing_else(prepare):
    assert prepare(IndexUnavailable, (5, 4), workflow=CI).baseline == report(5, 4)
    early = report(25, 25, unrun=("a",), status=Status.UNVERIFIED)
    run_context = prepare(early, early, (40, 60), workflow=TOX, scout=proposes())
    assert run_context.baseline == report(40, 60)
    assert run_context.looks == [True, True, False], "it is compared with its like"


def test_a_model_goes_on_from_the_best_that_there_is(prepare):
    run_context = prepare((5, 4), (1, 8), (9, 0), workflow=CI, scout=proposes("env: {A: b}"))
    assert run_context.prepared.contract.config.env == {"SETTINGS": "app.ci", "A": "b"}


def test_where_the_tests_start_a_server_whose_port_we_listen_on_nothing_listens(prepare):
    taken = report(8, 1)
    (item,) = (item for item in taken.tests.items if item.outcome == "failed")
    items = (*taken.tests.items[:-1], replace(item, text="OSError: Address already in use"))
    taken = replace(taken, results=(replace(taken.tests, items=items),))
    run_context = prepare(taken, (9, 0))
    assert run_context.baseline == report(9, 0)
    assert "environment alone" in run_context.names


CI_ENV = {"SETTINGS": "app.ci"}
APT = """
on: push
jobs:
  test:
    steps:
      - {run: "sudo apt-get update && sudo apt-get install -y graphviz libpq-dev=15 $MORE"}
      - {run: "apt-get install -y -t backports git"}
      - run: |
          apt install --yes \\
            gettext # for tests
      - {env: {SETTINGS: app.ci}, run: pytest}
  docs: {steps: [{run: apt-get install texlive}]}
"""


@pytest.mark.parametrize("first", [(8, 1), EnvironmentFailed])
def test_debian_packages_of_ci_are_tried_where_a_test_fails_or_nothing_can_be_built(prepare, first):
    config = prepare(first, first, (9, 0), workflow=APT).prepared.contract.config
    assert (config.python.system_packages, config.env) == (("gettext",), {"SETTINGS": "app.ci"})
    assert prepare((9, 0), workflow=APT).names[1] == "read lines known"


def test_packages_that_help_no_test_are_tried_once(prepare):
    for ends in ([(8, 1), (8, 1), (8, 1)], [(8, 1)]):
        names = prepare(*ends, workflow=APT, scout=never).names
        assert ("environment CI packages" in names) is (len(ends) > 1)


def test_where_no_job_shows_that_it_starts_tests_the_variables_of_all_are_tried_last(prepare):
    assert prepare((9, 0), workflow=TOX).prepared.contract.config.env == {}
    assert prepare((0, 0), (9, 0), workflow=TOX).prepared.contract.config.env == CI_ENV
