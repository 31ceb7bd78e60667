"""Changes that `size`, `huge-file` and `reformatted` speak of, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_FILES: dict[str, str | bytes] = {f"app/m{n}.py": "x = 1\n" for n in range(3)}
_CODE = "".join(f"def f{n}(a, b):\n    return call('x{n}', a, b)\n\n\n" for n in range(30))
_DATA = "a long line of data\n" * 60_000
_LIMITS: dict[str, object] = {"scope": {"max_files": 2, "max_lines": 4}}


def _lines(count: int) -> str:
    return "".join(f"line {number}\n" for number in range(count))


def _limited(after: dict[str, str | bytes | None], base: dict[str, str | bytes] = {}) -> Snippet:  # noqa: B006 - never changed
    return Snippet(after, base=base, config=_LIMITS)


def _data(after: str) -> Snippet:
    return Snippet({"data.csv": after}, base={"data.csv": _DATA})


CASES = {
    "size": Cases(
        fails={
            "too many files": _limited(dict(_FILES)),
            "too many deleted files": _limited(dict.fromkeys(_FILES), _FILES),
            "too many lines": _limited({"a.txt": _lines(5)}),
            "too many over two files": _limited({"a.txt": _lines(3), "b.txt": _lines(2)}),
            "too many removed": _limited({"a.txt": None}, {"a.txt": _lines(5)}),
            "moved lines count on both sides": _limited(
                {"a.txt": "d\ne\nf\na\nb\nc\n"}, {"a.txt": "a\nb\nc\nd\ne\nf\n"}
            ),
            "binary": Snippet({"logo.png": b"\x89PNG\x00\x01"}),
            "text with a NUL at its end": Snippet({"a.txt": b"text\n" * 1000 + b"\0"}),
            "one huge file": Snippet({"data.json": "x" * 1_000_001}),
        },
        passes={
            "as many files as may be": _limited({"a.txt": "a\n", "b.txt": "b\n"}),
            "as many lines as may be": _limited({"a.txt": _lines(4)}),
            "a small edit of a long file": _limited(
                {"a.txt": _lines(5000).replace("line 10\n", "line ten\n")}, {"a.txt": _lines(5000)}
            ),
            "binary, deleted": Snippet({"logo.png": None}, base={"logo.png": b"\0"}),
            "text of another encoding": Snippet({"a.txt": "größer\n".encode("latin-1")}),
            "as large as may be": Snippet({"data.json": "x" * 1_000_000}),
        },
    ),
    "huge-file": Cases(
        fails={
            "a line more": _data(_DATA + "x\n"),
            "a line less": _data(_DATA.removesuffix("a long line of data\n")),
            "a line changed": _data("y" + _DATA),
            "a little shorter": _data(_DATA[:1_000_001]),
            "grown, but by less than a megabyte": _data(_DATA + "y\n" * 400_000),
        },
        passes={
            "left as it is": _data(_DATA),
            "deleted": Snippet({"data.csv": None}, base={"data.csv": _DATA}),
            "made small": _data("a\n"),
            "a small file": Snippet({"data.csv": "a\nb\n"}, base={"data.csv": "a\n"}),
            "new, which `size` holds": Snippet({"data.csv": _DATA}),
        },
    ),
    "reformatted": Cases(
        fails={
            "quotes": Snippet(_CODE.replace("'", '"'), base=_CODE),
            "tabs": Snippet(_CODE.replace("    ", "\t"), base=_CODE),
            "line ends": Snippet(_CODE.replace("\n", "\r\n"), base=_CODE),
            "arguments on lines of their own": Snippet(
                _CODE.replace("(a, b):", "(\n    a,\n    b,\n):"), base=_CODE
            ),
            "an edit hidden in it": Snippet(
                _CODE.replace("    ", "\t").replace("x7", "y7"), base=_CODE
            ),
        },
        passes={
            "a real edit everywhere": Snippet(_CODE.replace("call", "send"), base=_CODE),
            "few lines": Snippet(
                "".join(_CODE.splitlines(keepends=True)[:8]).replace("'", '"'),
                base="".join(_CODE.splitlines(keepends=True)[:8]),
            ),
            "a new file": Snippet(_CODE.replace("'", '"')),
            "more of the same": Snippet(_CODE + _CODE.replace("f", "g"), base=_CODE),
            "moved lines": Snippet("".join(reversed(_CODE.splitlines(keepends=True))), base=_CODE),
            "a deleted file": Snippet({"app/views.py": None}, base={"app/views.py": _CODE}),
        },
    ),
}
