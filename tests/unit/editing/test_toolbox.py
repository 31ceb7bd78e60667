"""The tools that look and change, and what a malformed call is answered with (MO1)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.chat import ToolCall
from tests.unit.editing.tool_samples import bench


def test_the_fixed_part_of_all_tools_is_small(tmp_path: Path) -> None:
    specs = bench(tmp_path).toolbox.specs()
    told = sum(len(s.name) + len(s.description) + len(json.dumps(s.parameters)) for s in specs)
    assert told < 2_200
    assert {"look", "search", "read", "edit", "create", "move", "delete"} <= {s.name for s in specs}
    for spec in specs:
        assert spec.parameters["type"] == "object"


def test_read_numbers_lines_and_says_what_is_left(tmp_path: Path) -> None:
    made = bench(tmp_path)
    assert made.said("read", path="shop/models.py", start=4, end=5) == (
        "`shop/models.py`, lines 4-5 of 9\n4\tclass Order:\n5\t    def total(self):"
    )
    assert made.said("read", path="shop/__init__.py") == "`shop/__init__.py` is empty"
    assert "has 9 lines; there are none from 20" in made.refused(
        "read", path="shop/models.py", start=20
    )
    assert made.said("read", path="README.md", start=-5, end=99).endswith("1\t# Shop")


def test_read_cuts_what_is_long_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    lines = [f"line {number} {'x' * 90}" for number in range(1, 301)]
    made = bench(tmp_path, {"long.txt": "\n".join(lines) + "\n"})
    first = made.said("read", path="long.txt")
    assert len(first) < 8_300
    shown = first.splitlines()
    number = int(shown[-1].rpartition("at ")[2].rstrip("]"))
    assert f"lines 1-{number - 1} of 300" in shown[0]
    hidden = sum(len(line) + 1 for line in lines[number - 1 :])
    assert shown[-1] == f"[cut: {hidden:,} characters to line 300 are left; go on at {number}]"
    assert f"{number}\tline {number} " in made.said("read", path="long.txt", start=number)


# --- searching ------------------------------------------------------------------------------------


def test_search_is_literal_unless_asked_otherwise(tmp_path: Path) -> None:
    made = bench(tmp_path, {"a.py": "x = f(1)\ny = g[0]\n", "b/c.py": "f(1)\n"})
    assert made.said("search", text="f(1)").splitlines() == [
        "2 lines in 2 of 2 files",
        "a.py:1: x = f(1)",
        "b/c.py:1: f(1)",
    ]
    assert made.said("search", text=r"g\[\d\]$", regex=True).splitlines()[1:] == [
        "a.py:2: y = g[0]"
    ]
    assert made.said("search", text="f(", folder="b").startswith("1 line in 1 of 1 files")
    assert made.said("search", text="f(", folder="a.py").startswith("1 line in 1 of 1 files")
    assert made.said("search", text="nowhere") == "0 lines in 0 of 2 files"


@pytest.mark.parametrize(
    "pattern",
    [r"(a|aa)*b", r"(?:a?){30}a{30}b"],
)
def test_search_is_not_held_up_by_a_pattern(tmp_path: Path, pattern: str) -> None:
    made = bench(tmp_path, {"a.txt": ("a" * 3_000 + "\n") * 60})
    # An engine that tries every way to match would still be at it when this suite is ended.
    assert " of 1 files" in made.said("search", text=pattern, regex=True)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "cannot be used"),
        (r"(x)\1", "back-references"),
        (r"((a{0,50}){0,50}){0,20}x", "repeats counts of more than 1,000 in all"),
    ],
)
def test_search_says_why_a_pattern_cannot_be_used(tmp_path: Path, pattern: str, why: str) -> None:
    said = bench(tmp_path).refused("search", text=pattern, regex=True)
    assert why in said
    assert len(said) < 500


# --- changing -------------------------------------------------------------------------------------


def test_edit_replaces_what_occurs_once(tmp_path: Path) -> None:
    made = bench(tmp_path)
    said = made.said(
        "edit", path="shop/money.py", old="return value", new="a = value\n    return a"
    )
    assert "lines 2-3" in said
    assert made.tree.read("shop/money.py") == b"def rounded(value):\n    a = value\n    return a\n"
    assert made.said("edit", path="shop/money.py", old="    a = value\n", new="").endswith(
        "cut before line 2"
    )


def test_edit_says_how_often_and_where(tmp_path: Path) -> None:
    said = bench(tmp_path).refused("edit", path="shop/models.py", old="(self):", new="(self, x):")
    assert "old is there 2 times (lines 5, 8)" in said
    overlapping = bench(tmp_path / "b", {"a.txt": "aaa\n"})
    assert "2 times" in overlapping.refused("edit", path="a.txt", old="aa", new="b")


def test_edit_shows_what_comes_nearest(tmp_path: Path) -> None:
    made = bench(tmp_path)
    said = made.refused(
        "edit", path="shop/models.py", old="def total(self):\n    return rounded(1)", new="x"
    )
    assert "differ in white space only" in said
    assert said.endswith("5\t    def total(self):\n6\t        return rounded(1)")


def test_edit_keeps_how_lines_end(tmp_path: Path) -> None:
    made = bench(tmp_path, {"a.py": b"a = 1\r\nb = 2\r\n", "b.py": b"a = 1\r\nb = 2\n"})
    made.said("edit", path="a.py", old="a = 1\nb = 2\n", new="a = 1\nc = 3\nb = 2\n")
    assert made.tree.read("a.py") == b"a = 1\r\nc = 3\r\nb = 2\r\n"
    assert "\r" not in made.said("read", path="a.py")
    made.said("edit", path="b.py", old="b = 2", new="b = 3")
    assert made.tree.read("b.py") == b"a = 1\r\nb = 3\n"


def test_python_that_does_not_parse_is_said_and_not_refused(tmp_path: Path) -> None:
    made = bench(tmp_path)
    said = made.said("edit", path="shop/money.py", old="def rounded(value):", new="def rounded(:")
    assert "does not parse: line 1" in said
    assert "does not parse" in made.said("create", path="shop/deep.py", text="(" * 500)
    assert "parse" not in made.said("create", path="shop/deep.txt", text="(" * 500)


def test_create_does_not_take_the_place_of_a_file_of_base(tmp_path: Path) -> None:
    made = bench(tmp_path)
    assert "is there already; edit it" in made.refused("create", path="README.md", text="x")
    made.said("create", path="shop/new.py", text="x = 1")
    assert made.tree.read("shop/new.py") == b"x = 1\n"
    assert "written anew" in made.said("create", path="shop/new.py", text="x = 2\n")
    assert "nothing was changed" in made.refused("create", path="shop/new.py", text="x = 2\n")


def test_move_and_delete(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.said("move", path="shop/money.py", to="shop/cash.py")
    assert "is there already" in made.refused("move", path="README.md", to="shop/cash.py")
    made.said("delete", path="README.md")
    assert "no file of the repository" in made.refused("delete", path="README.md")
    assert [(file.path, file.after is None) for file in made.tree.changes()] == [
        ("README.md", True),
        ("shop/cash.py", False),
        ("shop/money.py", True),
    ]


# --- calls (MO1) ----------------------------------------------------------------------------------


def test_calls_of_a_reply_run_in_order_past_one_that_fails(tmp_path: Path) -> None:
    made = bench(tmp_path)
    batch = made.calls(
        ("edit", json.dumps({"path": "README.md", "old": "Shop", "new": "Ship"})),
        ("read", json.dumps({"path": "README.md"})),
        ("edit", json.dumps({"path": "README.md", "old": "Shop", "new": "Ship"})),
        ("edit", json.dumps({"path": "README.md", "old": "Ship", "new": "Slip"})),
    )
    assert [result.failed for result in batch.results] == [False, False, True, False]
    assert "# Ship" in batch.results[1].content
    assert [(file.path, file.after) for file in batch.change.files] == [("README.md", b"# Slip\n")]
    assert batch.change.base_commit == "0" * 40
    assert type(batch).model_validate_json(batch.model_dump_json()) == batch


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("{", "no JSON: Invalid JSON: EOF"),
        ("[1]", "have to be a JSON object"),
        ('{"path": 5}', "`path`: Input should be a valid string"),
        ('{"path": "a", "foo": 1}', "`foo` is no argument; there are path, start, end"),
        ('{"path": ' + "[" * 100_000, "no JSON: Invalid JSON: recursion limit"),
        ("x" * 10_000_000, "10,000,000 characters; 400,000 are the most"),
    ],
    ids=range(6),
)
def test_MO1_a_malformed_call_is_answered_precisely_and_shortly(
    tmp_path: Path, arguments: str, why: str
) -> None:
    result = bench(tmp_path).calls(("read", arguments)).results[0]
    assert result.failed
    assert why in result.content
    assert len(result.content) < 600
    assert result.model_dump_json()


def test_MO1_an_unknown_tool_is_answered_with_those_there_are(tmp_path: Path) -> None:
    made = bench(tmp_path)
    for name in ("bash", "", "x" * 100_000, "\ud800", "read\n"):
        result = made.calls((name, "{}")).results[0]
        assert result.failed
        assert "there are look, " in result.content
        assert len(result.name) < 100
        assert result.model_dump_json()


def test_MO1_of_calls_with_one_id_the_first_counts(tmp_path: Path) -> None:
    made = bench(tmp_path)
    call = ToolCall(call_id="same", name="delete", arguments='{"path": "README.md"}')
    other = call.model_copy(update={"arguments": '{"path": "shop/money.py"}'})
    batch = made.toolbox.carry_out((call, other))
    assert [result.failed for result in batch.results] == [False, True]
    assert "same id" in batch.results[1].content
    assert batch.change.paths == ("README.md",)


def test_MO1_what_a_reply_gets_back_is_bounded(tmp_path: Path) -> None:
    made = bench(tmp_path, {"a.txt": ("x" * 79 + "\n") * 1_000})
    batch = made.calls(*[("read", '{"path": "a.txt"}')] * 500)
    assert len(batch.results) == 500
    assert sum(result.failed for result in batch.results) == 460
    assert sum(len(result.content) for result in batch.results) < 90_000
    assert "left out; whole text: ask for less at a time" in batch.results[30].content
