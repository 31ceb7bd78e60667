"""Checks in real sandboxes: what they find, and that no forgery comes out as passed."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from agent.checks import running
from agent.checks.check import Selection
from agent.checks.runners import Suite
from agent.models.checks import Status
from agent.models.record import replace
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

# --- pytest ----------------------------------------------------------------------------------


def test_the_gates_pytest_runs_in_an_environment_without_one(workshop: Workshop) -> None:
    """It comes with what it is made of; a clock that a library moves leaves no test unrun."""
    files = {
        "kept/given.txt": "x",
        "test_all.py": """
            import pathlib
            import unittest

            import time_machine

            @time_machine.travel(4e9)
            class Tests(unittest.TestCase):
                def test_one(self):
                    pathlib.Path("data/more").mkdir(parents=True)
                    pathlib.Path("data/more/hc.sqlite").touch()
                    pathlib.Path("kept/given.txt").write_text("y")

                def test_two(self):
                    pass
        """,
    }
    packages = ("pluggy==0.13.1", "time-machine==2.15.0")
    result = workshop.tests(files, packages=packages, test_args=("-p", "no:cacheprovider"))
    assert (result.status, result.reason, result.unrun) == (Status.PASSED, "", ())
    assert list(outcomes(result).values()) == ["passed"] * 2
    assert result.left_behind == ("data/more/hc.sqlite",)


def test_a_suite_that_never_ends_is_ended_and_shown_meanwhile(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "QUIET_SECONDS", 0.0)
    # Without an environment nothing is waited for but the limit.
    conftest = "import time\n\nprint('about to wait', flush=True)\ntime.sleep(600)\n"
    site = workshop.site(
        {**GREEN, "conftest.py": conftest}, test_runner="pytest", test_args=("-s",)
    )
    site = dataclasses.replace(site, limits=replace(site.limits, seconds=5.0))
    result = workshop.run_tests(site)
    assert result.status is Status.FAILED
    assert "after 5 seconds" in result.reason
    assert any(line.startswith("tests | ") for line in workshop.said)


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


# --- Django's runner -----------------------------------------------------------


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
        def test_sub(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertNotEqual(number, 1)
        @unittest.skip("why")
        def test_skipped(self): pass

    class Broken(TestCase):
        @classmethod
        def setUpTestData(cls): 1 / 0
        def test_one(self): pass
"""
CASE_OUTCOMES = {
    "shop.tests.OrderTests.test_saved": "passed",
    "shop.test_cases.Cases.test_ok": "passed",
    "shop.test_cases.Cases.test_bad": "failed",
    "shop.test_cases.Cases.test_sub": "failed",
    "shop.test_cases.Cases.test_skipped": "skipped",
    "shop.test_cases.Broken.test_one": "error",
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


@pytest.mark.parametrize("parallel", ["2", deep("1")])
def test_djangos_runner_is_recorded_test_by_test(workshop: Workshop, parallel: str) -> None:
    args = ["--failfast", "--parallel", parallel]
    config = {"checks": {"makemigrations": "off"}}
    result = workshop.tests(WITH_CASES, config=config, test_args=args, **MANAGED)
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert outcomes(result) == CASE_OUTCOMES
    items = {item.item_id: item for item in result.items}
    assert items["shop.test_cases.Cases.test_bad"].place == "shop/test_cases.py:6"
    assert items["shop.test_cases.Cases.test_sub"].text.startswith("(number=1)")
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
    result = workshop.run_tests(site)
    alone = "shop.test_tags.Last.test_alone"
    assert (result.status, result.reason, len(result.items)) == (Status.PASSED, "", 3)
    assert outcomes(result)[alone] == "passed"
    result = workshop.run_tests(site, Suite(only=Selection(ids=(alone,))))
    assert (result.status, outcomes(result)) == (Status.PASSED, {alone: "passed"})


@pytest.mark.parametrize(
    ("script", "label"), [("src/manage.py", "src"), ("src/manage.py", "shop"), (None, "shop")]
)
def test_what_the_runner_is_given_is_named_from_the_root_or_from_its_script(
    workshop: Workshop, script: str | None, label: str
) -> None:
    files = {f"src/{path}": text for path, text in DJANGO.items()}
    django = DjangoProject(
        settings_module="proj.settings", manage="src/manage.py", python_path=("src",)
    )
    config = {"checks": {"makemigrations": "off"}}
    more = {**MANAGED, "test_script": script, "django": django, "test_args": [label]}
    result = workshop.tests(files, config=config, **more)
    assert (result.status, len(result.items)) == (Status.PASSED, 1)


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


def test_settings_that_switch_all_migrations_off_hide_no_missing_one(workshop: Workshop) -> None:
    off = (
        "class Off:\n    def __contains__(self, item): return True\n"
        "    def __getitem__(self, item): return None\nMIGRATION_MODULES = Off()\n"
    )
    files = {**PENDING, "proj/settings.py": DJANGO["proj/settings.py"] + off}
    result = workshop.one("makemigrations", files, **NO_TESTS)
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
    assert by_outcome["warning: shop: (shop.W001) is slow"] == "warning"
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
    assert baseline.measure_base(made.prepared, made.services) == first
    assert made.sandbox.count == counted
    other = replace(made.prepared.contract, config=RepoConfig.model_validate({"env": {"A": "b"}}))
    baseline.measure_base(replace(made.prepared, contract=other), made.services)
    assert made.sandbox.count == 2 * counted


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
