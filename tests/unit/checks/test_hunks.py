"""Which parts of a change are taken back, and what is left then."""

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


def test_words_are_no_part_and_types_are_for_the_type_checker():
    typed = BASE.replace(b"def area(side):", b"def area(side: int) -> int:")
    assert split(b"# Shapes.\n" + BASE.replace(b"side):", b'side):\n    """Area."""')) == ()
    assert split(BASE + b"\n\n") == ()
    assert _kinds(b"# Shapes.\n" + typed) == [True]
    guarded = b"if TYPE_CHECKING:\n    import shapes\n\n"
    assert _kinds(guarded + BASE) == [True]
    assert _kinds(b"class A(B):\n    x: int\n", b"class A(B):\n    y: int\n") == [False]
    assert _kinds(b"class A:\n    x: int = 1\n", b"class A:\n    x: str = 1\n") == [True]
    assert _kinds(b"if 1 or typing.TYPE_CHECKING:\n    x = 2\n", b"x = 1\n") == [False, False]
    overload = (
        b"class A(B):\n    @t.overload\n    def x(self, y%s): ...\n    def x(self, y): return y\n"
    )
    assert _kinds(overload % b": int", overload % b"=2") == [True]
    given = b"def show(user: Annotated[User, Depends(%s)]):\n    return user\n"
    assert _kinds(given % b"anybody", given % b"admin") == [False]
    assert _kinds(b'__all__ = ["area", "name"]\n' + BASE, b'__all__ = ["area"]\n' + BASE) == [True]
    for content, runs in ((b"# Shapes.\n" + typed, False), (BASE + b"x = 1\n", True)):
        file = ChangedFile(path="a.py", before=BASE, after=content)
        assert hunks.changes_what_runs(file) is runs


def test_an_alias_is_of_types_while_nothing_that_runs_uses_it():
    head, tail = b"from typing import Any, Union\n", b"\n\ndef f(a: Size) -> Size:\n    return a\n"
    for alias in (
        b"Size = Union[int, str]\n",
        b"Size = dict[str, Any]\n",
        b"Size = int | None\n",
        b"Inner = list[int]\nSize = tuple[Inner, ...]\n",
        b"from shapes import Big\n\nSize: TypeAlias = Big\n",
        b"import shapes\n\nSize = list[shapes.Big]\n",
    ):
        assert {*_kinds(head + alias + tail, head + tail)} == {True}, alias
    runs = tail.replace(b"return a", b"return Size(a)")
    assert _kinds(head + b"Size = int\n" + runs, head + runs) == [False]
    assert _kinds(BASE + b"LIMIT = 4 | 8\n") == [False]
    assert _kinds(BASE + b"FLAGS = re.I | re.M\n") == [False]
    assert _kinds(BASE + b"SIZES = [int(1)]\n") == [False]


def test_parts_are_taken_back_together():
    after = BASE.replace(b"return side", b"return side * side").replace(b"square", b"Square")
    both = split(after + b"SIDE = 4\n")
    change = Change(
        base_commit="0" * 40, files=(ChangedFile(path="a.py", before=BASE, after=both[0].original),)
    )
    left = hunks.take_back_together(change, both[:2])
    assert left.files[0].after == BASE + b"SIDE = 4\n"
    assert hunks.take_back_together(change, both).files[0].after == BASE + b"pass\n"


SHOP = b"""\
from django import forms
import legacy

LIMIT = 3


class Order(forms.Form):
    title = "Order"

    @property
    def total(self):
        return sum(self.prices)


def old():
    return legacy.x
"""


def units(after: bytes, before: bytes | None = SHOP) -> list[tuple[str, bool]]:
    """What of the file is not as the change has it, for each unit, and whether it goes."""
    left = []
    for hunk in split(after, before):
        if hunk.is_inner:
            continue
        lines = {*after.splitlines()} ^ {*hunk.without.splitlines()}
        left.append((b" | ".join(sorted(lines)).decode(), hunk.part.goes))
    return left


def test_a_unit_is_a_function_decorators_a_head_an_attribute_or_a_statement():
    changed = SHOP.replace(b"3", b"4").replace(b"(forms.Form)", b"(Base)").replace(
        b'"Order"', b'"Bill"').replace(b"@property", b"@cached").replace(b"sum", b"max")  # fmt: skip
    assert [line.split(" | ")[0].strip() for line, _ in units(changed)] == [
        "LIMIT = 3", "class Order(Base):", 'title = "Bill"', "@cached", "return max(self.prices)",
    ]  # fmt: skip


def inner_units(after: bytes, before: bytes) -> list[str]:
    """What is not as the change has it, for each part of a unit."""
    left = [hunk.without.splitlines() for hunk in split(after, before) if hunk.is_inner]
    return [b" | ".join(sorted({*after.splitlines()} ^ {*lines})).decode() for lines in left]


