"""A diff that is not what a story says of it is found out, in each way in which it may differ."""

from __future__ import annotations

import pytest

from tests.thirdparty.model_stories.diffs import Part, amiss

DIFF = """\
diff --git a/shop/empty.py b/shop/empty.py
new file mode 100644
index 0000000..e69de29
diff --git a/shop/prices.py b/shop/prices.py
index 24f5c7c..7801095 100644
--- a/shop/prices.py
+++ b/shop/prices.py
@@ -1,4 +1,5 @@ def total(prices):
     result = 0
-    for price in prices[1:]:
--- a rule
+    # All of them.
+    for price in prices:
+++ a rule
         result += price
"""
PRICES = Part(
    3,
    ("    for price in prices:", "++ a rule"),
    ("    for price in prices[1:]:", "-- a rule"),
)
PARTS = {"shop/empty.py": Part(0), "shop/prices.py": PRICES}


def test_a_diff_as_it_has_to_be_is_taken() -> None:
    assert amiss(DIFF, PARTS, ("print(",)) == []


@pytest.mark.parametrize(
    ("diff", "told"),
    [
        (DIFF.replace("+    # All of them.\n", ""), "2 lines added, not 3"),
        (DIFF.replace("+    # All", "+    x = 1\n+    # All"), "4 lines added, not 3"),
        (DIFF.replace("+    for price in prices:", "+    for price in prices: "), "is not added"),
        (DIFF.replace("     result = 0", "-    result = 0"), "removed ['    result = 0', "),
        (DIFF.replace("--- a rule\n", ""), "removed ['    for price in prices[1:]:']"),
        (DIFF.replace("a/shop/empty.py b/shop/empty.py", "a/x.py b/x.py"), "x.py: not asked for"),
        (DIFF[DIFF.index("diff --git a/shop/prices") :], "shop/empty.py: not in the diff"),
        (DIFF.replace("# All of them.", "print(prices)"), "'print(' in '    print(prices)'"),
        (DIFF.replace("# All of them.", "# noqa"), "'noqa' in '    # noqa'"),
        ("", "shop/prices.py: not in the diff"),
    ],
)
def test_a_diff_that_is_something_else_is_found_out(diff: str, told: str) -> None:
    assert told in "\n".join(amiss(diff, PARTS, ("print(",)))


def test_lines_have_their_order() -> None:
    swapped = Part(3, PRICES.lines[::-1], PRICES.removed)
    assert "is not added there" in amiss(DIFF, {**PARTS, "shop/prices.py": swapped})[0]
