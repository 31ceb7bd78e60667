"""Code that is hard to keep, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

CASES = {
    "nested-scan": Cases(
        fails={
            "by enumerate": Snippet(
                "for n, a in enumerate(xs):\n    for b in xs:\n        a(b)\n", line=2
            ),
            "in a comprehension": Snippet("y = [xs.index(a) for a in xs]\n", line=1),
        },
        passes={
            "two lists": Snippet("for a in xs:\n    for b in ys:\n        a(b)\n"),
            "a new list each time": Snippet("for a in f():\n    for b in f():\n        a(b)\n"),
        },
    ),
}
