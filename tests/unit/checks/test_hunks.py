"""Which parts of a change are taken back, and what is left then."""

from __future__ import annotations

from agent.checks import hunks
from agent.models.change import Change, ChangedFile
from agent.policy import meaning

BASE = b"""\
def area(side):
    return side


def name():
    return "square"
"""


def split(after: bytes, before: bytes | None = BASE, path: str = "a.py"):
    return hunks.split_hunks(ChangedFile(path=path, before=before, after=after))


def test_each_part_is_taken_back_alone():
    after = BASE.replace(b"return side", b"return side * side").replace(b"square", b"Square")
    first, second = split(after)
    assert (first.part.name, second.part.name) == ("a.py:2", "a.py:6")
    assert first.without == BASE.replace(b"square", b"Square")
    assert second.without == BASE.replace(b"return side", b"return side * side")
    file = ChangedFile(path="a.py", before=BASE, after=after)
    change = Change(base_commit="0" * 40, files=(file,))
    assert first.take_back(change).files[0].after == first.without


def test_what_changes_nothing_that_runs_needs_no_proof():
    after = BASE.replace(b"def area(side):", b'def area(side: int) -> int:\n    """Area."""')
    assert split(b"# Shapes.\n" + after) == ()
    assert split(BASE + b"\n\n") == ()
    typed = after.replace(b"return side", b"doubled: int = 2 * side\n    return doubled")
    untyped = BASE.replace(b"return side", b"doubled = 2 * side\n    return doubled")
    assert split(b"from typing import Any\n\n" + typed, untyped) == ()
    guarded = b"if TYPE_CHECKING:\n    import shapes\n\n"
    assert split(guarded + BASE) == ()
    assert split(b"class A(B):\n    x: int\n", b"class A(B):\n    y: int\n") != ()
    assert split(b"class A:\n    x: int = 1\n", b"class A:\n    x: str = 1\n") == ()
    assert split(b"if 1 or typing.TYPE_CHECKING:\n    x = 2\n", b"x = 1\n") != ()
    overload = (
        b"class A(B):\n    @t.overload\n    def x(self, y%s): ...\n    def x(self, y): return y\n"
    )
    assert split(overload % b": int", overload % b"=2") == ()
    given = b"def show(user: Annotated[User, Depends(%s)]):\n    return user\n"
    assert split(given % b"anybody", given % b"admin") != ()
    assert split(b'__all__ = ["area", "name"]\n' + BASE, b'__all__ = ["area"]\n' + BASE) == ()
    inside = b"class A:\n    if TYPE_CHECKING:\n        x: int\n    y = 1\n"
    assert split(inside, b"class A:\n    y = 1\n") == ()
    for content, runs in ((b"# Shapes.\n" + after, False), (BASE + b"x = 1\n", True)):
        file = ChangedFile(path="a.py", before=BASE, after=content)
        assert hunks.changes_what_runs(file) is runs


def test_parts_that_cannot_stand_alone_go_together():
    before, after = b"x = [\n    1,\n]\n", b"x = list([\n    1,\n])\n"
    [hunk] = split(after, before)
    assert hunk.without == before


def test_a_mistake_is_made_in_what_a_test_names():
    source = BASE + b"\n\ndef is_big(side):\n    return side > 10\n"
    names = hunks.list_used_names(b"assert shapes.is_big(11)\n")
    found = [hunk.without.removeprefix(BASE) for hunk in hunks.make_mutants("a.py", source, names)]
    assert found == [
        b"\n\ndef is_big(side):\n    return (None)\n",
        b"\n\ndef is_big(side):\n    return (side <= 10)\n",
    ]


def test_the_functions_of_a_new_file_fail_or_the_file_is_gone():
    [hunk] = split(BASE, before=None)
    assert hunk.without.count(b"raise NotImplementedError") == 2
    [hunk] = split(b"class A:\n    x = 1\n    y = 2\n", before=None)
    file = ChangedFile(path="a.py", before=None, after=hunk.original)
    assert hunk.take_back(Change(base_commit="0" * 40, files=(file,))).files == ()


def test_what_nests_too_deep_for_a_look_is_taken_back():
    deep = b"x = " + b"-" * 200 + b"1\n"
    assert meaning.is_same(b"x = 1\n", b"x  = 1\n")
    assert not meaning.is_same(b"x = " + b"-" * 90_000 + b"1\n", deep)


def test_deleted_and_foreign_files_have_no_parts():
    assert split(b"# nothing\n", before=None) == ()
    assert split(b"x = (\n") == ()
    assert split(b"x", before=b"y", path="a.txt") == ()
