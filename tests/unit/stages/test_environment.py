"""Which packages a run takes, by how many of base's tests pass with them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from agent.errors import CheckUnfinished, EnvironmentFailed, RepositoryUnfit
from agent.models.checks import CheckItem, CheckReport, CheckResult, Status, SuiteFacts
from agent.models.environment import Checkout, Contract, Environment, Opened
from agent.models.run import Run
from agent.onboarding import facts
from agent.services import Execution
from agent.stages import environment
from repo_config import detect
from repo_config.schema import PythonSection, RepoConfig
from tests.fakes import FakeSandbox
from tests.unit.trees import DictTree

CI = "jobs: {t: {env: {A: '1'}, steps: [{run: pytest}]}}"


def report(passed, red, seconds=0.0, kind="failed", *names, limit="", status=Status.FAILED):
    outcomes = ["passed"] * passed + [kind] * red
    ids = [f"test_0.py::{n}" for n in range(passed + red - len(names))] + [*names]
    items = tuple(CheckItem(item_id=n, outcome=one) for n, one in zip(ids, outcomes, strict=True))
    suite = None if outcomes else SuiteFacts()
    tests = CheckResult(
        name="tests", status=status, items=items, suite=suite, seconds=seconds,
        limit=limit,
    )  # fmt: skip
    return CheckReport(side="base", commit="c", change_digest=None, results=(tests,))


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Try candidates; each ends as one of the numbers of passed and red tests, or not at all."""

    def begin(
        *ends,
        same=False,
        ci="",
        pyproject="",
        scout=None,
        pythons=(),
        other="",
        checks=None,
        more=None,
        **python,
    ):
        left, sections, configs, names = list(ends), [], [], []

        def build(run, base, contract, svc):
            section = contract.config.python
            sections.append(section)
            configs.append(contract.config)
            if left[0] is None:
                left.pop(0)
                raise EnvironmentFailed(f"no {len(sections)}")
            return Environment(
                key="k", path="/e", gate_path="/g", scripts_path="/s", python=dict(enumerate(pythons, 1)).get(len(sections), "3.12.1"),
                interpreter_mounts=(), interpreter="/usr/bin/python3", sources=(),
                packages=("django==6.0", f"six=={0 if same else len(sections)}"), section=section,
                left_out=("old-bin: apt's sources have no such package",),
            )  # fmt: skip

        def measure(prepared, svc):
            end = left.pop(0)
            return end if isinstance(end, CheckReport) else report(*end)

        measures = environment.Measures(measure, measure, lambda prepared, tests, svc: tests)

        def step(name, work, *args, **named):
            names.append(name)
            return work(*args, **named)

        monkeypatch.setattr(environment, "build_environment", build)
        monkeypatch.setattr(environment, "find_other_python", lambda *_: other)
        monkeypatch.setattr(environment.interpreters, "find_pythons", lambda *_: ())
        files = {".github/workflows/ci.yml": ci}
        tree = DictTree(files | {"pyproject.toml": pyproject} | (more or {}))
        monkeypatch.setattr(environment.worktree, "open_tree", lambda base, folder: tree)
        config = RepoConfig(python=PythonSection(**python), checks=checks or {})
        run = Run(run_id="r", repository="x", ticket="t", started=1795000000)
        base = Checkout(
            repository="x", mirror="m", commit="c", base_branch=None, nearest_tag=None,
            committed=1729180000,
        )  # fmt: skip
        contract = Contract(config=config, project=detect.detect_project(tree, config), source=None)
        opened = Opened(run=run, checkout=base, contract=contract)
        svc = SimpleNamespace(
            say=lambda line: None, store_report=lambda run, report: None,
            base_folder=lambda run: tmp_path, settings=SimpleNamespace(home=tmp_path, setup="detect"), sandbox=FakeSandbox(str), execution=Execution(say=print),
        )  # fmt: skip
        prepared, before = environment.prepare_environment(opened, step, svc, measures, scout)
        values = {one.key: one.value for one in facts.load_facts(tmp_path, "x")}
        return SimpleNamespace(
            kept=values,
            prepared=prepared,
            baseline=before,
            sections=sections,
            configs=configs,
            names=names,
        )

    return begin


@pytest.mark.parametrize("counts", [(96, 4), (5, 1), (9, 3, 1500.0)])
def test_what_works_as_declared_pays_for_nothing_more(prepare, counts):
    run_context = prepare(counts)
    assert run_context.names == ["first candidate", "environment", "baseline"]
    assert not run_context.prepared.environment.why


