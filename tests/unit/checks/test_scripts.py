"""Scripts for tests, run here without a sandbox: what each test comes to, and when a run ends."""

import dataclasses
import subprocess
import sys
from importlib import resources
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from agent.checks import report
from agent.checks.check import Selection, Site
from agent.checks.runners import Suite
from agent.models.checks import Status, TestRun
from agent.models.sandbox import SANDBOX_TREE, SandboxResult
from tests.folders import lay_files
from tests.unit.checks.test_limits import site
from tests.unit.trees import make_environment, make_project

#: Starts a script where the request is, as a sandbox does.
START = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
import mergewright_report
mergewright_report.REQUEST_PATH = sys.argv[2]
del sys.argv[:3]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SCRIPTS = Path(str(resources.files("agent.checks") / "sandbox_scripts"))
PACKAGES = ("pytest==9", "pytest-xdist==3")
TWO_WORKERS = ("-p", "xdist", "-n", "2")


@dataclasses.dataclass
class Runner:
    """Runs the tests of one tree."""

    folder: Path

    def __call__(
        self,
        files: dict[str, str],
        suite: Suite = Suite(),  # noqa: B008 - a constant
        args: tuple[str, ...] = (),
        script: str | None = None,
        folder: str = "",
        **facts: Any,
    ) -> TestRun:
        kind = "pytest" if script is None else "django"
        project = make_project(
            test_runner=kind, test_script=script or None, test_args=args, test_folder=folder
        )
        here = dataclasses.replace(
            site(10),
            tree=self.folder / "tree",
            project=project,
            environment=make_environment(packages=PACKAGES),
            **facts,
        )
        lay_files(here.tree, {path: dedent(text).lstrip("\n") for path, text in files.items()})
        return suite.read_result(here, self._run(suite, here))

    def _run(self, suite: Suite, here: Site) -> SandboxResult:
        order = suite.make_request(here)
        text = order.files[0].content.decode().replace(SANDBOX_TREE, str(here.tree))
        written = self.folder / "report.jsonl"
        written.unlink(missing_ok=True)
        lay_files(self.folder, {"request.json": text.replace(report.PATH, str(written))})
        start = next(number for number, word in enumerate(order.argv) if word.endswith(".py"))
        name, *words = order.argv[start:]
        ran = subprocess.run(
            [sys.executable, "-c", START, str(SCRIPTS), str(self.folder / "request.json"),
             str(SCRIPTS / Path(name).name), *words],
            cwd=here.tree / (order.directory or SANDBOX_TREE).removeprefix(SANDBOX_TREE).strip("/"),
            # Each plugin that is installed here would be imported.
            env={"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False,
        )  # fmt: skip
        content = {report.PATH: written.read_bytes()} if written.exists() else {}
        output = ran.stdout.decode()
        return SandboxResult(
            exit_code=ran.returncode, output=output, output_bytes=len(output), seconds=1.0,
            files=content,
        )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def outcomes(result: TestRun) -> dict[str, str]:
    return {item.item_id: item.outcome for item in result.items}


# --- pytest --------------------------------------------------------------------------------------

LONG = "x" * 1000
ALL = {
    # A plugin that repeats what fails: of such an attempt no phase is reported beyond that.
    "conftest.py": """
        import pytest
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
    "pytest.ini": "[pytest]\naddopts = -x --doctest-modules\n",
    "test_all.py": f"""
        import threading, time
        import pytest

        def test_passes(): pass

        def test_fails():
            assert {{"a": print("said before")}} == {{"a": 2}}

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

        def test_subtests(subtests):
            for number in range(3):
                with subtests.test(number=number):
                    assert number != 1
            pytest.skip("behind a failure")

        attempts = []

        def test_second():
            attempts.append(1)
            assert len(attempts) == 2

        @pytest.mark.parametrize("long", ["{LONG}1", "{LONG}2"], ids=["{LONG}1", "{LONG}2"])
        def test_id(long): pass
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
    "product.py": '"""\n>>> 1 + 1\n2\n"""\n',
}
OUTCOMES = {
    "test_all.py::test_passes": "passed",
    "test_all.py::test_fails": "failed",
    "test_all.py::test_long": "failed",
    "test_all.py::test_skipped": "skipped",
    "test_all.py::test_xfails": "xfailed",
    "test_all.py::test_xpasses": "xpassed",
    "test_all.py::test_strict": "failed",
    "test_all.py::test_setup": "error",
    "test_all.py::test_teardown": "error",
    "test_all.py::test_subtests": "failed",
    "test_all.py::test_second": "passed",
    "test_gone.py (collection)": "error",
    "test_case.py::Case::test_numbers": "failed",
    "test_case.py::Case::test_long": "failed",
    "product.py::product": "passed",
}


@pytest.mark.parametrize("args", [(), TWO_WORKERS, ("sub",)], ids=str)
def test_every_kind_of_outcome_is_recorded_once_with_words_and_place(
    run: Runner, args: tuple[str, ...]
) -> None:
    # In a folder with settings of its own, which pytest takes for its root.
    folder = "sub/" if args == ("sub",) else ""
    result = run({f"{folder}{path}": text for path, text in ALL.items()}, args=args)
    assert (result.status, result.reason) == (Status.FAILED, "")
    items = {item.item_id.removeprefix(folder): item for item in result.items}
    assert all(item.item_id.startswith(folder) for item in result.items)
    long = [items.pop(test_id) for test_id in (*items,) if LONG[:800] in test_id]
    assert ([item.outcome for item in long], len(items)) == (["passed"] * 2, len(OUTCOMES))
    assert {test_id: item.outcome for test_id, item in items.items()} == OUTCOMES
    files = {test_id: folder + test_id.partition("::")[0] for test_id in OUTCOMES}
    assert {test_id: item.file for test_id, item in items.items()} == files | {
        "test_gone.py (collection)": f"{folder}test_gone.py"
    }
    assert result.files == tuple(
        f"{folder}{name}.py" for name in ("product", "test_all", "test_case")
    )
    assert [test_id for test_id, item in items.items() if item.digest] == ["product.py::product"]
    assert items["test_all.py::test_fails"].place == f"{folder}test_all.py:7"
    assert "{'a': None} == {'a': 2}" in items["test_all.py::test_fails"].text
    for name, lines in {
        "test_all.py::test_long": ("-     'there',", "+     'here',"),
        "test_case.py::Case::test_long": ("'same']", "'there']"),
    }.items():
        assert all(line in items[name].text for line in lines), items[name].text
        assert "maxDiff" not in items[name].text
    assert "nothing_of_that_name" in items["test_gone.py (collection)"].text
    assert "mergewright" not in result.output
    assert result.output.count("[100%]") <= 1, "ours count in no percentage"


def test_some_tests_run_and_other_files_are_not_imported(run: Runner) -> None:
    files = {
        "sub/pytest.ini": "[pytest]\n",
        "sub/test_a.py": "def test_a(): pass\n\ndef test_b(): pass\n",
        "sub/test_b.py": "def test_a(): pass\n",
        "sub/test_c.py": "1 / 0\n",
    }
    only = Selection(("sub/test_a.py::test_b",), ("sub/test_b.py",))
    result = run(files, Suite(only=only), args=("sub",))
    assert (result.status, result.reason) == (Status.PASSED, "")
    assert outcomes(result) == {
        "sub/test_a.py::test_b": "passed",
        "sub/test_b.py::test_a": "passed",
    }


def test_tests_of_two_packages_have_ids_and_files_of_their_own(run: Runner) -> None:
    for folder in ("a", "b"):
        result = run({f"{folder}/tests/test_models.py": "def test_it(): pass\n"}, folder=folder)
        [item] = result.items
        assert (item.item_id, item.file, result.command) == (
            f"{folder}/tests/test_models.py::test_it",
            f"{folder}/tests/test_models.py",
            ("bash", "-c", f"env -C {folder} python -m pytest"),
        )


def test_workers_that_collect_differently_prove_nothing(run: Runner) -> None:
    test = "import os\nimport pytest\n\n\n@pytest.mark.parametrize('pid', [os.getpid()])\n"
    result = run({"test_pid.py": f"{test}def test_pid(pid): pass\n"}, args=TWO_WORKERS)
    assert result.status is Status.UNVERIFIED
    assert "has no outcome" in result.reason


def test_a_thread_that_a_test_leaves_does_not_hold_the_run_up(run: Runner) -> None:
    test = "import threading, time\n\n\ndef test_leaves():\n"
    test += "    threading.Thread(target=time.sleep, args=(600,)).start()\n"
    result = run({"test_thread.py": test})
    assert (result.status, outcomes(result)) == (
        Status.PASSED, {"test_thread.py::test_leaves": "passed"},
    )  # fmt: skip


RED = "def test_right(): pass\n\ndef test_wrong(): assert False\n"
LOSSES = {
    "the exit code is set to 0": "def pytest_sessionfinish(session): session.exitstatus = 0\n",
    "tests are not called": "def pytest_pyfunc_call(pyfuncitem): return True\n",
    "the process ends within a test": """
        import os

        def pytest_pyfunc_call(pyfuncitem): os._exit(0)
    """,
    "sys.exit while loading": "import sys\nsys.exit(0)\n",
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_run_that_loses_failures_proves_nothing(run: Runner, name: str) -> None:
    result = run({"test_a.py": RED, "conftest.py": LOSSES[name]})
    assert result.status is Status.UNVERIFIED
    assert result.reason


# --- scripts -------------------------------------------------------------------------------------

SCRIPT = "import unittest\n\nunittest.main(module='test_all')\n"
CASES = {
    "run.py": """
        import sys, unittest

        suite = unittest.defaultTestLoader.discover(".")
        sys.exit(not unittest.TextTestRunner(failfast=True).run(suite).wasSuccessful())
    """,
    "test_import.py": "import no_such_module\n",
    "test_module.py": """
        import unittest

        def setUpModule(): raise unittest.SkipTest("not here")

        class Cases(unittest.TestCase):
            def test_one(self): pass
    """,
    "test_cases.py": """
        import unittest

        class Cases(unittest.TestCase):
            def test_ok(self): pass
            def test_bad(self): self.assertEqual(1, 2)
            def test_raises(self): 1 / 0
            def test_sub(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertNotEqual(number, 1)
            def test_skipped_part(self):
                with self.subTest(): self.skipTest("one")
            @unittest.expectedFailure
            def test_known(self): self.fail()
            @unittest.expectedFailure
            def test_unexpected(self): pass
            @unittest.skip("why")
            def test_skipped(self): pass

        class Broken(unittest.TestCase):
            @classmethod
            def setUpClass(cls): 1 / 0
            def test_one(self): pass
            def test_two(self): pass

        class Later(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): 1 / 0
            def test_one(self): pass

        class Named(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.id, cls.test_case = 7, "of the project"
            def test_id(self): self.assertEqual(self.id, 7)
    """,
}
CASE_OUTCOMES = {
    "test_cases.Cases.test_ok": "passed",
    "test_cases.Cases.test_bad": "failed",
    "test_cases.Cases.test_raises": "failed",
    "test_cases.Cases.test_sub": "failed",
    "test_cases.Cases.test_skipped_part": "skipped",
    "test_cases.Cases.test_known": "xfailed",
    "test_cases.Cases.test_unexpected": "failed",
    "test_cases.Cases.test_skipped": "skipped",
    "test_cases.Broken.test_one": "error",
    "test_cases.Broken.test_two": "error",
    "test_cases.Later.test_one": "passed",
    "tearDownClass (test_cases.Later)": "error",
    "test_cases.Named.test_id": "passed",
    "test_module.Cases.test_one": "skipped",
    "test_import (collection)": "error",
}


def test_a_script_is_recorded_test_by_test(run: Runner) -> None:
    result = run(CASES, script="run.py")
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert outcomes(result) == CASE_OUTCOMES
    items = {item.item_id: item for item in result.items}
    assert items["test_cases.Cases.test_bad"].place == "test_cases.py:5"
    assert items["test_cases.Cases.test_sub"].text.startswith("(number=1)")
    broken = items["test_import (collection)"]
    assert broken.text == "ModuleNotFoundError: No module named 'no_such_module'"
    assert (broken.file, result.files) == (
        "test_import.py", ("test_cases.py", "test_import.py", "test_module.py"),
    )  # fmt: skip
    assert result.output.count("FAIL:") == 2, "ours is not printed"
    # The module that cannot be imported is known; the set-up of a class is the next that fails.
    known = frozenset({"test_import (collection)", "test_cases.Broken.test_one"})
    result = run({}, Suite(known_red=known), script="run.py")
    assert outcomes(result)["test_cases.Broken.test_two"] == "error"
    assert result.unrun


def test_a_file_below_a_folder_that_the_path_names_with_dots_has_one_name(run: Runner) -> None:
    start = "import os, sys\n\nsys.path[0] = os.path.join(os.getcwd(), 'example/../app')\n"
    files = {"example/a.txt": "", "app/test_all.py": lay_cases("pass")["test_all.py"]}
    [item] = run(files | {"run.py": start + SCRIPT}, script="run.py").items
    assert item.file == "app/test_all.py"


def test_djangos_own_command_starts_as_a_module(run: Runner) -> None:
    django = {"django/__init__.py": "", "django/__main__.py": SCRIPT.replace("')", "', argv=[''])")}
    result = run(lay_cases("pass") | django, script="")
    assert (result.status, result.reason) == (Status.PASSED, "")
    assert outcomes(result) == {"test_all.Tests.test_00": "passed"}
    assert result.command[:4] == ("python", "-m", "django", "test")


def lay_cases(*bodies: str, top: str = "") -> dict[str, str]:
    """Files of a suite whose tests have these bodies, for both runners."""
    tests = f"import unittest\n{top}\n\nclass Tests(unittest.TestCase):\n"
    for number, body in enumerate(bodies):
        tests += f"    def test_{number:02}(self):\n        {body}\n"
    return {"test_all.py": tests, "run.py": SCRIPT}


HIDDEN = SCRIPT.replace("')", "', exit=False)")


@pytest.mark.parametrize(
    "script", [HIDDEN, "print('Ran 10 tests, OK')\n", "import os\nos._exit(1)\n"], ids=repr
)
def test_a_script_that_loses_failures_proves_nothing(run: Runner, script: str) -> None:
    result = run(lay_cases("self.fail()") | {"run.py": script}, script="run.py")
    assert result.status is Status.UNVERIFIED
    assert result.reason


# --- when a run ends -----------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("script", [None, "run.py"])


@BOTH
def test_tests_without_time_stay_unrun_and_the_others_count(
    run: Runner, script: str | None
) -> None:
    late = "import sys; sys.modules['mergewright_report'].now = lambda: float('inf')"
    result = run(lay_cases("pass", late, "pass", "pass"), script=script)
    assert not result.reason
    assert [item.outcome for item in result.items] == ["passed", "passed"]
    assert [test_id[-2:] for test_id in result.unrun] == ["02", "03"]


@BOTH
def test_tests_that_do_not_end_are_interrupted_and_the_others_count(
    run: Runner, script: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.checks.runners._LONGEST_TEST", 0.5)
    monkeypatch.setattr("agent.checks.runners._TEST_SHARE", 0.0)
    top = """
import socket

def wait():
    here, there = socket.socketpair()
    try:
        here.recv(1)
    except Exception:
        pass
"""
    result = run(lay_cases("wait()", "pass", top=top), script=script)
    assert [item.outcome for item in result.items] == ["failed", "passed"]
    assert "did not end within" in result.items[0].text


@BOTH
def test_a_suite_that_fails_fast_ends_with_its_first_failure_but_for_known_ones(
    run: Runner, script: str | None
) -> None:
    files = lay_cases("pass", "self.fail()", "pass", "self.fail()", "pass")
    name = "test_all.Tests.test_01" if script else "test_all.py::Tests::test_01"
    result = run(files, Suite(known_red=frozenset({name})), script=script)
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert [item.outcome for item in result.items][:4] == ["passed", "failed", "passed", "failed"]
    assert result.exit_code


@BOTH
def test_a_suite_half_of_whose_first_tests_fail_is_ended_where_that_is_wanted(
    run: Runner, script: str | None
) -> None:
    files = lay_cases(*(f"assert {number} % 2" for number in range(60)))
    for looks_early, ran in ((True, 50), (False, 60)):
        result = run(files, script=script, looks_early=looks_early)
        assert (len(result.items), len(result.unrun)) == (ran, 60 - ran)
