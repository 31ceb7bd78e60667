"""Small mistakes in what new tests call."""

from agent.checks.hunk_reverts import list_called_names, make_mistakes, take_back
from agent.models.change import Change

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