def test_a_run_of_the_tests_that_broke_off_is_followed_by_another_candidate(prepare):
    run_context = prepare(report(58, 1, status=Status.UNVERIFIED), (719, 0), ci=CI)
    assert run_context.baseline == report(719, 0)


def test_of_several_that_all_hardly_work_that_with_most_tests_that_pass_is_taken(prepare):
    run_context = prepare((1, 70), (10, 0), (20, 80), other="3.9", ci=CI)
    assert run_context.baseline == report(10, 0), "the second was good enough"
    run_context = prepare((1, 70), (0, 80), (40, 60), other="3.9", ci=CI)
    assert (run_context.baseline, len(run_context.sections)) == (report(40, 60), 3)


def test_what_cannot_be_installed_is_followed_by_what_can(prepare):
    assert prepare(None, (5, 0), ci=CI).baseline == report(5, 0)
    with pytest.raises(EnvironmentFailed, match="no 1"):
        prepare(None, None, ci=CI)


@pytest.mark.parametrize("python", [{"version": "3.11"}, {"install": ("six",)}])
def test_what_is_configured_is_the_only_candidate(prepare, python):
    assert len(prepare((0, 9), **python).sections) == 1


def test_another_python_comes_next_where_hardly_any_test_passes(prepare):
    for first in (None, (1, 9)):
        run_context = prepare(first, (9, 0), other="3.9")
        assert run_context.sections[1] == PythonSection(version="3.9")
        assert run_context.kept["python.version"] == "3.9"
    assert prepare((3, 9), (9, 0), other="3.9", ci=CI).sections[1].version is None


def test_servers_that_ci_has_for_the_tests_are_there_from_the_first_and_go_where_they_do_not_help(
    prepare,
):
    ci = """\
jobs:
  t:
    services: {db: {image: 'postgres:15'}}
    steps: [{run: pip install freezegun}, {run: pytest, env: {A: "1"}}]
"""
    run_context = prepare((90, 0), ci=ci)
    (first,) = run_context.configs
    assert (first.services, first.env, first.python.install) == (("postgres",), {"A": "1"}, ())
    assert run_context.kept["services"] == ["postgres"]
    assert "90 of 90" in run_context.prepared.environment.why
    for ends in ((RED, RED), (None, None)):
        run_context = prepare(*ends, (9, 0), ci=ci)
        assert run_context.configs[1].python.install == ("freezegun",)
        assert (run_context.configs[2].services, run_context.configs[2].env) == ((), {})
        assert (run_context.baseline, "services" in run_context.kept) == (report(9, 0), False)


def test_tests_that_outrun_their_minutes_are_tried_as_ci_does_and_with_no_other_versions(prepare):
    late = report(60, 3, 600.0, limit="time")
    ci = "jobs: {t: {env: {A: '1'}, steps: [{run: pytest}]}}"
    run_context = prepare(late, (90, 0), ci=ci)
    assert run_context.configs[1].env == {"A": "1"}
    assert run_context.baseline == report(90, 0)
    for tried, ends in ((2, (late, late)), (1, (late,))):
        with pytest.raises(CheckUnfinished):
            prepare(*ends, ci=ci if tried == 2 else "")


RED = (0, 9, 0.0, "error")


def test_where_no_test_runs_the_cause_is_said_and_nothing_goes_on(prepare):
    with pytest.raises(RepositoryUnfit, match="tests fail on the base commit"):
        prepare(RED, RED, RED)


def test_what_a_model_finds_is_taken_and_comes_before_a_model_the_next_time(prepare):
    def scout(prepared, obstacle, try_lines):
        assert prepared().environment.packages
        assert "8 tests" in try_lines("env: {A: a}", "try 1")
        return try_lines("env: {A: b}", "try 2")

    run_context = prepare(RED, (8, 0), (9, 0), scout=scout)
    assert run_context.prepared.contract.config.env == {"A": "b"}
    assert "`env: {A: b}`" in run_context.prepared.contract.scouted[0].message
    assert run_context.kept["env"] == {"A": "b"}
    assert run_context.names[-6:] == [
        "read try 2", "environment try 2", "baseline try 2", "look at try 2", "other checks",
        "choose environment",
    ]  # fmt: skip
    again = prepare(RED, (9, 0), scout=lambda *_: pytest.fail("asked"))
    assert again.prepared.contract.scouted
    assert again.prepared.contract.config.env == {"A": "b"}


