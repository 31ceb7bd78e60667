"""Which edits a change has, and what is left without each of them."""

import difflib

import pytest

from agent.checks import edits, mutants
from agent.models.change import Change, ChangedFile
from agent.policy import meaning

BASE = b"""\
def area(side):
    return side


def name():
    return "square"
"""


def split(after: bytes, before: bytes | None = BASE, **more: bool) -> list[edits.Edit]:
    return edits.list_edits(ChangedFile(path="a.py", before=before, after=after), **more)


def tell(after: bytes, before: bytes | None = BASE, **more: bool) -> list[str]:
    """What stands in the file without each edit, and what is not there then, line by line."""
    told = []
    for edit in split(after, before, **more):
        sides = after.decode().splitlines(), (edit.without or b"").decode().splitlines()
        lines = [line for line in difflib.ndiff(*sides) if line[0] in "-+" and line[2:].strip()]
        told.append(
            ("  " if edit.outer else "") + " ".join(f"{one[0]}{one[2:].strip()}" for one in lines)
        )
    return told


def test_the_smallest_part_that_differs_stands_as_on_base():
    assert tell(BASE.replace(b"return side", b"return side * side").replace(b"square", b"Square")) == [
        "-return side * side +return side", '-return "Square" +return \'square\'',
    ]  # fmt: skip
    assert tell(b"A, B = 2, False\n", b"A, B = 1, True\n") == [
        "-A, B = 2, False +A, B = (1, True)",
        "  -A, B = 2, False +A, B = (1, False)",
        "  -A, B = 2, False +A, B = (2, True)",
    ]
    before = b"def f(u, d):\n    return u.active and d.owner == u.name\n"
    after = b"def f(u, d):\n    return u.admin or d.owner is u.name\n"
    [whole, *parts] = split(after, before)
    assert [(part.before, part.after) for part in parts] == [
        ("u.admin and d.owner is u.name", "u.admin or d.owner is u.name"),
        ("u.active", "u.admin"),
        (" == u.name", " is u.name"),
    ]
    assert all(part.outer is whole for part in parts)
    assert [part.without.splitlines()[1].decode().strip() for part in parts] == [
        "return u.admin and d.owner is u.name",
        "return u.active or d.owner is u.name",
        "return u.admin or d.owner == u.name",
    ]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        # Elements come back, go, and return to their place.
        ("DENY = {'a', 'b'}", "DENY = {'a'}", ["DENY = {'a', 'b'}"]),
        ("ALL = ['a', 'b']", "ALL = ['a', 'c']",
         ["ALL = ['a', 'b']", "ALL = ['a']", "ALL = ['a', 'c', 'b']"]),
        ("X = {'a': 1, 'b': 2}", "X = {'a': 1, 'b': 3}", ["X = {'a': 1, 'b': 2}"]),
        ("def f():\n    a.b(1)", "def f():\n    c.d(3)\n    a.b(2)",
         ["def f():\n    a.b(1)", "def f():\n    a.b(2)", "def f():\n    c.d(3)\n    a.b(1)"]),
        ("X = [a, b, c]", "X = [b, c, a]", ["X = [a, b, c]"]),
        ("X = a and b and c", "X = a and c", ["X = a and b and c"]),
        ("X = f(a, b=1)", "X = f(a, b=2)", ["X = f(a, b=1)"]),
        ("X = f(a, True)", "X = f(a, b.c)", ["X = f(a, True)"]),
        ("X = not a and b", "X = a and b", ["X = not a and b"]),
        ("X = a < b", "X = a <= b", ["X = a < b"]),
        ("X = a.b(1).c", "X = a.d(1).c", ["X = a.b(1).c"]),
        ("X = f'{a}'", "X = f'{b}'", ["X = f'{a}'"]),
        ("X = {**a, 'b': 1}", "X = {'b': 1, **a}", ["X = {**a, 'b': 1}"]),
        ("try: a()\nexcept E: b()\nexcept F: c()", "try: a()\nexcept F: c()\nexcept E: b()",
         ["try:\n    a()\nexcept E:\n    b()\nexcept F:\n    c()"]),
        ("class A(B, C): x = 1", "class A(B): x = 1", ["class A(B, C):\n    x = 1"]),
        ("@a({'x', 'y'})\nclass A: x = 1", "@a({'x'})\nclass A: x = 1", ["@a({'x', 'y'})\nclass A:\n    x = 1"]),
        ("import a\nx = a", "import b as a\nx = a", ["pass\nimport a\nx = a"]),
        ("from a import b", "from a import c", ["from a import b\nfrom a import c", "pass"]),
        ("if a:\n    x = 1\nelif b:\n    x = 2", "if a:\n    x = 1\nelif c:\n    x = 2",
         ["if a:\n    x = 1\nelif b:\n    x = 2"]),
        ("try:\n    a()\nexcept E:\n    b()", "try:\n    a()\nexcept F:\n    b()",
         ["try:\n    a()\nexcept E:\n    b()"]),
        ("match a:\n    case {'x': 1}:\n        b()", "match a:\n    case {'x': 2}:\n        b()",
         ["match a:\n    case {'x': 1}:\n        b()"]),
        ("a = 1; b = 1", "a = 1; b = 2", ["a = 1\nb = 1"]),
    ],
)  # fmt: skip
def test_each_kind_of_part_is_taken_back(before: str, after: str, left: list[str]):
    found = [edit.without for edit in split(after.encode() + b"\n", before.encode() + b"\n")]
    assert [(text or b"").decode().strip() for text in found] == left


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


