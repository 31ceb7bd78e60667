"""Parts of a change that are taken back, and mistakes: what one is, and what is left with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.checks.hunk_reverts import Unit, list_called_names, list_units, make_mistakes, take_back
from agent.models.change import Change
from tests.unit.policy.cases import change, list_hunks

BASE = """\
import os


def f(a):
    if a:
        return 1
    return 2


def g(a):
    return a
"""


def units_of(
    after: str | None, base: str | None = BASE, *, reads_signatures: bool = False
) -> tuple[Change, tuple[Unit, ...]]:
    made, _ = change({"a.py": after}, {} if base is None else {"a.py": base})
    (file,) = made.files
    return made, list_units(file, list_hunks(made)["a.py"], reads_signatures=reads_signatures)


def describe(units: tuple[Unit, ...]) -> list[str]:
    return [
        f"{unit.part.kind} {unit.part.text}{' (note)' * unit.is_note}{' -' * unit.part.is_removal}"
        for unit in units
    ]


def left(made: Change, *units: Unit) -> str | None:
    """Return the file without these parts; None: it is as on base."""
    (file,) = take_back(made, units).files
    return None if file.after == file.before else (file.after or b"").decode()


@pytest.mark.parametrize(
    ("after", "units"),
    [
        (BASE.replace("return 2", "return 3"), ["revert return 3"]),
        (BASE.replace("return 2", "return 3").replace("return a", "return -a"),
         ["revert return 3", "revert return -a"]),
        # What only readers and type checkers see.
        (BASE.replace("return 2", "return 2  # two"), ["revert return 2  # two (note)"]),
        (BASE.replace("def g(a):", 'def g(a):\n    """Give it."""'), ["revert docstring (note)"]),
        (BASE.replace("def g(a):", 'def g(a):\n    """Give it.\n\n    More."""\n    a += 1'),
         ["revert a += 1"]),
        (BASE.replace("\n\n\n", "\n\n"), ["revert blank lines (note) -", "revert blank lines (note) -"]),
        (BASE.replace("def g(a)", "def g(a: int)"), ["revert def g(a: int): (note)"]),
        # What goes.
        (BASE.replace("import os\n", ""), ["revert import os was removed (note) -"]),
        (BASE.partition("def g")[0], ["revert def g(a): was removed (note) -"]),
        (BASE.replace("    if a:\n        return 1\n", ""), ["revert if a: was removed -"]),
        # New functions.
        (BASE + "\n\ndef h():\n    return 1\n", ["empty h"]),
        (BASE + "\n\nLIMIT = 1\n\n\ndef h():\n    return LIMIT\n", ["empty h", "revert LIMIT = 1"]),
        (BASE + "\n\n@wraps(f)\nasync def h():\n    return 1\n", ["empty h"]),
        (BASE + "\n\ndef h():\n    def inner():\n        return 1\n    return inner\n",
         ["empty h"]),
        (BASE + "\n\nclass C:\n    b = 1\n\n    def h(self):\n        return 1\n",
         ["empty C.h", "revert class C:"]),
        (BASE + "\n\ndef h():\n    '''Later.'''\n    raise NotImplementedError\n", ["empty h (note)"]),
        (BASE + "\n\ndef h(): ...\n", ["empty h (note)"]),
        (BASE + "\n\ndef h():\n    '''Later.'''\n", ["empty h (note)"]),
    ],
)  # fmt: skip
def test_a_hunk_is_a_part_and_of_new_functions_what_they_do(after: str, units: list[str]) -> None:
    assert describe(units_of(after)[1]) == units


@pytest.mark.parametrize(
    ("function", "emptied"),
    [
        ("def h(a):\n    return a\n", "def h(a):\n    pass\n"),
        ('def h(a):\n    """Give it."""\n    b = a\n    return b\n',
         'def h(a):\n    """Give it."""\n    pass\n'),
        ("@one\n@two(\n    3,\n)\ndef h(\n    a,\n):\n    return a\n",
         "@one\n@two(\n    3,\n)\ndef h(\n    a,\n):\n    pass\n"),
        ("class C:\n    def h(self):\n        return 1\n", "class C:\n    def h(self):\n        pass\n"),
        ("class C:\n\tdef h(self):\n\t\treturn 1\n", "class C:\n\tdef h(self):\n\t\tpass\n"),
        ("def h():\n    @one\n    def inner(): return 1\n    return inner\n", "def h():\n    pass\n"),
    ],
)  # fmt: skip
def test_an_emptied_function_keeps_its_head_and_its_docstring(function: str, emptied: str) -> None:
    made, units = units_of(f"{BASE}\n\n{function}")
    assert left(made, units[0]) == f"{BASE}\n\n{emptied}"


@pytest.mark.parametrize("function", ["def h(): return 1", "def h(\n    a): return a"])
def test_a_function_whose_body_has_no_line_of_its_own_goes_with_its_hunk(function: str) -> None:
    made, units = units_of(f"{BASE}\n\n{function}\n")
    assert [left(made, unit) for unit in units if not unit.is_note] == [None]


def test_hunks_that_need_each_other_go_together() -> None:
    after = BASE.replace("    if a:\n        return 1\n", "    try:\n        return 1\n").replace(
        "    return 2\n", "    except ValueError:\n        return 2\n"
    )
    made, units = units_of(after)
    assert len(units) == 1
    assert left(made, *units) is None


def test_lines_are_those_of_git_where_a_carriage_return_stands_alone() -> None:
    base = f"T = '''\r'''\n{BASE}"
    made, units = units_of(base.replace("return 2", "return 3"), base)
    assert [left(made, unit) for unit in units] == [None]


def test_of_a_new_file_functions_are_emptied_and_the_rest_goes() -> None:
    made, units = units_of("X = 1\n\n\ndef f():\n    return X\n", None)
    assert describe(units) == ["empty f", "revert X = 1"]
    assert left(made, units[0]) == "X = 1\n\n\ndef f():\n    pass\n"
    assert take_back(made, [units[1]]).files == ()


def test_of_a_deleted_file_and_of_what_cannot_be_read_there_is_no_function() -> None:
    assert units_of(None)[1] == ()
    assert describe(units_of("def (\n")[1]) == ["revert def ("]


@pytest.mark.parametrize("is_read", [True, False])
def test_annotations_count_where_a_library_reads_them(is_read: bool) -> None:
    after = BASE.replace("def g(a)", "def g(a: int)")
    (unit,) = units_of(after, reads_signatures=is_read)[1]
    assert unit.is_note is not is_read


STATEMENTS = st.sampled_from([
    "import os", "A = 1", "A = 2", "if A:\n    B = 1\nelse:\n    B = 2", "# words", "",
    "def f():\n    return 1", "def f():\n    return 2", "try:\n    C = 1\nfinally:\n    D = 1",
    "class C:\n    x = 1\n\n    def f(self):\n        return 1", "\r", "T = '''\n\n'''",
])  # fmt: skip
FILES = st.lists(STATEMENTS, max_size=7).map(lambda lines: "\n".join(lines) + "\n")


@given(FILES, FILES)
def test_without_all_hunks_a_file_is_as_on_base(base: str, after: str) -> None:
    made, units = units_of(after, base)
    whole = [unit for unit in units if unit.part.kind == "revert"]
    for unit in units:  # each alone is Python, or the whole is none
        compile(left(made, unit) or base, "a.py", "exec")
    if len(whole) == len(units):
        files = take_back(made, units).files
        assert [file.after for file in files] == [file.before for file in files]


# --- mistakes ---------------------------------------------------------------------------------

SOURCE = b'''def price(a, b):
    """Add."""
    if a > 3 and b:
        return (
            a + 1
        )
    return b


class Shop:
    def open(self): return True


def other():
    return 1
'''


def test_what_a_test_calls_is_named_by_its_last_part() -> None:
    assert list_called_names(b"def test_a():\n    assert shop.price(f(1)) == 2\n") == {"price", "f"}
    assert list_called_names(b"def (") == frozenset()


def test_three_mistakes_are_made_in_each_function_that_is_called() -> None:
    made = [*make_mistakes("shop.py", SOURCE, {"price", "open"})]
    assert [unit.part.name for unit in made] == [
        "shop.py:7 (None in place of b)",
        "shop.py:3 (a > 3 or b in place of a > 3 and b)",
        "shop.py:5 (None in place of a + 1)",
        "shop.py:11 (None in place of True)",
    ]
    nothing = Change(base_commit="0" * 40, files=())
    texts = [take_back(nothing, [unit]).files[0].after or b"" for unit in made]
    assert texts[1] == SOURCE.replace(b"3 and b", b"3 or b")
    assert texts[3] == SOURCE.replace(b"True", b"None")
    for text in texts:
        compile(text, "shop.py", "exec")