def test_a_model_is_asked_where_most_modules_of_tests_are_not_imported_or_hardly_a_test_passes(
    prepare,
):
    lost = [f"tests/test_{letter}.py (collection)" for letter in "abc"]
    few = (4, 3, 0.0, "error", *lost)

    def scout(prepared, obstacle, try_lines):
        return try_lines("env: {A: b}", "try 1")

    assert prepare(few, (90, 0), scout=scout).baseline == report(90, 0)
    run_context = prepare(few, few, few, scout=lambda *_: "", version="3.12")
    assert run_context.baseline == report(*few), "few tests are better than none"
    red = (9, 91)
    assert prepare(red, (100, 0), scout=scout).baseline == report(100, 0)


def test_what_a_model_has_found_holds_beside_what_is_configured(prepare):
    def scout(prepared, obstacle, try_lines):
        return try_lines("checks: {tests: {runner: django}}", "try 1")

    given = {"version": "3.12", "checks": {"types": {"args": ("--strict",)}}}
    run_context = prepare(RED, (9, 0), scout=scout, **given)
    assert run_context.kept == {"checks.tests.runner": "django"}
    assert '`{"checks": {"tests": {"runner": "django"}}}`' in run_context.prepared.environment.why
    again = prepare(RED, (9, 0), scout=lambda *_: pytest.fail("asked"), **given)
    assert again.prepared.contract.config.checks.tests.runner == "django"
    with pytest.raises(RepositoryUnfit) as refused:
        prepare(RED, RED, **given)
    assert "collected" not in str(refused.value), "what an earlier run has found is not its cause"


def test_of_what_a_model_tries_that_counts_which_runs_tests_and_loses_none(prepare):
    tries = []

    def scout(prepared, obstacle, try_lines):
        tries.extend(try_lines(f"env: {{A: a{n}}}", f"try {n}") for n in range(3))
        return tries[1]

    run_context = prepare(None, (0, 0), (20, 0), (19, 0), scout=scout, version="3.12")
    assert run_context.baseline == report(20, 0)
    assert isinstance(tries[0], str), "a suite of nothing is no success"
    assert "19 tests, where 20" in tries[2]


def test_a_model_may_help_where_nothing_can_be_installed(prepare, monkeypatch):
    bare = []
    monkeypatch.setattr(environment, "build_bare", lambda base, svc: bare.append(base) or base)
    with pytest.raises(EnvironmentFailed, match="no 1(.|\n)*LDAP"):
        prepare(None, None, None, scout=lambda bare, *_: bare() and "LDAP is missing.")
    assert bare


def test_what_ci_does_before_the_tests_comes_first_and_stays_where_it_helps(prepare):
    ci = """\
jobs:
  test:
    env: {A: "1", PYTHONINSPECT: "1"}
    steps: [{run: mkdir data}, {run: pip install django freezegun},
      {run: sudo apt-get install -y gdal-bin old-bin}, {run: python -m pytest}]
"""
    run_context = prepare((0, 9), (9, 0), ci=ci, same=True)
    assert ["mkdir data" in one for one in run_context.configs[1].setup] == [True]
    assert run_context.sections[1].install == ("freezegun",), (
        "what is there already is left as it is"
    )
    assert (run_context.prepared.contract.config.env, run_context.baseline) == (
        {"A": "1"},
        report(9, 0),
    )
    assert "mkdir data" in run_context.prepared.environment.why
    assert run_context.kept["setup"] == list(run_context.configs[1].setup)
    assert run_context.kept["python.install"] == ["freezegun"], "what a proposal may name"
    assert run_context.kept["python.system_packages"] == ["gdal-bin"], "the other is not to be had"
    run_context = prepare((0, 9), (5, 4), (9, 0), ci=ci, other="3.9")
    assert run_context.configs[2].setup == run_context.configs[1].setup
    assert run_context.sections[2].install == ("freezegun",)
    assert [one.system_packages for one in run_context.sections] == [
        (),
        ("gdal-bin", "old-bin"),
        ("gdal-bin", "old-bin"),
    ]
    run_context = prepare(RED, RED, (9, 0), ci=ci, scout=lambda *_: _[2]("env: {B: b}", "try 1"))
    found = run_context.prepared.contract.config
    assert (found.env, found.python.system_packages) == ({"B": "b"}, ("gdal-bin", "old-bin"))
    (tests,) = report(0, 0).results
    unread = report(0, 0).model_copy(
        update={"results": (tests.model_copy(update={"suite": None}),)}
    )
    for further in ((0, 9, 0.0, "error"), unread.model_copy()):
        run_context = prepare(unread, further, (9, 0), ci=ci, other="3.9")
        assert "mkdir data || true" in run_context.configs[2].setup, "nothing speaks against it"