def test_an_edited_function_is_a_unit_and_each_statement_in_it_a_part():
    before = b"def f(a):\n    if a:\n        b = 1\n        c = 2\n    else:\n        b = 2\n    return b\n"
    changed = before.replace(b"c = 2", b"c = 3").replace(b"return b", b"return str(b)")
    assert len(units(changed, before)) == 1
    assert inner_units(changed, before) == [
        "        c = 2 |         c = 3", "    return b |     return str(b)",
    ]  # fmt: skip
    more = before.replace(b"    return b", b"    log(b)\n    return b").replace(
        b"        c = 2\n", b""
    )
    assert inner_units(more, before) == ["        c = 2", "    log(b) |     pass"]
    head = changed.replace(b"f(a)", b"f(a, d=1)")
    assert len(units(head, before)) == 1
    assert "def f(a): | def f(a, d=1):" in inner_units(head, before)
    moved = b"def f(a):\n    c(a)\n    d(a)\n"
    assert inner_units(b"def f(a):\n    d(a)\n    c(a)\n", moved) == ["", "    c(a) |     pass"]
    assert inner_units(before.replace(b"c = 2", b"c = 3"), before) == [], "it is the function"
    loop = b"def f(a):\n    for b in a:\n        try:\n            c()\n        except E:\n            d()\n"
    wider = loop.replace(b"in a", b"in a[1:]").replace(b"E", b"Exception").replace(b"d()", b"e()")
    assert {
        "    for b in a: |     for b in a[1:]:", "        except E: |         except Exception:",
        "            d() |             e()",
    } <= {*inner_units(wider, loop)}  # fmt: skip
    of_one_line = b"def f(a): return 1\n"
    assert len(units(of_one_line.replace(b"1", b"2"), of_one_line)) == 1


def test_an_edited_function_of_a_refactoring_is_broken():
    after = SHOP.replace(b"sum", b"max").replace(b"3", b"4")
    file = ChangedFile(path="a.py", before=SHOP, after=after)
    limit, total = (one for one in hunks.split_hunks(file, breaks=True) if not one.is_inner)
    assert b"LIMIT = 3" in limit.without
    assert not limit.part.breaks
    assert b"return object()" in total.without
    assert total.part.breaks


def test_what_a_function_defines_is_taken_back_with_its_decorators():
    before = (
        b"def f():\n    @old\n    def g():\n        return 1\n\n    class A:\n"
        b'        """An A."""\n        class B:\n            x = 1\n    return g, A\n'
    )
    assert units(before.replace(b"@old", b"@new"), before) == [("    @new |     @old", False)]
    inner = before.replace(b"x = 1", b"x = 2").replace(b"An A", b"One A")
    assert units(inner.replace(b"One A", b"An A"), before) == [
        ("            x = 1 |             x = 2", False)
    ]
    gone = before.replace(b"    @old\n", b"")
    assert units(gone, before) == [("    @old", False)]


def test_what_is_new_goes_or_fails_each_alone():
    added = SHOP + b"import more\n\n\n@more.view\ndef new(a):\n    return a\n\n\nSIZE = 1\n"
    assert units(added) == [
        ("@more.view", False),
        ("    return a |     return object()", False),
        ("SIZE = 1 | pass", False),
    ]
    in_class = SHOP.replace(b"    @property", b"    size = 1\n\n    @property")
    assert units(in_class) == [("    pass |     size = 1", False)]
    assert len(units(SHOP, None)) == 5, "a new file has the same units, but for its imports"
    assert units(b"class A(B): x = 1\n", None) == [("class A(B): x = 1 | pass", False)]
    assert units(b"def f(): return 1\n", None) == [
        ("def f(): return 1 | def f(): return object()", False)
    ]
    assert units(b"class A:\n    def f(self): ...\n", None) == []
    for body in (b"print(1)", b"yield 1\n    return 2", b"def g(): return 1\n    g()"):
        [(edit, _)] = units(b"def f():\n    " + body + b"\n", None)
        assert "raise NotImplementedError" in edit, "it gives no value of its own"


def test_each_statement_of_what_is_new_goes():
    new = b"""\
def f(a):
    b = a.c
    if a: return 1
    try:
        a.d += 1
        e = 1
    except ValueError:
        raise
    finally:
        a.close()
    def g():
        log(b)
        return e
    return g
"""
    whole, *inner = split(new, None)
    assert not whole.is_inner
    assert all(hunk.is_inner and hunk.is_within(whole) for hunk in inner)
    lines = [new.splitlines()[hunk.line - 1].strip() for hunk in inner]
    assert lines == [
        b"a.d += 1", b"raise", b"a.close()", b"log(b)", b"return e", b"return g",
    ]  # fmt: skip
    assert split(b"def f():\n    return 1\n", None)[1:] == (), "it is the function"


def test_each_new_part_of_an_expression_is_dropped():
    before = b"urls = [\n    a(1),\n]\nlimits = {'a': 1}\nis_on = a and b\n"
    after = before.replace(b"a(1),", b"a(1),\n    b(2),  # More.\n    c(f'{1, 2}'),")
    after = after.replace(b"1}", b"1, 'b': 2, **more}").replace(b"a and b", b"a and (b or c)")
    parts = [hunk for hunk in split(after, before) if hunk.is_inner]
    inner = [hunk.without for hunk in parts if hunks.runs_otherwise(hunk)]
    assert {*inner} == {
        after.replace(b"b(2),  # More.\n    ", b""),
        after.replace(b",  # More.\n    c(f'{1, 2}')", b""),
        after.replace(b", **more", b""),
        after.replace(b" or c", b""),
    }


