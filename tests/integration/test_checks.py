"""Checks in real sandboxes: what they find, and that no forgery comes out as passed."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agent.checks import check, measuring, runners, running
from agent.checks.check import Selection, TestRequest
from agent.checks.runners import Suite
from agent.models.change import Severity
from agent.models.checks import Status, TestRun
from agent.models.record import replace
from agent.setup import obstacles
from agent.stages import baseline
from repo_config.command_lines import SuiteCommand
from repo_config.detect import DjangoProject
from repo_config.schema import RepoConfig
from tests.deep import deep
from tests.integration.check_samples import (
    GREEN,
    RED,
    SITE,
    TOOLS,
    Stage,
    Workshop,
    make_flat,
    measured,
    outcomes,
)


def only_deep(kinds: Iterable[str], *usual: str) -> list[object]:
    """All of them as cases, each that is not named here of the deep suite."""
    return [kind if kind in usual else deep(kind) for kind in kinds]


# --- pytest ----------------------------------------------------------------------------------


def test_every_kind_of_outcome_is_recorded_once_with_words_and_place(workshop: Workshop) -> None:
    result = workshop.tests({
        "test_all.py": """
            import pytest

            def test_passes(): pass

            def test_fails():
                assert {"a": print("said before")} == {"a": 2}

            def test_long():
                assert ["same"] * 100 + ["here"] == ["same"] * 100 + ["there"]

            @pytest.mark.skip(reason="not today")
            def test_skipped(): pass

            @pytest.mark.xfail
            def test_xfails(): assert False

            @pytest.mark.xfail
            def test_xpasses(): pass

            @pytest.mark.xfail(strict=True)
            def test_strict(): pass

            @pytest.fixture
            def broken(): 1 / 0

            @pytest.fixture
            def breaks_later():
                yield
                1 / 0

            def test_setup(broken): pass

            def test_teardown(breaks_later): pass
        """,
        "test_gone.py": "import nothing_of_that_name\n",
        "test_case.py": """
            import unittest
            class Case(unittest.TestCase):
                def test_numbers(self):
                    for number in range(3):
                        with self.subTest(number=number):
                            self.assertNotEqual(number, 1)
                def test_long(self):
                    self.assertEqual(["same"] * 200, ["same"] * 199 + ["there"])
        """,
    })  # fmt: skip
    assert result.status is Status.FAILED
    assert outcomes(result) == {
        "test_all.py::test_passes": "passed",
        "test_all.py::test_fails": "failed",
        "test_all.py::test_long": "failed",
        "test_all.py::test_skipped": "skipped",
        "test_all.py::test_xfails": "xfailed",
        "test_all.py::test_xpasses": "xpassed",
        "test_all.py::test_strict": "failed",
        "test_all.py::test_setup": "error",
        "test_all.py::test_teardown": "error",
        "test_gone.py (collection)": "error",
        "test_case.py::Case::test_numbers": "failed",
        "test_case.py::Case::test_long": "failed",
    }
    items = {item.item_id: item for item in result.items}
    assert items["test_all.py::test_fails"].place == "test_all.py:6"
    assert "{'a': None} == {'a': 2}" in items["test_all.py::test_fails"].text
    details = items["test_all.py::test_fails"].details
    assert ">       assert {" in details
    assert details.endswith("----- Captured stdout call -----\nsaid before\n")
    assert "test_gone.py:1: in <module>" in items["test_gone.py (collection)"].details
    for name, lines in {
        "test_all.py::test_long": ("-     'there',", "+     'here',"),
        "test_case.py::Case::test_long": ("'same']", "'there']"),
    }.items():
        assert all(line in items[name].text for line in lines), items[name].text
        assert "maxDiff" not in items[name].text
    assert "nothing_of_that_name" in items["test_gone.py (collection)"].text
    assert "mergewright" not in result.output
    assert result.command == ("python", "-m", "pytest")
    assert result.reason == ""


def test_of_a_test_that_a_plugin_repeats_the_last_attempt_counts(workshop: Workshop) -> None:
    # Of an attempt that is repeated, no phase is reported beyond the one that failed.
    files = {
        "conftest.py": """
            from _pytest.runner import runtestprotocol

            def pytest_runtest_protocol(item, nextitem):
                for is_last in (False, True):
                    for report in runtestprotocol(item, nextitem=nextitem, log=False):
                        is_over = report.failed and not is_last
                        report.outcome = "rerun" if is_over else report.outcome
                        item.ihook.pytest_runtest_logreport(report=report)
                        if is_over:
                            break
                    else:
                        return True
        """,
        "test_weak.py": """
            attempts = []

            def test_second():
                attempts.append(1)
                assert len(attempts) == 2

            def test_never():
                assert attempts == 0
        """,
    }
    result = workshop.tests(files)
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert outcomes(result) == {
        "test_weak.py::test_second": "passed",
        "test_weak.py::test_never": "failed",
    }


def test_a_thread_that_a_test_leaves_does_not_hold_the_run_up(workshop: Workshop) -> None:
    test = """
        import threading, time

        def test_leaves():
            threading.Thread(target=time.sleep, args=(600,)).start()
    """
    site = workshop.site({"test_thread.py": test}, test_runner="pytest")
    site = dataclasses.replace(site, limits=replace(site.limits, seconds=60.0))
    result = workshop.run_tests(site)
    assert (result.status, result.reason) == (Status.PASSED, "")
    assert outcomes(result) == {"test_thread.py::test_leaves": "passed"}


def test_files_that_tests_leave_in_the_tree_are_named(workshop: Workshop) -> None:
    files = {
        "kept/given.txt": "x",
        "test_left.py": """
            import pathlib

            def test_writes(tmp_path):
                (tmp_path / "elsewhere").touch()
                pathlib.Path("data/more").mkdir(parents=True)
                pathlib.Path("data/more/hc.sqlite").touch()
                pathlib.Path("kept/given.txt").write_text("y")
        """,
    }
    result = workshop.tests(files, test_args=("-p", "no:cacheprovider"))
    assert result.left_behind == ("data/more/hc.sqlite",)


@pytest.mark.deep
@pytest.mark.parametrize(
    "packages",
    [("platformdirs==4.2.2",), ("pytest==6.2.5",)],
    ids=["the gate's, which has a newer platformdirs", "an old one"],
)
def test_other_pytests_say_the_same(workshop: Workshop, packages: tuple[str, ...]) -> None:
    result = workshop.tests(RED, packages=packages)
    assert result.status is Status.FAILED
    assert result.output.count("[100%]") == 1, "ours count in no percentage"
    assert outcomes(result) == {
        "test_sums.py::test_sum": "passed",
        "test_sums.py::test_wrong": "failed",
    }


@pytest.mark.deep
def test_workers_of_xdist_are_watched_as_well(workshop: Workshop) -> None:
    files = {
        "pytest.ini": "[pytest]\naddopts = -n 2 -x\n",
        "test_many.py": """
            import pytest

            @pytest.mark.parametrize("number", range(4))
            def test_number(number):
                assert number not in {0, 3}
        """,
        "test_b.py": "import nothing_x\n",
    }
    result = workshop.tests(files)
    assert result.status is Status.FAILED
    assert outcomes(result) == {
        "test_many.py::test_number[0]": "failed",
        "test_many.py::test_number[1]": "passed",
        "test_many.py::test_number[2]": "passed",
        "test_many.py::test_number[3]": "failed",
        "test_b.py (collection)": "error",
    }


def test_a_suite_that_never_ends_is_ended_and_shown_meanwhile(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.0)
    site = workshop.site(
        {**GREEN, "test_z.py": "import time\n\n\ndef test_long():\n    time.sleep(600)\n"},
        test_runner="pytest",
    )
    limits = replace(site.limits, seconds=8.0)
    site = dataclasses.replace(site, limits=limits)
    result = workshop.run_tests(site)
    assert result.status is Status.FAILED
    assert "after 8 seconds" in result.reason
    assert any(line.startswith("tests | ") for line in workshop.said)


@pytest.mark.parametrize("runner", ["pytest", deep("workers"), deep("django")])
def test_tests_without_time_stay_unrun_and_the_others_are_proved(
    workshop: Workshop, runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_script = runner == "django"

    def measure(tests: str, seconds: float) -> tuple[TestRun, float]:
        site = workshop.site(
            {"test_all.py": tests, "run.py": "import unittest\n\nunittest.main('test_all')\n"},
            test_runner="django" if is_script else "pytest",
            test_script="run.py" if is_script else None,
            test_args=("-n", "2") if runner == "workers" else (),
        )
        site = dataclasses.replace(site, limits=replace(site.limits, seconds=seconds))
        begun = time.monotonic()
        result = workshop.run_tests(site)
        return result, time.monotonic() - begun

    tests = "import time\nimport unittest\n\n\nclass Tests(unittest.TestCase):\n"
    # A machine under load takes its time before and after the tests: as long as for a single one.
    last_start = 2.0 + 2.0 * measure(tests + "    def test(self):\n        pass\n", 120.0)[1]
    monkeypatch.setattr(check, "_RESERVE", 0.75)
    monkeypatch.setattr(check, "_MOST_RESERVE", math.inf)
    tests += "    @classmethod\n    def tearDownClass(cls):\n        raise OSError\n\n"
    for number in range(100):
        tests += f"    def test_{number}(self):\n        time.sleep({last_start / 40})\n"
    result, _ = measure(tests, 4 * last_start)
    assert not result.reason
    assert result.unrun
    assert outcomes(result).keys().isdisjoint(result.unrun)
    ran = [item.item_id for item in result.items if item.outcome == "passed"]
    assert ran
    assert len({*ran, *result.unrun}) >= 99


@pytest.mark.parametrize("runner", ["pytest", deep("workers"), deep("django")])
def test_tests_that_do_not_end_are_interrupted_and_the_others_count(
    workshop: Workshop, runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_LONGEST_TEST", 1.0)
    monkeypatch.setattr(check, "_PART_OF_TEST", 0.0)
    is_script = runner == "django"
    tests = """
        import socket
        import unittest


        class Tests(unittest.TestCase):
            def test_a(self):
                here, there = socket.socketpair()
                try:
                    here.recv(1)
                except Exception:
                    pass

            def test_b(self):
                pass
    """
    site = workshop.site(
        {
            "test_all.py": tests,
            "run.py": "import unittest\n\nunittest.main('test_all')\n",
            **({} if is_script else GREEN),
        },
        test_runner="django" if is_script else "pytest",
        test_script="run.py" if is_script else None,
        test_args=("-n", "2") if runner == "workers" else (),
    )
    result = workshop.run_tests(site)
    assert not result.reason
    ends = {
        name.rpartition("test_")[2]: item
        for name, item in ((item.item_id, item) for item in result.items)
    }
    assert (ends["a"].outcome, ends["b"].outcome) == ("failed", "passed")
    assert "did not end within 1 s" in ends["a"].text


def test_clocks_that_a_library_moves_leave_no_test_unrun(workshop: Workshop) -> None:
    tests = """
        import unittest

        import time_machine

        @time_machine.travel(4e9)
        class Tests(unittest.TestCase):
            def test_one(self):
                pass

            def test_two(self):
                pass
    """
    result = workshop.tests({"test_all.py": tests}, packages=("time-machine==2.15.0",))
    assert (list(outcomes(result).values()), result.unrun) == (["passed"] * 2, ())


@pytest.mark.parametrize("runner", ["pytest", "django"])
def test_a_suite_that_fails_fast_ends_with_its_first_failure(
    workshop: Workshop, runner: str
) -> None:
    tests = "import unittest\n\n\nclass Tests(unittest.TestCase):\n"
    for name, does in (("a", "pass"), ("b", "self.fail()"), ("c", "pass")):
        tests += f"    def test_{name}(self):\n        {does}\n"
    files = {"test_all.py": tests, "run.py": "import unittest\n\nunittest.main('test_all')\n"}
    script = "run.py" if runner == "django" else None
    site = workshop.site(files, test_runner=runner, test_script=script)
    result = workshop.run_tests(site, TestRequest(known_red=frozenset()))
    assert [item.outcome for item in result.items] == ["passed", "failed"]
    assert result.exit_code
    known = TestRequest(known_red=frozenset({result.items[1].item_id}))
    result = workshop.run_tests(site, known)
    assert [item.outcome for item in result.items] == ["passed", "failed", "passed"]
    green = {"test_all.py": tests.replace("self.fail()", "pass"), "run.py": files["run.py"]}
    site = workshop.site(green, test_runner=runner, test_script=script)
    result = workshop.run_tests(site, TestRequest(known_red=frozenset()))
    assert result.status is Status.PASSED


@pytest.mark.parametrize("runner", ["pytest", "django"])
def test_a_suite_half_of_whose_first_tests_fail_is_ended_where_that_is_wanted(
    workshop: Workshop, runner: str
) -> None:
    tests = "import unittest\n\n\nclass Tests(unittest.TestCase):\n"
    for number in range(60):
        tests += f"    def test_{number:02}(self):\n        assert {number} % 2\n"
    files = {"test_all.py": tests, "run.py": "import unittest\n\nunittest.main('test_all')\n"}
    site = workshop.site(
        files, test_runner=runner, test_script="run.py" if runner == "django" else None
    )
    for looks_early, ran in ((True, 50), (False, 60)):
        result = workshop.run_tests(dataclasses.replace(site, looks_early=looks_early))
        assert (len(result.items), len(result.unrun)) == (ran, 60 - ran)
        assert obstacles.ended_early(result) is looks_early


def test_the_gates_pytest_comes_with_what_it_is_made_of(workshop: Workshop) -> None:
    found = workshop.tests(GREEN, packages=("pluggy==0.13.1",))
    assert (found.status, found.reason) == (Status.PASSED, "")


# --- runs that lose failures -----------------------------------------------------------------


LOSSES = {
    "the exit code is set to 0": {
        "conftest.py": """
            def pytest_sessionfinish(session):
                session.exitstatus = 0
        """
    },
    "tests are called and what they raise is dropped": {
        "conftest.py": """
            import pytest
            @pytest.hookimpl(tryfirst=True)
            def pytest_pyfunc_call(pyfuncitem):
                return True
        """
    },
    "the process ends itself within a test": {
        "test_a.py": "import os\n\n\ndef test_end():\n    os._exit(0)\n"
    },
    "sys.exit while loading": {"conftest.py": "import sys\nsys.exit(0)\n"},
    "the report becomes huge": {
        "conftest.py": """
            import glob, os
            def pytest_unconfigure(config):
                for name in glob.glob("/out/*"):
                    with open(name, "ab") as file:
                        file.truncate(1024 ** 3)
        """
    },
}


@pytest.mark.parametrize("name", only_deep(LOSSES, "the exit code is set to 0"))
def test_a_run_that_loses_failures_proves_nothing(workshop: Workshop, name: str) -> None:
    result = workshop.tests({**RED, **LOSSES[name]})
    assert result.status is not Status.PASSED
    assert result.reason or result.count("failed", "error")


# --- Django's runner and other scripts -------------------------------------------------------


DJANGO = SITE | make_flat({
    "shop/models.py": """
        from django.db import models

        class Order(models.Model):
            name = models.CharField(max_length=10)
    """,
    "shop/migrations/0001_initial.py": """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            dependencies = []
            operations = [
                migrations.CreateModel(
                    name="Order",
                    fields=[
                        ("id", models.BigAutoField(
                            auto_created=True, primary_key=True, serialize=False,
                            verbose_name="ID")),
                        ("name", models.CharField(max_length=10)),
                    ],
                )
            ]
    """,
    "shop/tests.py": """
        import unittest
        from django.test import TestCase
        from shop.models import Order

        class OrderTests(TestCase):
            def test_saved(self):
                Order.objects.create(name="a")
                self.assertEqual(Order.objects.count(), 1)
    """,
})  # fmt: skip
CASES = """
    import unittest
    from django.test import TestCase

    class Cases(TestCase):
        def test_ok(self): pass
        def test_bad(self): self.assertEqual(1, 2)
        def test_raises(self): 1 / 0
        def test_sub(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertNotEqual(number, 1)
        @unittest.expectedFailure
        def test_known(self): self.fail()
        @unittest.expectedFailure
        def test_unexpected(self): pass
        @unittest.skip("why")
        def test_skipped(self): pass

    class Broken(TestCase):
        @classmethod
        def setUpTestData(cls): 1 / 0
        def test_one(self): pass
        def test_two(self): pass

    class Named(TestCase):
        @classmethod
        def setUpTestData(cls): cls.id, cls.test_case = 7, "of the project"
        def test_id(self): self.assertEqual(self.id, 7)
"""
CASE_OUTCOMES = {
    "shop.tests.OrderTests.test_saved": "passed",
    "shop.test_cases.Cases.test_ok": "passed",
    "shop.test_cases.Cases.test_bad": "failed",
    "shop.test_cases.Cases.test_raises": "failed",
    "shop.test_cases.Cases.test_sub": "failed",
    "shop.test_cases.Cases.test_known": "xfailed",
    "shop.test_cases.Cases.test_unexpected": "failed",
    "shop.test_cases.Cases.test_skipped": "skipped",
    "shop.test_cases.Broken.test_one": "error",
    "shop.test_cases.Broken.test_two": "error",
    "shop.test_cases.Named.test_id": "passed",
    "shop.test_import (collection)": "error",
}
WITH_CASES = {
    **DJANGO, "shop/test_cases.py": CASES, "shop/test_import.py": "import no_such_module\n",
}  # fmt: skip
MANAGED: dict[str, Any] = {
    "framework": "django",
    "test_runner": "django",
    "test_script": "manage.py",
    "django": DjangoProject(settings_module="proj.settings", manage="manage.py", python_path=("",)),
}


@pytest.mark.parametrize("args", [["--failfast"], deep(["--parallel", "2"])], ids=str)
def test_djangos_runner_is_recorded_test_by_test(workshop: Workshop, args: list[str]) -> None:
    config = {"checks": {"makemigrations": "off"}}
    result = workshop.tests(WITH_CASES, config=config, test_args=args, **MANAGED)
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert outcomes(result) == CASE_OUTCOMES
    items = {item.item_id: item for item in result.items}
    assert items["shop.test_cases.Cases.test_bad"].place == "shop/test_cases.py:6"
    assert items["shop.test_cases.Cases.test_sub"].text.startswith("(number=1)")
    assert items["shop.test_cases.Cases.test_bad"].details.startswith("Traceback (most recent")
    assert result.command == ("python", "manage.py", "test", *args)


def test_each_of_several_commands_runs_its_own_tests_in_a_sandbox_of_its_own(
    workshop: Workshop,
) -> None:
    files = {
        **DJANGO,
        "shop/test_tags.py": """
from django.test import SimpleTestCase, tag

RAN = []

class First(SimpleTestCase):
    def test_first(self): RAN.append(1)

class Last(SimpleTestCase):
    @tag("alone")
    def test_alone(self): self.assertEqual(RAN, [])
""",
    }
    config = {"checks": {"makemigrations": "off"}}
    more = (SuiteCommand("django", "manage.py", ("--tag", "alone")),)
    args = ("--parallel", "2", "--exclude-tag", "alone")
    site = workshop.site(files, config=config, test_args=args, more_tests=more, **MANAGED)
    ((suite, _),) = measuring.list_tests(site)
    assert isinstance(suite, Suite)
    result = running.run_check(suite, site, workshop.sandbox, workshop.said.append)
    alone = "shop.test_tags.Last.test_alone"
    assert (result.status, result.reason, len(result.items)) == (Status.PASSED, "", 3)
    assert outcomes(result)[alone] == "passed"
    only = runners.select(suite, TestRequest(Selection(ids=(alone,))))
    result = running.run_check(only, site, workshop.sandbox, workshop.said.append)
    assert (result.status, outcomes(result)) == (Status.PASSED, {alone: "passed"})


@pytest.mark.parametrize("label", ["src", "shop"])
def test_what_the_runner_is_given_is_named_from_the_root_or_from_its_script(
    workshop: Workshop, label: str
) -> None:
    files = {f"src/{path}": text for path, text in DJANGO.items()}
    django = DjangoProject(
        settings_module="proj.settings", manage="src/manage.py", python_path=("src",)
    )
    config = {"checks": {"makemigrations": "off"}}
    more = {**MANAGED, "test_script": "src/manage.py", "django": django, "test_args": [label]}
    result = workshop.tests(files, config=config, **more)
    assert (result.status, len(result.items)) == (Status.PASSED, 1)


RUNTESTS = """
    import os, sys
    import django
    from django.conf import settings
    from django.test.utils import get_runner

    if __name__ == "__main__":
        os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
        sys.path.insert(0, os.getcwd())
        django.setup()
        failures = get_runner(settings)().run_tests(["shop"])
        sys.exit(%s)
"""
SCRIPTED: dict[str, Any] = {**MANAGED, "test_script": "tests/runtests.py"}


SCRIPT_LOSSES = {
    "the script hides failures": {"tests/runtests.py": RUNTESTS % "0"},
    "the script runs nothing": {"tests/runtests.py": "print('Ran 10 tests\\n\\nOK')\n"},
    "the script claims to have failed": {"tests/runtests.py": "import os\nos._exit(1)\n"},
    "a runner of the project reports no failure": {
        "tests/runtests.py": RUNTESTS % "bool(failures)",
        "proj/settings.py": DJANGO["proj/settings.py"] + "TEST_RUNNER = 'proj.run.Green'\n",
        "proj/run.py": """
            from django.test.runner import DiscoverRunner
            class Green(DiscoverRunner):
                def suite_result(self, suite, result, **kwargs):
                    return 0
        """,
    },
}


@pytest.mark.parametrize("name", only_deep(SCRIPT_LOSSES, "the script hides failures"))
def test_a_script_that_loses_failures_proves_nothing(workshop: Workshop, name: str) -> None:
    files = {**WITH_CASES, **SCRIPT_LOSSES[name]}
    result = workshop.tests(files, config={"checks": {"makemigrations": "off"}}, **SCRIPTED)
    assert result.status is Status.UNVERIFIED
    assert result.reason


# --- migrations and system check -------------------------------------------------------------

PENDING = {
    **DJANGO,
    "shop/models.py": DJANGO["shop/models.py"]
    + "    note = models.CharField(max_length=20, default='')\n",
}
NO_TESTS: dict[str, Any] = {**MANAGED, "test_runner": None}


def test_names_in_the_language_of_the_settings_need_no_migration(workshop: Workshop) -> None:
    first, models, settings = (
        "shop/migrations/0001_initial.py",
        "shop/models.py",
        "proj/settings.py",
    )
    files = {
        **DJANGO,
        settings: DJANGO[settings] + "LANGUAGE_CODE = 'es'\nUSE_I18N = True\n",
        first: DJANGO[first].replace("max_length=10", "max_length=10, verbose_name='user'"),
        models: "from django.utils.translation import gettext_lazy\n"
        + DJANGO[models]
        .replace("max_length=10", "'user', max_length=10")
        .replace("'user'", "gettext_lazy('user')"),
    }
    assert workshop.one("makemigrations", files, **NO_TESTS).status is Status.PASSED


MIGRATION_LIES = {
    "settings switch all migrations off": {
        "proj/settings.py": DJANGO["proj/settings.py"]
        + "class Off:\n    def __contains__(self, item): return True\n"
        "    def __getitem__(self, item): return None\nMIGRATION_MODULES = Off()\n"
    },
    "the process ends itself": {"shop/__init__.py": "import os\nos._exit(0)\n"},
    "manage.py does nothing": {"manage.py": "print('No changes detected')\n"},
}


#: After these the missing migration cannot be named, and that is said.
SPEECHLESS = {"the process ends itself"}


@pytest.mark.parametrize("name", only_deep(MIGRATION_LIES, "settings switch all migrations off"))
def test_no_lie_hides_a_missing_migration(workshop: Workshop, name: str) -> None:
    result = workshop.one("makemigrations", {**PENDING, **MIGRATION_LIES[name]}, **NO_TESTS)
    if name in SPEECHLESS:
        assert result.status in {Status.FAILED, Status.UNVERIFIED}
        assert result.reason
    else:
        assert result.status is Status.FAILED
        assert [item.item_id for item in result.items] == ["shop: Add field note to order"]
        assert result.command == ("python", "manage.py", "makemigrations", "--check", "--dry-run")


def test_errors_of_the_system_check_fail_and_warnings_do_not(workshop: Workshop) -> None:
    files = {
        **DJANGO,
        "shop/models.py": """
            from django.db import models

            class Order(models.Model):
                name = models.CharField(max_length=10)
                kind = models.CharField(max_length=-1)
                flag = models.CharField(max_length=3, null=True, unique_for_date="name")
        """,
        "shop/__init__.py": """
            from django.core import checks
            @checks.register
            def slow(app_configs, **kwargs):
                return [checks.Warning("is slow", id="shop.W001", obj="shop")]
        """,
    }
    result = workshop.one("django check", files, **NO_TESTS)
    assert result.status is Status.FAILED
    by_outcome = {item.item_id: item.outcome for item in result.items}
    assert by_outcome["warning shop.W001: shop: is slow"] == "warning"
    assert any(
        outcome == "finding" and "fields.E121" in item for item, outcome in by_outcome.items()
    )


# --- types -----------------------------------------------------------------------------------

TYPED = {
    "mypy.ini": "[mypy]\nstrict = True\n",
    "shop/__init__.py": "",
    "shop/sums.py": "def add(a: int, b: int) -> int:\n    return a + b\n",
}
MISTYPED = {**TYPED, "shop/sums.py": "def add(a: int, b: int) -> int:\n    return str(a + b)\n"}
MISTAKE = 'shop/sums.py: return-value: Incompatible return value type (got "str", expected "int")'


@pytest.mark.parametrize(
    ("mypy_config", "line"),
    [
        ("[mypy]\n", "mypy shop"),
        deep("[mypy]\npackages = shop\n", "mypy"),
        deep(
            "[mypy]\nexclude = ^[a-z_]+\\.py$\npretty = True\nshow_column_numbers = True\n",
            "mypy .",
        ),
    ],
    ids=str,
)
def test_type_errors_are_found_however_mypy_is_pointed_at_them(
    workshop: Workshop, mypy_config: str, line: str
) -> None:
    files = {**MISTYPED, "mypy.ini": mypy_config}
    result = workshop.one("mypy", files, types=(line,))
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert [item.item_id for item in result.items] == [MISTAKE]
    assert result.items[0].place == "shop/sums.py:2"
    assert "mergewright" not in result.output
    clean = workshop.one("mypy", {**TYPED, "mypy.ini": mypy_config}, types=(line,))
    assert (clean.status, clean.items) == (Status.PASSED, ())


def test_a_hooks_mypy_knows_also_what_the_hook_installs_beside_it(workshop: Workshop) -> None:
    code = (
        "import coverage, iniconfig\n\na: int = coverage.Coverage\nb: int = iniconfig.IniConfig\n"
    )
    files = {"mypy.ini": "[mypy]\n", "a.py": code}
    site = workshop.site(files, packages=("iniconfig",), types=("mypy a.py",))
    tools = (("mypy", site.environment.gate_path),)
    site = dataclasses.replace(site, environment=replace(site.environment, tools=tools))
    result = measured(site, workshop.sandbox)["mypy"]
    assert [item.item_id.split(": ")[1] for item in result.items] == ["assignment"] * 2


# --- the interpreter -------------------------------------------------------------------------

AS_USUAL = {
    "early/sitecustomize.py": "import builtins\nbuiltins.customized = True\n",
    "early/helper.py": "VALUE = 1\n",
    "early/trouble.py": "class Trouble(UserWarning): pass\n",
    "test_usual.py": """
        import importlib.util, multiprocessing, os, subprocess, sys, warnings
        import pytest

        def told():
            return sys.flags.no_site, sys.prefix, customized, hash("a"), sys.path

        def tell(queue):
            queue.put(told())

        def test_the_environment_is_entered():
            import helper, sysconfig
            assert sys.prefix == os.environ["VIRTUAL_ENV"] != sys.base_prefix
            assert sysconfig.get_path("purelib").startswith(sys.prefix)
            assert os.environ["PYTHONPATH"] == "/work/early"
            assert (os.environ["EXTRA"], sys.flags.no_site, customized) == ("yes", 0, True)
            assert sys.flags.utf8_mode == 1 and sys.flags.dont_write_bytecode == 1
            assert not any("-S" in word for word in subprocess._args_from_interpreter_flags())
            assert sys.path.index("/work/early") < sys.path.index(sysconfig.get_path("stdlib"))
            assert importlib.util.find_spec("mergewright_report").origin.count("/checks/") == 1

        def test_a_warning_is_an_error():
            import trouble
            with pytest.raises(trouble.Trouble):
                warnings.warn("here", trouble.Trouble)

        @pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
        def test_children_are_like_us(way):
            context = multiprocessing.get_context(way)
            queue = context.SimpleQueue()
            child = context.Process(target=tell, args=(queue,))
            child.start()
            assert queue.get() == told()
            child.join()
    """,
}


@pytest.mark.deep
def test_tests_see_an_interpreter_that_was_started_as_usual(workshop: Workshop) -> None:
    environ = {
        "PYTHONPATH": "/work/early", "PYTHONUTF8": "1", "EXTRA": "yes",
        "PYTHONWARNINGS": "error::trouble.Trouble",
    }  # fmt: skip
    result = workshop.tests(AS_USUAL, config={"env": environ}, test_args=("-n", "1"))
    assert (result.status, result.reason) == (Status.PASSED, ""), result.output
    assert len(result.items) == 5


# --- linters and formatters ------------------------------------------------------------------

UNTIDY = {"shop/__init__.py": "", "shop/sums.py": "import os\nimport abc\nvalue   = [1,2]\n"}
LINTED = ("ruff check .", "flake8", "black --check .", "isort --check-only .")
FORMATTED = (*LINTED, "ruff format --check .")


@pytest.mark.parametrize("packages", [TOOLS, deep(())], ids=["own", "gate"])
def test_linters_and_formatters_find_and_place(
    workshop: Workshop, packages: tuple[str, ...]
) -> None:
    report = workshop.measure(workshop.site(UNTIDY, packages=packages, lint=FORMATTED))
    found = {result.name: result for result in report.results}
    tools = ("ruff check", "ruff format", "flake8", "black", "isort")
    assert [found[name].status for name in tools] == [Status.FAILED] * 5
    assert "shop/sums.py: F401: `os` imported but unused" in outcomes(found["ruff check"])
    assert outcomes(found["ruff format"]) == {
        "shop/sums.py: format: File would be reformatted": "finding"
    }
    assert "shop/sums.py: F401: 'os' imported but unused" in outcomes(found["flake8"])
    assert outcomes(found["black"]) == {"shop/sums.py: format: would be reformatted": "finding"}
    assert [item.item_id.split(":")[0] for item in found["isort"].items] == ["shop/sums.py"]
    assert found["flake8"].items[0].place.startswith("shop/sums.py:")
    assert all("mergewright" not in result.output for result in report.results)


def test_what_only_the_settings_of_base_object_to_is_for_the_reviewer(
    stage: Callable[..., Stage],
) -> None:
    made = stage({**GREEN, "ruff.toml": "line-length = 40\n[lint]\nselect = ['E501']\n"},
                 test_runner="pytest", lint=("ruff check .",))  # fmt: skip
    found = made.compared(
        ruff_DOT_toml="line-length = 80\n[lint]\nselect = ['E501']\n",
        more_DOT_py="number = 1000 + 1000 + 1000 + 1000 + 1000\n",
    )
    held = found["ruff check"]
    assert (held.verdict, [finding.rule for finding in held.findings]) == (
        Status.PASSED, ["other-settings"],
    )  # fmt: skip


_OWN_PYTHON = "import sys\n\n\ndef test_prefix():\n    assert sys.prefix == '/env'\n"


def test_any_other_command_is_compared_by_its_exit_code(stage: Callable[..., Stage]) -> None:
    made = stage(
        {**GREEN, "state.txt": "yes\n", "own.py": _OWN_PYTHON}, test_runner="pytest",
        config={"env": {"WANTED": "yes"}},
        extra=("grep -q $WANTED state.txt", "cat missing && true", "test -e more.py",
               "pytest -q own.py"),
    )  # fmt: skip
    red = made.compared(state_DOT_txt="no\n")["grep -q $WANTED state.txt"]
    assert (red.base, red.verdict) == (Status.PASSED, Status.FAILED)
    assert red.reason.startswith("exit code 1")
    found = made.compared(more_DOT_py="")
    odd = found["cat missing && true"]
    assert (odd.verdict, "No such file" in odd.reason) == (Status.UNMEASURABLE, True)
    assert found["test -e more.py"].verdict is Status.PASSED
    # The gate's pytest, in the environment's Python.
    assert found["pytest -q own.py"].verdict is Status.PASSED


# --- the stages ------------------------------------------------------------------------------


def test_a_second_run_on_the_same_base_does_not_measure_again(stage: Callable[..., Stage]) -> None:
    made = stage(RED, test_runner="pytest")
    first = baseline.measure_base(made.prepared, made.services)
    counted = made.sandbox.count
    assert counted == 2, "a failing test runs again, without the listener for servers"
    assert baseline.measure_base(made.prepared, made.services) == first
    assert made.sandbox.count == counted
    other = replace(made.prepared.contract, config=RepoConfig.model_validate({"env": {"A": "b"}}))
    baseline.measure_base(replace(made.prepared, contract=other), made.services)
    assert made.sandbox.count == 2 * counted


def test_tests_that_want_a_servers_port_run_again_and_nothing_else(
    stage: Callable[..., Stage],
) -> None:
    test = """
        import socket

        def test_serves():
            socket.create_server(("127.0.0.1", 5432)).close()
    """
    made = stage({"test_port.py": test}, test_runner="pytest", extra=("echo once",))
    report = baseline.measure_base(made.prepared, made.services)
    ran = {run.name: run.status for run in report.results if run.status is not Status.ABSENT}
    assert ran == {"echo once": Status.PASSED, "tests": Status.PASSED}
    assert made.sandbox.count == 5, "the command once; tests, the red one both ways, tests"


def test_a_test_that_fails_for_its_order_has_no_others_run_again(
    stage: Callable[..., Stage],
) -> None:
    test = """
        def test_first():
            globals()["spoiled"] = True

        def test_second():
            assert "spoiled" not in globals()
    """
    made = stage({"test_order.py": test}, test_runner="pytest")
    report = baseline.measure_base(made.prepared, made.services)
    assert [item.outcome for item in report.tests.items] == ["passed", "failed"]
    assert made.sandbox.count == 3, "all; the red one both ways"


def test_a_baseline_that_proves_nothing_is_not_kept(stage: Callable[..., Stage]) -> None:
    made = stage({**GREEN, "conftest.py": "import os\nos._exit(0)\n"}, test_runner="pytest")
    report = baseline.measure_base(made.prepared, made.services)
    assert report.results[-1].status is Status.UNVERIFIED
    assert not list((made.services.settings.home / "baselines").glob("*"))


def test_a_test_may_ask_git_on_both_sides(stage: Callable[..., Stage]) -> None:
    made = stage(
        {
            "test_git.py": """
            import subprocess

            def ask(*argv):
                return subprocess.check_output(["git", *argv], text=True).split()

            def test_git_knows_the_files():
                assert ask("ls-files") == ["test_git.py"]
                assert ask("rev-list", "--count", "HEAD") == ["1"]
            """
        },
        test_runner="pytest",
    )
    found = made.compared(new_DOT_py="x = 1\n")["tests"]
    assert (found.base, found.head) == (Status.PASSED, Status.PASSED)


# --- new migrations --------------------------------------------------------------------------

STOCK: dict[str, str] = {
    **DJANGO,
    "shop/models.py": """
        from django.db import models

        class Order(models.Model):
            code = models.CharField(max_length=20, null=True)
            size = models.IntegerField(default=0)
    """,
    "shop/migrations/0001_initial.py": """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            operations = [
                migrations.CreateModel("Order", fields=[
                    ("id", models.BigAutoField(primary_key=True)),
                    ("code", models.CharField(max_length=20, null=True)),
                    ("size", models.IntegerField(default=0)),
                ]),
            ]
    """,
}
MIGRATION = """
    from django.db import migrations, models

    def fill(apps, schema_editor):
        from shop.models import Order
        Order.objects.update(size=1)

    class Migration(migrations.Migration):
        dependencies = [("shop", "{}")]
        operations = [migrations.{}]
"""


def test_a_linter_reads_new_migrations(stage: Callable[..., Stage]) -> None:
    operations = (
        "RunSQL('ALTER TABLE shop_order DROP COLUMN code')",
        "AlterUniqueTogether('order', {('code', 'id')})",
        "RunPython(fill)",
        # Rules name it by its class; and SQLite makes tables anew.
        "RemoveField('order', 'size')",
        "AddField('order', 'note', models.TextField(default=''))",
    )
    files, before = {}, "0001_initial"
    for number, operation in enumerate(operations, 2):
        text = MIGRATION.format(before, operation)
        files[f"shop__migrations__000{number}_more_DOT_py"] = text
        before = f"000{number}_more"
    linted = stage(STOCK, **NO_TESTS).compared(**files)["migrations"]
    assert (linted.verdict, linted.reason) == (Status.PASSED, "")
    assert [
        (finding.path[-12:-3], finding.severity.value, finding.message.split(": ")[1])
        for finding in linted.findings
    ] == [
        ("0002_more", "review", "DROP_COLUMN"),
        ("0003_more", "review", "ADD_UNIQUE"),
        ("0004_more", "review", "RUNPYTHON_MODEL_IMPORT"),
        ("0004_more", "info", "RUNPYTHON_REVERSIBLE"),
    ]


def test_migrations_that_cannot_be_linted_are_for_the_reviewer(
    stage: Callable[..., Stage],
) -> None:
    lost = MIGRATION.format("0000_gone", "AlterModelOptions('order', {})")
    linted = stage(STOCK, **NO_TESTS).compared(shop__migrations__0002_more_DOT_py=lost)[
        "migrations"
    ]
    [finding] = linted.findings
    assert (finding.severity, linted.verdict) == (Severity.REVIEW, Status.UNMEASURABLE)
    assert "NodeNotFoundError" in finding.message
