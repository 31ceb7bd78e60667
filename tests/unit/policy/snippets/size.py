"""Changes that `size` refuses, and near misses."""

import random

from tests.unit.policy.cases import Cases, Snippet

_FILES: dict[str, str | bytes] = {f"app/m{n}.py": "x = 1\n" for n in range(3)}
_DATA = "a long line of data\n" * 60_000
_LINES = [f"{number}\n" for number in range(20_000)]
_LIMITS: dict[str, object] = {"scope": {"max_files": 2, "max_lines": 4}}


def _limited(after: dict[str, str | bytes | None]) -> Snippet:
    return Snippet(after, config=_LIMITS)


CASES = {
    "size": Cases(
        fails={
            "too many files": _limited(dict(_FILES)),
            "too many lines over all of them": _limited({"a": "line\n" * 2, "b": "line\n" * 3}),
            "text with a NUL at its end": Snippet({"a.txt": b"text\n" * 1000 + b"\0"}),
            "a huge file": Snippet({"data.csv": _DATA}),
            "lines in any order, which must not hang": Snippet(
                {"a": "".join(random.Random(1).sample(_LINES, len(_LINES)))},
                base={"a": "".join(_LINES)},
            ),
        },
        passes={
            "as many lines as may be": _limited({"a.txt": "line\n" * 4}),
            "an edit of a huge file": Snippet({"data.csv": "y" + _DATA}, base={"data.csv": _DATA}),
        },
    )
}
