"""A model looks for the configuration with which base's tests run; what it proposes is bounded."""

import pytest

from agent.editing import scouting
from agent.errors import BudgetSpent, EnvironmentFailed
from agent.models.checks import CheckItem, CheckReport, Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import SandboxResult
from agent.settings import Settings
from agent.setup import uv_program
from agent.setup.candidates import TriedSetup, choose_best
from agent.setup.obstacles import Obstacle
from agent.setup.package_index import PackageIndex
from tests.fakes import FakeModel, FakeSandbox, make_reply
from tests.unit.editing import desks

FILES = {"package.json": "{}", ".npmrc": "", "app/tests/test_a.py": "", "app/tests/test_b.py": ""}
SET_UP = "setup: [mkdir -p data]"
OBSTACLE = Obstacle(words="No data.")


def report(files=None, **outcomes: int) -> CheckReport:
    items = tuple(
        CheckItem(
            item_id=f"app/tests/test_a.py::{one}{n}", outcome=one, text="E   OSError: no data"
        )
        for one, count in outcomes.items()
        for n in range(count)
    )
    tests = TestRun(name="tests", status=Status.FAILED, items=items, files=files)
    return CheckReport(side="base", commit="c", results=(tests,))


def try_(text=SET_UP):
    return ("try_setup", {"yaml": text})


@pytest.fixture
def prepared(tmp_path, home, monkeypatch):
    monkeypatch.setattr(uv_program, "list_pythons", lambda *_: [])
    return desks.repository(tmp_path, home, FILES)


def begin(prepared, home, model, **more):
    settings = Settings(home=home)
    more = {"settings": settings, "index": PackageIndex({}), **more}
    found = SandboxResult(exit_code=0, output="", output_bytes=0, seconds=0.0)
    sandbox = FakeSandbox(lambda _: found)
    return desks.run_context(prepared, home, model, sandbox=sandbox, **more)


@pytest.fixture
def scout(prepared, home):
    """Let a model propose; each proposal ends as one of the reports, or for a reason."""

    def search(turns, ends, **facts):
        model = FakeModel(turns if callable(turns) else lambda request: turns.pop(0), **facts)
        run_context = begin(prepared, home, model)
        found, tried = scouting.begin_search(run_context, lambda: prepared, OBSTACLE), []
        for candidate in found.propose(tried):
            end = ends.pop(0)
            facts = {"problem": EnvironmentFailed(end)} if isinstance(end, str) else {}
            facts = facts or {"prepared": prepared, "report": end}
            tried.append(TriedSetup(candidate, **facts))
        sent = (result.content for request in model.requests[1:]
                for result in request.messages[-1].results)  # fmt: skip
        return found, [*sent], tried, run_context

    return search


def test_it_ends_after_six_tries_with_what_ran_most_of_the_tests(scout):
    some, more = report(passed=1, error=2), report(passed=2, error=3)
    turns = [make_reply(try_(f"env: {{A: a{number}}}")) for number in range(7)]
    found, answers, tried, _ = scout(turns, ["no such package", some, more, some, some, some])
    assert (choose_best(tried).report, found.is_whole) == (more, True)
    assert len(tried) == 6
    assert answers[0].startswith("no such package\n\nLeft: 5 tries, ")
    assert "1 passed" in answers[1]
    assert (
        "failing: tests: app/tests/test_a.py::error0, app/tests/test_a.py::error1\n" in answers[1]
    )
    assert "2 x OSError: no data" in answers[1]


def test_a_try_in_which_few_tests_fail_is_answered_and_may_be_the_best(scout):
    tests = report(passed=99).tests
    red = tuple(
        CheckItem(item_id=f"t.py::{number}", outcome="failed", text=text)
        for number, text in enumerate(("E   a: b 1", "E   a: b 2", "E   c: d"))
    )
    nearly = replace(report(), results=(replace(tests, items=(*tests.items, *red)),))
    turns = [make_reply(try_()), make_reply(("decline", {"why": "CI's do as well."}))]
    _, answers, tried, _ = scout(turns, [nearly])
    assert choose_best(tried).report == nearly
    assert "99 passed" in answers[0].splitlines()[0]
    assert "\nfailing: tests: t.py::0, t.py::1, t.py::2\n2 x a: b 1\n1 x c: d\n" in answers[0]
    assert "The last errors:\nE   a: b 1\nE   a: b 2\nE   c: d\n" in answers[0]
    assert "If CI passes what fails here" in answers[0]
    assert len(scout([make_reply(try_())], [report(passed=99)])[2]) == 1


def test_it_ends_once_it_has_spent_its_quarter(scout, prepared, home):
    limits = desks.run_context(prepared, home, FakeModel(lambda _: make_reply())).caps

    def answer(request):
        assert request.most_usd == limits.usd / 4
        if len(request.messages) > 1:
            raise BudgetSpent("Nothing is left (limits.usd).")
        return make_reply(desks.bash())

    found, _, _, run_context = scout(answer, [])
    assert run_context.account.tokens == 10
    assert "quarter" in found.end
    assert "limits.usd" in found.end
    assert not found.is_whole


def test_a_model_that_gives_up_says_why(scout):
    found, *_ = scout([make_reply(("decline", {"why": "LDAP is needed."}))], [])
    assert "LDAP is needed." in found.end
    assert found.is_whole
