"""A file made to end the process or to hold it up is refused, or read in no time."""

import pytest

from agent.errors import RequestRefused
from agent.recipes.source import SourceFile
from tests.unit.recipes.trees import SHOP, edited, form

MODELS = SHOP["shop/models.py"]


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 3_000 + "1" + ")" * 3_000,
        "x = f'{" + "(" * 3_000 + "1" + ")" * 3_000 + "}'",
        "x = 1\n" * 200_000,
        "x = a" + ".b" * 20_000,
    ],
    ids=["nested", "nested in a string", "long", "chained"],
)
def test_hostile_files_are_refused(text: str) -> None:
    with pytest.raises(RequestRefused, match=r"^shop/models\.py "):
        _ = SourceFile("shop/models.py", f"x = 1\n{text}\n".encode()).tree


@pytest.mark.parametrize(
    "more",
    [
        "x = [" + "('a', 'A'),\n" * 5_000 + "]\n",
        "x = 1" + " and 1" * 20_000 + "\n",
        "if a:\n    pass\n" + "elif b:\n    pass\n" * 800,
    ],
    ids=["large", "a chain", "many branches"],
)
def test_what_is_large_or_deep_for_python_alone_is_edited(more: str) -> None:
    files = edited(form(), SHOP | {"shop/models.py": MODELS + more})
    assert files["shop/models.py"].decode().endswith(more)
