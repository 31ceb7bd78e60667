"""What a model has run while it edits: tests and checks of the present tree, in real rooms (MO3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from agent import worktree
from agent.chat import ToolCall, ToolResult
from agent.editing import minutes
from agent.editing.toolbox import Toolbox
from agent.stages import baseline
from tests.integration.check_samples import Stage

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
    assert sums.ran("test_other.py").startswith("1 passed in ")
    assert "trace" not in sums.tree.paths()
    assert not (sums.tree.folder / "trace").exists()


@pytest.mark.parametrize(
    "smuggled",
    [
        "--rootdir=/",
        "test_sums.py::test_each -x",
        "../test_sums.py",
        "@args.py",
        "test_sums.py::test_each[" + "x" * 500 + "]",
    ],
)
def test_MO3_nothing_but_a_test_is_named(sums: Tried, smuggled: str) -> None:
    before = sums.made.sandbox.count
    result = sums.call("run_test", tests=["test_sums.py", smuggled])
    assert result.failed
    assert len(result.content) < 500
    assert sums.made.sandbox.count == before


@pytest.mark.deep
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


@pytest.mark.deep
def test_tests_end_with_the_minutes_of_the_run(stage: Callable[..., Stage]) -> None:
    waits = "import time\n\n\ndef test_it():\n    time.sleep(60)\n"
    made = stage({"test_waits.py": waits}, test_runner="pytest")
    left = [6.9]
    tried = Tried(made, seconds_left=lambda: left[0])
    said = tried.ran("test_waits.py")
    assert "after 6 seconds" in said
    assert "limits.minutes" in said
    left[0] = 4.9
    refused = tried.call("run_test", tests=["test_waits.py"])
    assert refused.failed
    assert "limits.minutes" in refused.content
