"""Which outcomes of new and changed tests show that a change does something."""

import math
import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest

from agent.checks.check import Part
from agent.checks.edits import Edit, Versions
from agent.checks.test_files import Imports
from agent.editing import proving
from agent.models.change import Change, ChangedFile
from agent.models.checks import CheckItem, CheckReport, RepeatedTest, Status, SuiteFacts, TestRun
from agent.models.record import replace
from agent.models.review import Proof
from agent.settings import Settings

FILE = "shop/tests/test_prices.py"
SUITE = SuiteFacts(files=(FILE, "tests/test_other.py"))


def result(**outcomes):
    """Give a run of tests of the file, by their names."""
    items = tuple(
        CheckItem(item_id=f"{FILE}::{name}", outcome=outcome, text="KeyError: 1\n + where x")
        for name, outcome in outcomes.items()
    )
    return TestRun(name="tests", status=Status.FAILED, items=items, suite=SUITE)


def rows(on_base, head, added=()):
    ids = {f"{FILE}::{name}" for name in added}
    return {
        row.name.removeprefix(f"{FILE}::"): row
        for row in proving._make_rows((FILE,), ids, on_base, head)
    }


def test_what_fails_without_the_change_and_passes_with_it_shows_it():
    found = rows(
        result(test_new="failed", test_old="passed", test_red="failed"),
        result(test_new="passed", test_old="passed", test_red="failed"),
    )
    assert {name: row.is_proof for name, row in found.items()} == {
        "test_new": True, "test_old": False, "test_red": False,
    }  # fmt: skip
    assert found["test_new"].error == "KeyError: 1"


@pytest.mark.parametrize("module", [FILE, "tests.test_prices"])
def test_a_file_that_cannot_be_imported_without_the_change_fails_there(module):
    why = "ModuleNotFoundError: No module named 'httpx'"
    lost = CheckItem(item_id=f"{module} (collection)", outcome="error", text=f"a\n{why}")
    on_base = TestRun(name="tests", status=Status.FAILED, items=(lost,))
    head = result(test_new="passed", test_old="passed")
    found = rows(on_base, head, added=("test_new",))
    assert {name: row.is_proof for name, row in found.items()} == {"test_new": True}
    assert found["test_new"].error == why


def test_a_test_that_the_change_alters_counts_as_new():
    made_of = b"def test_%s():\n    assert a == %d\n"
    before = b"".join(made_of % (name, 1) for name in (b"one", b"other"))
    after = before.replace(b"== 1", b"== 2", 1) + made_of % (b"new", 3)
    file = ChangedFile(path=FILE, before=before, after=after)
    change = Change(base_commit="c", files=(file,))
    head = result(**{"test_one[a]": "passed", "test_other": "passed", "test_new": "passed"})
    assert [*proving._list_altered(change, head)] == [f"{FILE}::test_one[a]"]


class Attempts(proving._TestRuns):
    """Runs nothing: a test fails for each edit that it notices."""

    noticing: ClassVar[dict[int, str]] = {}
    ran: ClassVar[list[tuple[int, ...]]] = []
    anyway: ClassVar[frozenset[str]] = frozenset()

    def _run(self, several, part, *, fails_fast):
        self.ran.append(tuple(edit.line for edit in several))
        names = {self.noticing[edit.line] for edit in several if edit.line in self.noticing}
        names |= self.anyway
        ids = part.only.ids if part.only else (f"{FILE}::test_old",)
        files = part.only.files if part.only else ()
        seen = {name for name in names if f"{FILE}::{name}" in ids or FILE in files}
        return result(**dict.fromkeys(seen, "failed"), test_other="passed")