def test_what_is_new_goes_or_does_nothing():
    added = SHOP + b"import more\n\n\n@more.view\ndef new(a):\n    return a\n\n\nSIZE = 1\n"
    assert tell(added, SHOP) == [
        "-@more.view", "-return a +pass", "-SIZE = 1",
    ]  # fmt: skip
    in_class = SHOP.replace(b"    @property", b"    size = 1\n\n    @property")
    assert tell(in_class, SHOP) == ["-size = 1"]
    assert tell(b"class A:\n    def f(self): ...\n", None) == []
    assert tell(b"def f():\n    raise NotImplementedError\n", None) == []
    assert tell(b"import a\nimport b.c\n\nx = b.c\n", None) == ["-import a +pass", "-x = b.c"]


def test_each_statement_and_element_of_what_is_new_goes():
    new = b"""\
def f(a):
    b = a.c
    if a: return 1
    try:
        a.d += 1
    finally:
        a.close()
    return {"x": b, "y": a or b}
"""
    [whole, *inner] = split(new, None)
    assert whole.breaks
    assert [edit.after for edit in inner] == [
        "return {'x': b, 'y': a or b}", "return 1", "a.d += 1", "a.close()",
        "'x': b", "'y': a or b", "a", "b",
    ]  # fmt: skip
    assert all(edit.outer is whole and edit.without for edit in inner)


def test_what_is_put_around_old_code_goes_alone():
    before = b"def f():\n    g()\n    return 1\n"
    after = b"def f():\n    try:\n        g()\n    except E:\n        h()\n    return 1\n"
    [_, added, handled] = split(after, before)
    assert (added.after, handled.after) == ("try: g()", "h()")
    assert meaning.is_same(added.without, before)
    assert edits.list_outermost([added, handled]) == [added]


def test_another_name_of_a_variable_is_no_edit():
    before = b"class A:\n    def f(self, a):\n        size = 10\n        return a[:size]\n"
    assert split(before.replace(b"size", b"limit"), before) == []
    [edit] = split(before.replace(b"size", b"limit").replace(b"10", b"20"), before)
    assert (edit.before, edit.after) == ("10", "20")
    assert [edit.after for edit in split(before.replace(b" size ", b" b.c "), before)] == ["b.c"]
    two = b"def f():\n    a = 1\n    g(a)\n    b = 2\n    h(b)\n"
    one = b"def f():\n    c = 1\n    g(c)\n    c = 2\n    h(c)\n"
    assert all(edit.without != one for edit in split(one, two))
    assert split(one, two)


def test_a_value_given_again_is_an_edit():
    before = b"LIMIT = 1\n\ndef f(a, b):\n    return a[:b]\n"
    given = b"    global LIMIT\n    c = 1\n    b = LIMIT = 9\n    from d import LIMIT\n"
    added = given + b"    return a[:b]\n"
    told = ["global LIMIT", "b = LIMIT = 9", "from d import LIMIT"]
    found = split(before.replace(b"    return a[:b]\n", added), before)
    assert [edit.after for edit in found] == ["f", *told]
    found = split(before + b"\ndef g(a, b):\n" + added, before)
    assert [edit.after for edit in found] == ["", *told, "return a[:b]"]


def test_a_definition_that_hides_another_one_goes():
    base = b"class A(B):\n    def f(self): return 1\n"
    [again] = split(base + b"\n    def f(self): return 2\n", base)
    assert again.without.strip() == base.strip()
    [nothing] = split(base + b"\n    def may(self): pass\n", base)
    assert nothing.without.strip() == base.strip()
    assert nothing.is_note
    assert not again.is_note


