"""Comments of a change lose their letters, and nothing else moves."""

import pytest

from agent.checks import silenced
from tests.unit.policy.cases import change


@pytest.mark.parametrize(
    ("before", "after", "masked"),
    [
        ("", "x = f()  # noqa: E501\n", "x = f()  # xxxxx xxxx\n"),
        ("", "#!/usr/bin/python\n#: Lengths in m.\n", "#!/usr/bin/python\n#: xxxxxxx xx xx\n"),
        ("x = 1\n", "x = '# noqa'\n", None),
        ("x = f()  # noqa\n", "y = g()  # noqa\n", None),
        ("x = f()  # noqa\n", "x = f()  # noqa\ny = g()  # noqa\n", "x = f()  # noqa\ny = g()  # xxxx\n"),
    ],
)  # fmt: skip
def test_what_is_new_is_masked(before: str, after: str, masked: str | None) -> None:
    made, _ = change({"a.py": after}, {"a.py": before} if before else None)
    found = silenced.mask_comments(made)
    assert (found and found.files[0].after) == (masked and masked.encode())


def test_a_comment_that_moves_with_its_line_is_not_new() -> None:
    made, _ = change(
        {"a.py": "x = 1\n", "b.py": "y = f()  # noqa\n"}, {"a.py": "x = 1\ny = f()  # noqa\n"}
    )
    assert silenced.mask_comments(made) is None
