"""What a model has run while it edits: tests and checks of the present tree, in real rooms (MO3)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import pytest

from agent import worktree
from agent.chat import ToolCall, ToolResult
from agent.domain import AcceptanceTest, Plan
from agent.editing import minutes, proving
from agent.editing.gate import Refused
from agent.editing.toolbox import Toolbox
from agent.stages import baseline
from tests.integration.check_samples import Stage
from tests.integration.test_flaky import DJANGO

SUMS = {
    "sums.py": "def add(a, b):\n    return a + b\n",
    "test_sums.py": """
        import pytest
        import sums


        class TestSums:
            def test_add(self):
                assert sums.add(1, 1) == 2

            def test_less(self):
                assert sums.add(1, -1) == 0


        @pytest.mark.parametrize("one", [1, 2])
        def test_each(one):
            print("told", one)
            assert sums.add(one, 0) == one
    """,
    "test_other.py": "def test_other():\n    open('trace', 'w').close()\n",
    "ruff.toml": "",
    "old.py": "import os\n",
}


class Tried:
    """A toolbox on the head tree of a stage."""

    def __init__(
        self,
        made: Stage,
        edits: Mapping[str, str] | None = None,
        seconds_left: Callable[[], float] = minutes.unbounded,
    ) -> None:
        self.made = made
        folder = made.services.head_folder(made.prepared.run)
        self.tree = worktree.lay_out(made.prepared.checkout, folder)
        for path, text in (edits or {}).items():
            self.tree.write(path, text.encode())
        self.toolbox = Toolbox(
            self.tree, made.prepared, made.services, phase="source", seconds_left=seconds_left
        )

    def call(self, name: str, /, **arguments: object) -> ToolResult:
        call = ToolCall(call_id="c", name=name, arguments=json.dumps(arguments))
        return self.toolbox.carry_out((call,)).results[0]

    def ran(self, *tests: str) -> str:
        result = self.call("run_test", tests=tests)
        assert not result.failed, result.content
        return result.content


@pytest.fixture
def sums(stage: Callable[..., Stage]) -> Tried:
    made = stage(SUMS, test_runner="pytest", lint_tools=("ruff",))
    return Tried(made, {"sums.py": "def add(a, b):\n    return a - b\n"})


def test_chosen_tests_run_on_the_present_tree(sums: Tried) -> None:
    said = sums.ran("test_sums.py::TestSums::test_add", "test_sums.py::test_each")
    lines = said.splitlines()
    assert lines[0].startswith("1 failed, 2 passed in ")
    assert lines[1] == "failed test_sums.py::TestSums::test_add (test_sums.py:7)"
    assert "assert 0 == 2" in said
    assert "def test_add(self):" in said
    assert "test_less" not in said and "test_other" not in said
    one = sums.ran("test_sums.py::test_each[2]").splitlines()
    assert one[0].startswith("1 passed in ")
    assert one[1:] == ["passed test_sums.py::test_each[2]"]
    assert sums.ran("test_sums.py::TestSums").splitlines()[0].startswith("2 failed in ")
    assert sums.ran("test_other.py", "test_sums.py::test_each[1]").startswith("2 passed in ")
    assert "trace" not in sums.tree.paths()
    assert not (sums.tree.folder / "trace").exists()


def test_a_test_that_is_not_there_proves_nothing_and_is_said(sums: Tried) -> None:
    assert "no tests were collected" in sums.ran("test_sums.py::test_nowhere")


def test_a_module_that_cannot_be_imported_is_said(sums: Tried) -> None:
    sums.call("create", path="test_new.py", text="import nowhere\n\ndef test_a():\n    pass\n")
    said = sums.ran("test_new.py::test_a")
    assert "No module named 'nowhere'" in said
    assert said.startswith("1 failed")


@pytest.mark.parametrize(
    "smuggled",
    [
        "-p no:cacheprovider",
        "--rootdir=/",
        "test_sums.py; touch /tmp/x",
        "test_sums.py::test_each -x",
        "test_sums.py::--collect-only",
        "$(id).py",
        "test_sums.py\n--co",
        "../test_sums.py",
        "/etc/passwd.py",
        "test_nowhere.py::test_a",
        "@args.py",
        "",
        "x" * 500 + ".py",
        "test_sums.py::test_each[" + "x" * 500 + "]",
        "os.system",
    ],
)
def test_MO3_nothing_but_a_test_is_named(sums: Tried, smuggled: str) -> None:
    before = sums.made.sandbox.count
    result = sums.call("run_test", tests=["test_sums.py", smuggled])
    assert result.failed
    assert len(result.content) < 500
    assert sums.made.sandbox.count == before


def test_MO3_no_tests_and_too_many_are_refused(sums: Tried) -> None:
    assert "name at least one test" in sums.call("run_test", tests=[]).content
    assert "40 are the most" in sums.call("run_test", tests=["test_sums.py"] * 41).content


def test_a_case_may_hold_what_an_option_would(stage: Callable[..., Stage]) -> None:
    text = """
        import pytest

        @pytest.mark.parametrize("one", ["--rootdir=/ ;x", "b]"])
        def test_each(one):
            pass
    """
    tried = Tried(stage({"test_a.py": text}, test_runner="pytest"))
    assert tried.ran("test_a.py::test_each[--rootdir=/ ;x]").startswith("1 passed")
    assert tried.ran("test_a.py::test_each[b]]").startswith("1 passed")


def test_a_check_says_what_is_new(sums: Tried) -> None:
    baseline.measure(sums.made.prepared, sums.made.services)
    sums.call("create", path="fresh.py", text="import sys\n")
    result = sums.call("run_check", name="ruff check")
    assert not result.failed, result.content
    assert "1 new finding; 2 more are there without the change" in result.content
    assert "fresh.py:1" in result.content
    assert "old.py" not in result.content
    refused = sums.call("run_check", name="rm -rf /")
    assert refused.failed
    assert "ruff check" in refused.content


def test_tests_of_django_are_named_by_path_or_by_module(stage: Callable[..., Stage]) -> None:
    files = {
        **{path: text for path, text in DJANGO.items() if "luck" not in path},
        "tests/test_add.py": """
            from django.test import SimpleTestCase

            class Add(SimpleTestCase):
                def test_add(self):
                    self.assertEqual(1 + 1, 3)

                def test_less(self):
                    pass
        """,
    }
    tried = Tried(stage(files, test_runner="django", test_script="manage.py"))
    for name in ("tests/test_add.py::Add::test_add", "tests.test_add.Add.test_add"):
        said = tried.ran(name)
        assert said.startswith("1 failed in ")
        assert "failed tests.test_add.Add.test_add (tests/test_add.py:5)" in said
        assert "2 != 3" in said
    assert tried.ran("tests/test_add.py").startswith("1 failed, 1 passed")
    assert tried.ran("tests.test_add.Add.test_less").startswith("1 passed")
    tried.call("create", path="tests/test_lost.py", text="import nowhere\n")
    assert "nowhere" in tried.ran("tests/test_lost.py")


def test_a_project_in_a_folder_has_paths_of_the_repository(stage: Callable[..., Stage]) -> None:
    files = {f"api/{path}": text for path, text in SUMS.items()}
    tried = Tried(stage(files, test_runner="pytest", root="api"))
    assert tried.ran("api/test_sums.py::TestSums").startswith("2 passed")


def test_tests_end_with_the_minutes_of_the_run(stage: Callable[..., Stage]) -> None:
    waits = "import time\n\n\ndef test_it():\n    time.sleep(60)\n"
    made = stage({"test_waits.py": waits}, test_runner="pytest")
    left = [6.9]
    tried = Tried(made, seconds_left=lambda: left[0])
    said = tried.ran("test_waits.py")
    assert "ended after 6 seconds" in said
    assert said.endswith(
        "It had 6 seconds: no more are left of the run's minutes (limits.minutes)."
    )
    left[0] = 4.9
    refused = tried.call("run_test", tests=["test_waits.py"])
    assert refused.failed
    assert refused.content == (
        "not carried out: the minutes of the run (limits.minutes) are used, so nothing is run any"
        " more"
    )


def test_a_proof_ends_with_the_minutes_of_the_run(stage: Callable[..., Stage]) -> None:
    made = stage({"test_sums.py": "def test_sum():\n    pass\n"}, test_runner="pytest")
    name = "test_new.py::test_it"
    plan = Plan(
        recipe="",
        title="Wait",
        parameters="",
        steps=("Wait.",),
        tests=(AcceptanceTest(name=name, shows="that it waits"),),
    )
    change = made.cleared(
        test_new_DOT_py="import time\n\n\ndef test_it():\n    time.sleep(60)\n"
    ).change
    left = [6.9]

    def shown() -> tuple[str, ...]:
        return proving.before_change(
            plan, change, made.prepared, made.services, lambda: left[0]
        ).problems

    begun = time.monotonic()
    (problem,) = shown()
    assert "ended after 6 seconds" in problem
    assert time.monotonic() - begun < 30
    left[0] = 4.9
    with pytest.raises(Refused, match=r"the minutes of the run \(limits.minutes\) are used"):
        shown()
