"""A file made to end the process or to hold it up is refused, or edited in no time."""

import pytest

from agent.errors import RequestRefused
from agent.recipes.add_field import edits
from tests.unit.recipes.trees import SHOP, edited, form, resolve_parameters
from tests.unit.trees import DictTree

MODELS = SHOP["shop/models.py"]
NESTED = "x = " + "(" * 3_000 + "1" + ")" * 3_000
CHAIN = "x = 1" + " and 1" * 20_000


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        "x = f'{" + "(" * 3_000 + "1" + ")" * 3_000 + "}'",
        "x = 1\n" * 200_000,
        "x = a" + ".b" * 20_000,
        f"    {NESTED}",
        f"    {CHAIN}",
        "    x = " + "[" * 70 + "]" * 70,
        "    x = " + "'a' " * 20_000,
        "    if a:\n        pass\n" + "    elif b:\n        pass\n" * 800,
    ],
    ids=[
        *("nested", "nested in a string", "long", "chained"),
        *("nested in the class", "a chain in the class", "deep", "strings", "many branches"),
    ],
)
def test_hostile_files_are_refused(text: str) -> None:
    files = SHOP | {"shop/models.py": f"{MODELS}\n{text}\n"}
    with pytest.raises(RequestRefused, match=r"^shop/models\.py "):
        edits.make_edits(DictTree(files), resolve_parameters(form()))


@pytest.mark.parametrize(
    "more",
    [
        "x = [" + "('a', 'A'),\n" * 5_000 + "]\n",
        f"{CHAIN}\n",
        "if a:\n    pass\n" + "elif b:\n    pass\n" * 800,
    ],
    ids=["large", "a chain", "many branches"],
)
def test_what_is_large_or_deep_outside_of_the_class_is_edited(more: str) -> None:
    files = edited(form(), SHOP | {"shop/models.py": MODELS + more})
    assert files["shop/models.py"].decode().endswith(more)
