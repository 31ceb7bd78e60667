from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain import CheckItem, CheckResult, Status
from tests.live import __main__ as program
from tests.live import by_hand, comparison, differences, measured, report
from tests.live.comparison import ABSENT, Difference, Known
from tests.live.measured import Measured
from tests.live.projects import KINDS, PROJECTS

BARE = {"tests.test_a.test_one": "passed", "tests.test_a.test_two": "failed"}
NAME = PROJECTS[0].name


def known(test="tests.test_a.test_two", **facts):
    return Known(NAME, (test,), "failed", "passed", "it wants the network", **facts)


def test_equal_outcomes_hold():
    found = comparison.compare(BARE, dict(BARE), ())
    assert found.holds
    assert (found.tests, found.alike) == (2, 2)


def test_a_test_that_ends_otherwise_in_the_room_is_wrong():
    found = comparison.compare(BARE, {**BARE, "tests.test_a.test_one": "failed"}, ())
    assert not found.holds
    assert found.unknown == (Difference("tests.test_a.test_one", "passed", "failed"),)
    assert str(found.unknown[0]) == "tests.test_a.test_one: bare passed, room failed"


def test_a_test_that_only_one_side_has_is_wrong():
    fewer = {"tests.test_a.test_one": "passed"}
    assert comparison.compare(BARE, fewer, ()).unknown == (
        Difference("tests.test_a.test_two", "failed", ABSENT),
    )
    assert comparison.compare(fewer, BARE, ()).unknown == (
        Difference("tests.test_a.test_two", ABSENT, "failed"),
    )


def test_a_difference_on_the_list_is_told_with_its_reason():
    found = comparison.compare(BARE, {**BARE, "tests.test_a.test_two": "passed"}, (known(),))
    assert found.holds
    ((difference, reason),) = found.known
    assert difference.test == "tests.test_a.test_two"
    assert reason == "it wants the network"


def test_an_entry_explains_only_the_outcomes_that_it_names():
    found = comparison.compare(BARE, {**BARE, "tests.test_a.test_two": "skipped"}, (known(),))
    assert found.unknown == (Difference("tests.test_a.test_two", "failed", "skipped"),)
    assert len(found.stale) == 1


@pytest.mark.parametrize("room", [BARE, {"tests.test_a.test_one": "passed"}])
def test_an_entry_that_no_longer_holds_is_wrong(room):
    found = comparison.compare(room, dict(room), (known(),))
    assert not found.holds
    assert found.unknown == ()
    assert "tests.test_a.test_two: bare failed, room passed is on the list" in found.stale[0]


def test_what_is_left_to_chance_may_go_either_way_and_no_other():
    entry = known(by_chance=True)
    one, other = ({"tests.test_a.test_two": how} for how in ("passed", "failed"))
    for bare, room in ((one, other), (other, one), (one, one), (other, other)):
        assert comparison.compare(bare, room, (entry,)).holds
    assert not comparison.compare(one, {"tests.test_a.test_two": "skipped"}, (entry,)).holds


def test_names_are_those_of_the_bare_side():
    ids = {
        "tests/test_a.py::Class::test_one[a/b::c.py]": "tests.test_a.Class.test_one[a/b::c.py]",
        "tests/test_broken.py (collection)": "tests.test_broken",
        "tests.test_b.Class.test_two": "tests.test_b.Class.test_two",
        "sample.py": "sample",
    }
    items = tuple(CheckItem(item_id=name, outcome="xpassed") for name in ids)
    result = CheckResult(name="tests", status=Status.PASSED, items=items)
    assert by_hand.in_room(result) == dict.fromkeys(ids.values(), "passed")


# --- the program -------------------------------------------------------------------------------