def attempt(noticing, *, ours=(), shown=(), seconds=1.0, processes=1, anyway=()):
    """Say what becomes of four edits; return their lines, and which ran together."""
    kind = type("Some", (Attempts,), {"noticing": noticing, "ran": [], "anyway": {*anyway}})
    stopped = threading.Event()
    end = time.monotonic() + 60
    given = {"end": end, "at_once": 2, "begin": Done, "stopped": stopped, "processes": processes}
    trials = SimpleNamespace(**given)
    head = replace(result(test_old="passed"), seconds=seconds)
    source = Versions("shop/a.py", b"", b"")
    parts = [Edit(source, line) for line in (1, 2, 3, 4)]
    attempts = kind(trials, None, head, frozenset(), shown, frozenset(ours), Imports({}))
    found = attempts.try_all(parts)
    sides = (found.noticed, found.unnoticed, found.untried)
    return [[part.line for part in side] for side in sides], kind.ran


class Done:
    def __init__(self, work):
        self.value = work()

    def result(self):
        return self.value


def test_what_no_test_is_known_to_reach_is_asked_of_the_suite_in_groups():
    lines, ran = attempt({3: "test_old"})
    assert lines == [[3], [1, 2, 4], []]
    assert ran == [(1, 3), (2, 4), (1,), (3,), ()]


def test_tests_that_fail_without_the_change_are_asked_first_and_alone():
    lines, ran = attempt({1: "test_old", 2: "test_old"}, shown=(f"{FILE}::test_old",))
    assert lines == [[1, 2], [3, 4], []]
    assert ran == [(1,), (2,), (3,), (4,), (3,), (4,)]


def test_what_tests_of_the_change_notice_does_not_need_the_suite():
    lines, ran = attempt(dict.fromkeys((1, 2, 3, 4), "test_old"), ours=[FILE])
    assert lines == [[1, 2, 3, 4], [], []]
    assert ran == [(1,), (), (2,), (3,), (4,)]


def test_what_fails_with_the_whole_change_for_want_of_other_tests_has_noticed_nothing():
    lines, _ = attempt({1: "test_old"}, ours=[FILE], seconds=100.0, anyway=["test_old"])
    assert lines == [[], [], [1, 2, 3, 4]]


@pytest.mark.parametrize(("seconds", "processes"), [(100.0, 1), (20.0, 5)])
def test_without_the_time_for_the_suite_nothing_is_said(seconds, processes):
    lines, ran = attempt({}, ours=[FILE], seconds=seconds, processes=processes)
    assert lines == [[], [], [1, 2, 3, 4]]
    assert ran == [(1,), (2,), (3,), (4,)]


def test_a_run_in_one_process_has_the_time_of_all_that_have_shared_the_tests():
    limits = []

    def run_tests(site, *_):
        limits.append(site)

    trials = SimpleNamespace(end=math.inf, processes=8, run_tests=run_tests)
    head = replace(result(), seconds=100.0)
    given = trials, None, head, frozenset(), (), frozenset(), Imports({})
    proving._TestRuns(*given)._run_at(SimpleNamespace(limit_seconds=float), Part(), "tests")
    assert limits[0] > 5 * 800


def test_a_server_that_did_not_start_has_noticed_nothing():
    given = None, None, result(), frozenset(), (), frozenset(), Imports({})
    run = {"status": Status.UNVERIFIED, "reason": "the check did not start", "exit_code": 1}
    silent = TestRun.model_validate({"name": "tests", **run})
    ended_early = replace(silent, suite=SUITE)
    runs = proving._TestRuns(*given)
    assert [runs._is_noticed(each) for each in (silent, ended_early)] == [None, True]


class Counting(proving.EarlyProof):
    count = 0

    def _prove(self, compared, after):
        self.count += 1
        return Proof()


@pytest.mark.parametrize(("repeated", "count"), [((), 1), (("test_old",), 2)])
def test_a_test_that_turns_out_to_fail_by_chance_has_proved_nothing(
    monkeypatch, tmp_path, repeated, count
):
    monkeypatch.setattr(proving, "_alters_code", lambda *_: True)
    head = result(test_old="passed")
    tests = tuple(RepeatedTest(item_id=f"{FILE}::{name}") for name in repeated)
    after = replace(head, repeated=tests)
    with Counting(None, None, None, SimpleNamespace(settings=Settings(home=tmp_path))) as early:
        early.begin((), CheckReport(side="head", commit="", results=(head,)))
        early.finish((), CheckReport(side="head", commit="", results=(after,)))
        assert early.count == count
