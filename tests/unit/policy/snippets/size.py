"""Changes that `size`, `huge-file` and `reformatted` speak of, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_FILES: dict[str, str | bytes] = {f"app/m{n}.py": "x = 1\n" for n in range(3)}
_CODE = "".join(f"def f{n}(a, b):\n    return call('x{n}', a, b)\n\n\n" for n in range(30))
_DATA = "a long line of data\n" * 60_000
_LIMITS: dict[str, object] = {"scope": {"max_files": 2, "max_lines": 4}}


def _lines(count: int) -> str:
    return "".join(f"line {number}\n" for number in range(count))


def _limited(after: dict[str, str | bytes | None]) -> Snippet:
    return Snippet(after, config=_LIMITS)


def _data(after: str) -> Snippet:
    return Snippet({"data.csv": after}, base={"data.csv": _DATA})


CASES = {
    "size": Cases(
        fails={
            "too many files": _limited(dict(_FILES)),
            "text with a NUL at its end": Snippet({"a.txt": b"text\n" * 1000 + b"\0"}),
        },
        passes={
            "as many lines as may be": _limited({"a.txt": _lines(4)}),
            "binary, deleted": Snippet({"logo.png": None}, base={"logo.png": b"\0"}),
        },
    ),
    "huge-file": Cases(
        fails={
            "a line changed": _data("y" + _DATA),
            "grown, but by less than a megabyte": _data(_DATA + "y\n" * 400_000),
        },
        passes={
            "made small": _data("a\n"),
            "new, which `size` holds": Snippet({"data.csv": _DATA}),
        },
    ),
    "reformatted": Cases(
        fails={
            "quotes": Snippet(_CODE.replace("'", '"'), base=_CODE),
            "line ends": Snippet(_CODE.replace("\n", "\r\n"), base=_CODE),
        },
        passes={
            "a real edit everywhere": Snippet(_CODE.replace("call", "send"), base=_CODE),
            "moved lines": Snippet("".join(reversed(_CODE.splitlines(keepends=True))), base=_CODE),
        },
    ),
}