def test_what_tests_lack_and_a_package_names_is_added_first_and_stays(prepare, monkeypatch):
    monkeypatch.setattr(environment.distributions, "find_missing_packages", lambda *_: ("six>=9",))
    run_context = prepare((0, 9), (9, 0))
    assert (run_context.sections[1].install, run_context.kept) == (
        ("six>=9",),
        {"python.install": ["six>=9"]},
    )
    assert "six>=9" in run_context.prepared.environment.why
    ci = "jobs: {t: {steps: [{run: pip install six freezegun}, {run: pytest}]}}"
    run_context = prepare((0, 9), (0, 9), (0, 9), ci=ci)
    assert [one.install for one in run_context.sections[2:]] == [("six>=9", "freezegun")]
    assert len(prepare((0, 9), install=("attrs",)).sections) == 1
    monkeypatch.setattr(
        environment.distributions, "find_missing_packages", lambda *_: ("freezegun<9",)
    )
    run_context = prepare((0, 9), (9, 0), ci=ci, install=("attrs",))
    assert run_context.sections[1].install == ("attrs", "freezegun"), (
        "what is configured is left alone"
    )
    lost = "tests/test_a.py (collection)"
    assert prepare((60, 1, 0.0, "error", lost), (70, 0)).baseline == report(70, 0)
    assert len(prepare((60, 1)).sections) == 1, "every module was imported"
    assert len(prepare((60, 1, 1500.0, "error", lost)).sections) == 1


def test_tests_that_ci_names_or_runs_by_a_script_are_tried_so(prepare):
    ci = "jobs: {test: {steps: [{run: python -m pytest checks/all.py}]}}"
    files = {"checks/all.py": "", "test_old.py": ""}
    assert prepare((0, 9), (9, 0), ci=ci, more=files).kept == {"checks.tests.args": [*files][:1]}
    with pytest.raises(RepositoryUnfit, match="9 of 9 tests fail"):  # none is there: no measure
        prepare((0, 9, 0.0, "error"), (0, 0), (0, 9, 0.0, "error"), ci=ci, more=files, same=True)
    files = {"pytest.ini": "[pytest]\n", "tests/test_a.py": "", "runtests.py": "import unittest\n"}
    ci = ci.replace("-m pytest checks/all.py", "runtests.py")
    run_context = prepare((70, 9), (505, 0), ci=ci, more=files, same=True)
    assert run_context.kept == {
        "checks.tests.runner": "django",
        "checks.tests.script": "runtests.py",
    }
    assert run_context.prepared.contract.project.test_script == "runtests.py"


def test_the_next_manage_py_is_tried_where_base_hardly_passes_with_the_first(prepare):
    manage = "import django, os\nos.environ['DJANGO_SETTINGS_MODULE'] = '{}.settings'\n"
    files = {f"{name}/manage.py": manage.format(name) for name in "ab"}
    run_context = prepare((0, 9), (9, 0), more=files, same=True)
    assert run_context.kept == {"django.manage": "b/manage.py"}
    assert run_context.prepared.contract.project.django.settings_module == "b.settings"


PARTS = """\
[project.optional-dependencies]
Fast_One = []
slow = []
[dependency-groups]
main = []
test = []
docs = []
"""


@pytest.mark.parametrize(
    ("line", "extras", "groups"),
    [
        ("pip install -e '.[fast-one]' --group main", ("fast-one",), ("main", "test")),
        ("uv sync --all-extras --group=main,docs", ("fast-one", "slow"), ("main", "test", "docs")),
        ("poetry install --with test -E lost", None, None),
    ],
)
def test_extras_and_groups_that_ci_installs_are_taken_with_what_it_does(
    prepare, line, extras, groups
):
    ci = f"jobs: {{test: {{steps: [{{run: {json.dumps(line)}}}, {{run: python -m pytest}}]}}}}"
    found = prepare((0, 9), (9, 0), ci=ci, pyproject=PARTS).sections[1]
    assert (found.extras, found.groups) == (extras, groups)
    lost = (60, 1, 0.0, "error", "tests/test_a.py (collection)")
    tried = prepare(lost, (70, 0), ci=ci, pyproject=PARTS) if extras else prepare(lost, ci=ci)
    more = [(one.extras, one.groups) for one in tried.sections[1:]]
    assert more == ([(extras, groups)] if extras else []), "also for a module that is not imported"