def test_what_has_gone_comes_back_where_it_was():
    without = SHOP.replace(b"import legacy\n", b"").partition(b"\n\ndef old")[0]
    assert units(without) == [("    return legacy.x | def old(): | import legacy", True)]
    [hunk] = split(without, SHOP)
    assert hunk.part.name.endswith("(old was removed)")
    without = SHOP.replace(b'    title = "Order"\n\n', b"").replace(b"    @property\n", b"")
    assert units(without) == [('    title = "Order"', False), ("    @property", False)]
    moved = b"def old():\n    return legacy.x\n\n\n" + SHOP.partition(b"\n\ndef old")[0]
    assert units(moved) == []
    a_class = SHOP[: SHOP.index(b"\n\nclass")] + SHOP[SHOP.index(b"\n\ndef old") :]
    [(lines, goes)] = units(a_class)
    assert goes
    assert "return sum(self.prices)" in lines


def test_what_base_s_text_uses_comes_back_with_it():
    before = b"from a import b\nA = 1\nB = A\n\n\ndef f(c):\n    return b(c) + B\n"
    after = b"def f(c):\n    return c + 1\n"
    [function] = [hunk for hunk in split(after, before) if not hunk.part.removed]
    assert {*function.without.split(b"\n")} == {*before.split(b"\n")}
    [constant] = [hunk for hunk in split(after, before) if hunk.part.removed == "A"]
    assert constant.without == after + b"A = 1\n", "nothing else"


def test_what_nothing_stands_for_any_more_is_missed_by_its_name():
    def goes(before: bytes, after: bytes = b"y = 1\n") -> list[bool]:
        return [gone for _, gone in units(after, before)]

    assert any(goes(b"A = 1\ny = A\n"))
    assert goes(b"A = 1\ny = 1\n") == [False], "settings are read by their names"
    assert goes(b"y = 1\ndef f(): ...\nclass B: ...\n") == [True, True]
    assert goes(b"y = 1\n@on(z)\ndef f(): ...\n") == [False], "who decorates it may use it"
    for taken in (b"open", b"__getattr__"):
        assert goes(b"y = 1\ndef " + taken + b"(): ...\n") == [False], "Python has another one"
    for other in (b"from a import *\n", b"from a import f\n", b"if z:\n    f = 1\n"):
        assert goes(other + b"def f(): ...\n", other) == [False], "there is another one"


def _kinds(after: bytes, before: bytes = BASE):
    return [hunk.is_of_types for hunk in split(after, before) if not hunk.is_inner]


def test_parts_that_cannot_stand_alone_go_together():
    before, after = b"x = [\n    1,\n]\n", b"x = list([\n    1,\n])\n"
    [hunk] = split(after, before)
    assert hunk.without == before


def test_a_mistake_is_made_in_what_a_new_test_calls():
    source = BASE + b"\n\ndef is_big(side):\n    return side > 10\n"
    test = (
        b"def test_old():\n    area(1)\n\n\nclass A:\n    def test_n(self):\n        b.is_big(1)\n"
    )
    names = hunks.list_called_names(test, {"A.test_n"})
    assert names == {"is_big"}
    found = [hunk.without.removeprefix(BASE) for hunk in hunks.make_mutants("a.py", source, names)]
    assert found == [
        b"\n\ndef is_big(side):\n    return (None)\n",
        b"\n\ndef is_big(side):\n    return (side <= 10)\n",
    ]


def test_what_nests_too_deep_for_a_look_is_taken_back():
    deep = b"x = " + b"-" * 200 + b"1\n"
    assert meaning.is_same(b"x = 1\n", b"x  = 1\n")
    assert not meaning.is_same(b"x = " + b"-" * 90_000 + b"1\n", deep)
    longest = b"x = " + b" + ".join([b"'a'"] * 2_500) + b"\n"
    assert [hunk.without for hunk in split(b"y = 2\n" + longest, longest)] == [longest]


def test_deleted_and_foreign_files_have_no_parts():
    assert split(b"# nothing\n", before=None) == ()
    assert split(b"x = (\n") == ()
    assert split(b"x", before=b"y", path="a.txt") == ()


def test_a_function_that_only_lacks_lines_is_removed_code():
    before = b"def f(a):\n    if a:\n        log(a)  # all\n        b(a)\n    return a\n"

    def removed(after):
        return [hunk.part.removed for hunk in split(after, before) if not hunk.is_inner]

    silent = before.replace(b"        log(a)  # all\n", b"        # silent\n")
    assert removed(silent) == ["“log(a)  # all”"]
    assert removed(b"def f(a):\n    log(a)  # all\n    b(a)\n    return a\n") == ["“if a:”"]
    assert removed(before.replace(b"log(a)", b"log()")) == [""]
    assert removed(before.replace(b"    return a", b"        return a")) == [""]
