"""What a model writes is shown line by line, and looked through for secrets as whole lines."""

from __future__ import annotations

import pytest

from agent.text.redaction import Redactor
from agent.text.whole_lines import WholeLines

KEY = "corp-4fK9wQz7Lm2Xv8Rt5Yb3Nc6Hd1Js0PaGe"


@pytest.mark.parametrize("before", [0, 999, 1_000])
def test_a_key_in_a_line_without_an_end_shows_in_no_part(before):
    redactor, shown = Redactor([KEY]), []
    lines = WholeLines(lambda line: shown.append(redactor(line)))
    for sign in f"{'x ' * (before // 2)}{KEY}{' y' * 600}":
        lines(sign)
    lines.flush()
    assert shown
    whole = "".join(shown)
    assert "[secret removed]" in whole
    assert not [at for at in range(len(KEY) - 5) if KEY[at : at + 6] in whole]