def test_what_only_a_star_import_reads_is_no_work_for_a_test():
    base = b"__all__ = ['a']\nA = ['a']\n"
    every, other = split(base.replace(b"]", b", 'b']"), base)
    assert (every.is_note, other.is_note) == (True, False)


def test_what_is_set_elsewhere_is_no_alias():
    alias, other = split(b"import b\nA = int\nb.c = 1\ndef f(a: A): g()\n", b"import b\n")[:2]
    assert alias.is_note
    assert not other.is_note


def test_what_has_gone_comes_back_with_what_it_needs():
    less = SHOP.replace(b'    title = "Order"\n\n', b"").replace(b"    @property\n", b"")
    assert [edit.before for edit in split(less, SHOP)] == ["property", "title"]
    before = b"def g(): return 1\ndef f():\n    return g() + 2\n"
    [part] = split(b"def f():\n    return 2\n", before)
    assert part.without == b"def g():\n    return 1\ndef f():\n    return g() + 2\n"
    before = b"from a import check\n\ndef f(b):\n    c = b.d\n    if check(c) and b:\n        g()\n"
    after = b"def f(b):\n    if True and b:\n        h()\n"
    [part] = [edit for edit in split(after, before) if edit.before == "check(c)"]
    assert b"from a import check" in part.without
    assert b"c = b.d\n    if check(c) and b:\n        h()" in part.without


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        # Whoever uses one misses it by its name.
        (b"A = 1\ny = A\n", b"y = 1\n", []),
        (b"y = 1\ndef f(): ...\nclass B: ...\n", b"y = 1\n", []),
        # Settings are read by their names.
        (b"A = 1\ny = 1\n", b"y = 1\n", ["A"]),
        # Who decorates it may use it; Python has another one; so has the module.
        (b"y = 1\n@on(z)\ndef f(): ...\n", b"y = 1\n", ["f"]),
        (b"y = 1\ndef open(): ...\n", b"y = 1\n", ["open"]),
        (b"y = 1\ndef __getattr__(): ...\n", b"y = 1\n", ["__getattr__"]),
        (b"from a import *\ndef f(): ...\n", b"from a import *\n", ["f"]),
        (b"if z:\n    f = 1\ndef f(): ...\n", b"if z:\n    f = 1\n", ["f"]),
    ],
)
def test_what_is_missed_by_its_name_is_no_edit(before: bytes, after: bytes, gone: list[str]):
    assert [edit.before for edit in split(after, before) if not edit.after] == gone


def test_what_a_module_imports_for_its_effect_comes_back():
    assert tell(b"x = 1\n", b"from a import hooks\nx = 1\n") == ["+from a import hooks"]
    assert tell(b"x = 1\n", b"from a import b\nx = b\n") == ["+from a import b -x = 1 +x = b"]


def test_order_matters_where_something_is_called():
    route = b"@app.get('/%s')\ndef %s(): ...\n\n"
    one, two = route % (b"me", b"me"), route % (b"{name}", b"show")
    [moved] = split(two + one, one + two)
    assert moved.part.name == "a.py:5 (me was moved)"
    assert moved.without.index(b"def me") < moved.without.index(b"def show")
    assert split(b"def b(): ...\ndef a(): ...\n", b"def a(): ...\ndef b(): ...\n") == []
    assert tell(b"def f():\n    b()\n    a()\n", b"def f():\n    a()\n    b()\n") == ["+a() -a()"]


def test_an_edited_function_of_a_refactoring_is_emptied():
    after = SHOP.replace(b"sum(self.prices)", b"sum(self.all)").replace(b"3", b"4")
    limit, total = split(after, SHOP, breaks=True)
    assert not limit.breaks
    assert b"LIMIT = 3" in limit.without
    assert total.breaks
    assert b"sum" not in total.without


def test_other_lines_keep_their_numbers():
    after = BASE.replace(
        b"return side", b"# Of a square.\n    return pow(\n        side,\n        2,\n    )"
    )
    [edit] = split(after)
    assert edit.without.splitlines()[-2:] == after.splitlines()[-2:]
    assert len(edit.without.splitlines()) == len(after.splitlines())


