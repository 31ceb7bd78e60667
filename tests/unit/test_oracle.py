"""What the oracle takes from the report of a run, and tells of two versions of it."""

from typing import Any

from tests.oracle.__main__ import describe_end, list_differences

FINDING = {"severity": "review", "rule": "proof", "path": "shop.py", "line": 3}
TEXT = "# Title\n\n## Risk\n\n- `shop.py:3`: reverting it breaks no test.\n\n## Cost\n\n1.5 s\n"


def make_report(**facts: Any) -> dict[str, Any]:
    judged = {"findings": [], "checks": [{"new_failures": [{"item_id": "a::b"}]}], **facts}
    return {"reason": "ready", "sentence": "", "judged": judged, "files": {"text": TEXT}}


def test_a_difference_is_told_unless_it_is_expected():
    ready = describe_end("cheat/one", make_report())
    draft = describe_end("cheat/one", make_report(findings=[FINDING]))
    assert (ready["end"], draft["end"], draft["unneeded"]) == ("ready", "draft", ["shop.py:3"])
    assert draft["new failures"] == ["a::b"]
    assert "Cost" not in draft
    told = ["  - end: ready", "  + end: draft", "  + findings: review proof shop.py:3"]
    assert list_differences(ready, draft, []) == told
    expected = [{"case": "cheat/*", "field": "end"}]
    assert list_differences(ready, draft, expected) == told[2:]
