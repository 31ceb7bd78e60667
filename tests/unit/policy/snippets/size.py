"""Changes that `size` refuses, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_FILES: dict[str, str | bytes] = {f"app/m{n}.py": "x = 1\n" for n in range(3)}
_DATA = ("a long line of data " * 600 + "\n") * 100
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
        },
        passes={
            "as many lines as may be": _limited({"a.txt": "line\n" * 4}),
            "an edit of a huge file": Snippet({"data.csv": "y" + _DATA}, base={"data.csv": _DATA}),
        },
    )
}