def test_edits_of_a_file_are_taken_back_together():
    after = BASE.replace(b"return side", b"return 2 * side").replace(b"square", b"Square")
    found = split(after + b"SIDE = 4\n")
    change = Change(
        base_commit="0" * 40,
        files=(ChangedFile(path="a.py", before=BASE, after=after + b"SIDE = 4\n"),),
    )
    left = edits.revert_edits(change, found[:2]).files[0].after
    assert meaning.is_same(left, BASE + b"SIDE = 4\n")
    assert meaning.is_same(edits.revert_edits(change, found).files[0].after, BASE)


def test_words_are_no_edit_and_annotations_say_what_may_read_them():
    doc = b"# Shapes.\n" + BASE.replace(b"side):", b'side):\n    """Area."""')
    assert split(doc) == []
    assert split(b"# nothing\n", before=None) == []

    def levels(after: bytes, before: bytes) -> list[str]:
        found = split(after, before)
        levels = ("all", "read", "none")
        return [level for level in levels if all(edit.is_same(level) for edit in found)]

    plain, typed = b"def f(a): return a\n", b"def f(a: int): return a\n"
    assert levels(typed, plain) == ["read", "none"]
    assert levels(b"@on\n" + typed, b"@on\n" + plain) == ["none"]
    assert levels(b"x: int = 1\n", b"x = 1\n") == ["none"]
    assert levels(b"class A:\n    x: int\n", b"class A:\n    x: str\n") == ["none"]
    assert levels(b"class A:\n    x: int\n", b"class A: ...\n") == []
    assert levels(b"__all__ = ['a']\n", b"__all__ = ['b']\n") == []
    assert levels(b"Cents = float\n", b"Cents = int\n") == []
    given = b"def show(user: Annotated[User, Depends(%s)]):\n    return user\n"
    assert levels(given % b"anybody", given % b"admin") == []
    own = b"from %s import overload\n@overload\ndef f(a%s): ...\ndef f(a): return a\n"
    assert levels(own % (b"typing", b": int"), own % (b"typing", b"=2")) == ["all", "read", "none"]
    assert levels(own % (b"shop", b"=3"), own % (b"shop", b"=2")) == []


POW = "def f(a):\n    return pow(a, 2)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (POW, f"from math import pow\n{POW}"),
        (POW, POW.replace("    ", "    from math import pow\n    ")),
        ("A = 1\nA = 2\n", "A = 2\nA = 1\n"),
        ("A = 1\nif B:\n    A = 2\n", "if B:\n    A = 2\nA = 1\n"),
        ("class A:\n    x: int\n    y: int\n", "class A:\n    y: int\n    x: int\n"),
    ],
)
def test_what_hides_another_value_and_the_order_of_those_are_edits(before, after):
    [found] = split(after.encode(), before.encode())
    assert meaning.is_same(found.without, before.encode())


def test_a_mistake_is_made_in_what_a_new_test_calls():
    source = BASE + b"\n\ndef is_big(side):\n    return side > 10\n"
    test = (
        b"def test_old():\n    area(1)\n\n\nclass A:\n    def test_n(self):\n        b.is_big(1)\n"
    )
    names = mutants.list_called_names(test, {"A.test_n"})
    assert names == {"is_big"}
    found = [*mutants.make_mutants("a.py", source, names)]
    assert [edit.mistake for edit in found] == [
        "return None in place of return side > 10", "side <= 10 in place of side > 10",
    ]  # fmt: skip
    assert [edit.without.removeprefix(BASE).split()[-3:] for edit in found] == [
        [b"is_big(side):", b"return", b"None"], [b"side", b"<=", b"10"],
    ]  # fmt: skip


def test_hidden_text_does_the_same_with_other_bytecode():
    file = ChangedFile(path="a.py", before=b"", after=BASE)
    hidden = mutants.hide_text(file).after
    names, plain = {"__file__": "a.py"}, {}
    exec(hidden, names)
    exec(BASE, plain)
    assert names["area"](3) == 3
    assert names["area"].__code__.co_code != plain["area"].__code__.co_code
    assert names["area"].__code__.co_consts != plain["area"].__code__.co_consts
    assert b"square" not in hidden


def test_what_nests_too_deep_for_a_look_is_taken_back_as_a_whole():
    deep = b"x = " + b"-" * 200 + b"1\n"
    assert meaning.is_same(b"x = 1\n", b"x  = 1\n")
    assert not meaning.is_same(b"x = " + b"-" * 90_000 + b"1\n", deep)
    longest = b"x = " + b" + ".join([b"'a'"] * 2_500) + b"\n"
    assert [edit.without for edit in split(b"y = 2\n" + longest, longest)] == [longest]