def run(monkeypatch, tmp_path, *argv, room=None, listed=(), problems=(), projects=PROJECTS):
    """Run the program on forged outcomes; return its exit code."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(differences, "KNOWN", tuple(listed))
    monkeypatch.setattr(program, "PROJECTS", projects)

    def forged(project, folder, svc, say):
        entries = differences.of(project.name)
        compared = comparison.compare(BARE, BARE if room is None else room, entries)
        other = project is projects[0] or project is projects[1]
        return Measured(
            project, "3.12.1" if other else "3.11.2", "django", 1.0, 1.0, 1.0, compared, problems
        )

    return program.main(["--scratch", str(tmp_path), *argv], forged)


def test_everything_alike_is_exit_code_0(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path) == 0
    shown = capsys.readouterr().out
    assert all(project.name in shown for project in PROJECTS)
    assert "1/1" in shown  # one passes on both sides, one fails on both
    assert sorted(tmp_path.iterdir()) == [tmp_path / "home"]


def test_a_forged_difference_is_exit_code_1(monkeypatch, tmp_path, capsys):
    forged = {**BARE, "tests.test_a.test_one": "failed"}
    assert run(monkeypatch, tmp_path, "--only", NAME, room=forged) == 1
    assert "tests.test_a.test_one: bare passed, room failed" in capsys.readouterr().out


def test_a_stale_entry_is_exit_code_1(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, "--only", NAME, listed=[known()]) == 1
    assert "on the list" in capsys.readouterr().out


def test_a_listed_difference_is_exit_code_0(monkeypatch, tmp_path, capsys):
    room = {**BARE, "tests.test_a.test_two": "passed"}
    assert run(monkeypatch, tmp_path, "--only", NAME, room=room, listed=[known()]) == 0
    assert "it wants the network" in capsys.readouterr().out


def test_whatever_kept_a_project_from_being_measured_is_exit_code_1(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, "--only", NAME, problems=("no lock was taken",)) == 1
    assert "no lock was taken" in capsys.readouterr().out


def test_a_whole_run_that_shows_too_little_is_exit_code_1(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, projects=PROJECTS[:2]) == 1
    shown = capsys.readouterr().out
    assert "not shown: projects: 2 of 12" in shown
    assert run(monkeypatch, tmp_path, "--only", NAME, projects=PROJECTS[:2]) == 0


def test_all_there_is_goes_to_programs(monkeypatch, tmp_path, capsys):
    forged = {**BARE, "tests.test_a.test_one": "failed"}
    assert run(monkeypatch, tmp_path, "--json", "--only", NAME, room=forged) == 1
    (project,) = json.loads(capsys.readouterr().out)["projects"]
    assert project["project"] == NAME
    assert project["holds"] is False
    assert project["outcomes"]["tests.test_a.test_one"] == {"bare": "passed", "room": "failed"}
    assert project["outcomes"]["tests.test_a.test_two"] == {"bare": "failed", "room": "failed"}
    assert project["unknown"] == [
        {"test": "tests.test_a.test_one", "bare": "passed", "room": "failed"}
    ]


def test_an_unknown_name_is_refused(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, tmp_path, "--only", "no-such-project")
    assert ended.value.code == 2
    assert f"known: {NAME}" in capsys.readouterr().err


def test_only_what_holds_shows_anything():
    compared = comparison.compare(BARE, BARE, ())
    found = [Measured(p, "3.12.1", "django", comparison=compared) for p in PROJECTS]
    assert report.lacking(found) == ()
    failed = [replace(one, problems=("broken",)) for one in found]
    lacks = report.lacking(failed)
    assert "projects: 0 of 12" in lacks
    assert {f"no project declares by {kind}" for kind in KINDS} <= set(lacks)


# --- the list ----------------------------------------------------------------------------------


def test_every_entry_is_of_a_project_and_has_a_reason():
    names = {project.name for project in PROJECTS}
    for entry in differences.KNOWN:
        assert entry.project in names
        assert len(entry.reason) > 20
        assert entry.bare != entry.room
        assert entry.tests


def test_nothing_is_configured_but_services():
    for project in PROJECTS:
        assert project.config in {None, "services: [postgres]\n"}
        assert (project.config is None) == (project.postgres is None)


# --- how tests of unittest are noted -----------------------------------------------------------


SUITE = """
import unittest

class Tests(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.fail()
    def test_breaks(self): raise ValueError
    def test_skips(self): self.skipTest("why")
    @unittest.expectedFailure
    def test_xfails(self): self.fail()
    @unittest.expectedFailure
    def test_surprises(self): pass
    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)

suite = unittest.defaultTestLoader.loadTestsFromTestCase(Tests)
unittest.TextTestRunner().run(suite)
unittest.TextTestRunner().run(unittest.TestSuite([Tests("test_passes")]))
"""


def test_notes_have_the_outcome_of_every_test(tmp_path):
    script, notes = tmp_path / "suite.py", tmp_path / "notes"
    script.write_text(SUITE)
    folder = Path(by_hand.__file__).parent
    subprocess.run(
        [sys.executable, "-c", f"import unittest_notes, runpy; runpy.run_path({str(script)!r})"],
        env={"PYTHONPATH": str(folder), "LIVE_NOTES": str(notes)},
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    found = by_hand.read_notes(notes)
    tests = {name.removeprefix("<run_path>.Tests.test_"): how for name, how in found.items()}
    assert tests == {
        "passes": "passed",
        "passes #2": "passed",
        "fails": "failed",
        "breaks": "failed",
        "skips": "skipped",
        "xfails": "xfailed",
        "surprises": "failed",
        "parts": "failed",
    }


@pytest.mark.parametrize(
    ("status", "reason", "count"),
    [
        (Status.PASSED, "", 0),
        (Status.FAILED, "", 0),
        (Status.FAILED, "the tests were ended after 10 minutes", 1),
        (Status.UNVERIFIED, "a test of ours was not run", 1),
    ],
)
def test_a_suite_that_a_limit_ended_or_that_proves_nothing_is_a_problem(status, reason, count):
    items = (CheckItem(item_id="test_a.py::test_one", outcome="passed"),)
    result = CheckResult(name="tests", status=status, items=items, reason=reason)
    found = measured.problems_of(result)
    assert len(found) == count
    assert all(reason in one for one in found)


def test_a_project_that_cannot_be_had_is_a_problem_and_no_trace(tmp_path, monkeypatch):
    def gone(*args, **named):
        raise AssertionError("the index has no such archive")

    monkeypatch.setattr(measured.sources, "repository", gone)
    found = measured.measure(PROJECTS[0], tmp_path, _NoServices(), lambda line: None)
    assert found.problems == ("the index has no such archive",)
    assert not found.holds


class _NoServices:
    index = None
