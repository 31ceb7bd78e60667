"""What is printed and what is logged say the same; the arguments are lazy."""

from __future__ import annotations

import logging

import pytest

from tests.unit.recipes.print_trees import edited, line, module


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("print('100% sure')", "logger.info('100% sure')"),
        ('print(f"{x}% of {y!r}, {{kept}}")', 'logger.info("%s%% of %r, {kept}", x, y)'),
        ('print("{1} {0}".format(x(), y()))', 'logger.info("%s", "{1} {0}".format(x(), y()))'),
        ('print("a" + str(x) + "b" + y)', 'logger.info("a%sb%s", x, y)'),
        ("print((yield))", 'logger.info("%s", (yield))'),
    ],
)
def test_the_message_is_lazy(before, after):
    assert line(before) == after


@pytest.mark.parametrize(
    "code",
    [
        "print('%s' % x)",
        "print('%s' % {'a': 1})",
        "print('{0} and {1}'.format(x, y))",
        "print('{0[0]}'.format(x))",
        "print(x, y, sep='%d')",
        "print(x, file=sys.stderr)",
    ],
)
@pytest.mark.parametrize("x", ["word", ("one",), (1, 2), {"a": 1, "b": "%s"}, 2.5])
def test_it_is_the_same_whatever_the_values_are(code, x, caplog, capsys):
    """A tuple fills the places of a format, a dictionary has names for it, and both may fail."""
    source = f"import sys\n\n\ndef count(x, y):\n    {code}\n"
    before: dict = {"__name__": "before"}
    exec(source, before)
    after: dict = {"__name__": "shop.stock"}
    exec(edited(module(source))["shop/stock.py"], after)
    try:
        before["count"](x, "y")
    except (TypeError, ValueError, KeyError, IndexError) as failed:
        with pytest.raises(type(failed)):
            after["count"](x, "y")
        return
    printed = "".join(capsys.readouterr())
    with caplog.at_level(logging.DEBUG):
        after["count"](x, "y")
    assert [record.getMessage() for record in caplog.records] == [printed.removesuffix("\n")]


def test_calls_in_arguments_are_evaluated_in_their_order(caplog):
    code = """def f(seen):
    def note(x):
        seen.append(x)
        return x

    print("a", note(1), f"{note(2)} {note(3):>4}", "%s" % note(4), "{} {}".format(note(5), note(6)))
"""
    space: dict = {"__name__": "shop.stock"}
    exec(edited(module(code))["shop/stock.py"], space)
    seen: list[int] = []
    logging.getLogger("shop.stock").setLevel(logging.CRITICAL)
    try:
        space["f"](seen)
    finally:
        logging.getLogger("shop.stock").setLevel(logging.NOTSET)
    assert seen == [1, 2, 3, 4, 5, 6]
