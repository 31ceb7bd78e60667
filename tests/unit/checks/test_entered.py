"""Marks in the blocks that a change wrote: each is left by the block that is entered, no other."""

from __future__ import annotations

import re

import pytest

from agent.checks import entered
from agent.models.change import Change, ChangedFile

BASE = "def old(a):\n    if a:\n        return 1\n    return 2\n"
NEW = (
    BASE.replace("return 2", "return 3")
    + '''

@property
def new(a):
    """Words."""
    with a:
        a.b()
    if a == 13: return -1
    elif a == 14:
        return 0
    try:
        a()
    except ValueError:
        raise
    @wraps
    def inner():
        return 4
    match a:
        case []:
            a += 1
    return lambda: 5
'''
)


def mark(after: str, before: str | None = BASE) -> entered.MarkedChange:
    file = ChangedFile(path="a.py", before=before and before.encode(), after=after.encode())
    return entered.mark_blocks(Change(base_commit="c", files=(file,)), frozenset())


def test_each_block_that_the_change_wrote_is_marked_once():
    marked = mark(NEW)
    [file] = marked.change.files
    compile(file.after, "a.py", "exec")
    lines = NEW.splitlines()
    # A branch on the line of its `if` has no place for a mark; what follows `with` is its block.
    assert [lines[part.line - 1].strip() for part in marked.parts.values()] == [
        "return 3", "with a:", "a.b()", "return 0", "try:", "a()", "raise", "return 4",
        "match a:", "a += 1", "return lambda: 5",
    ]  # fmt: skip


def test_what_is_not_entered_is_listed(tmp_path, monkeypatch):
    marked = mark("def fee(p):\n    if p == 13:\n        return -1000\n    return p * 2\n", None)
    monkeypatch.setattr(entered, "SANDBOX_TREE", str(tmp_path))
    [file] = marked.change.files
    code = re.sub(rb"'/work/", f"'{tmp_path}/".encode(), file.after)
    scope: dict[str, object] = {}
    exec(compile(code, "a.py", "exec"), scope)
    assert scope["fee"](2) == 4
    left = [path.name for path in tmp_path.iterdir()]
    assert [part.line for part in marked.list_unentered(left)] == [3]


@pytest.mark.parametrize("after", ["def f(:\n", "x = 1\n", ""])
def test_where_there_is_no_function_nothing_is_marked(after):
    marked = mark(after)
    assert not marked.parts
    assert marked.change.files[0].after == after.encode()
