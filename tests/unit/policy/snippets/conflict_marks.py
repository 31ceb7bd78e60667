"""What a merge leaves between marks, and what looks like it."""

from tests.unit.policy.cases import Cases, Snippet

_CONFLICT = "a\n<<<<<<< one\nb\n||||||| base\n=======\nc\n>>>>>>> other\n"
_LEFT = f"||||||| {'4a' * 4}\n"

CASES = {
    "conflict-marks": Cases(
        fails={
            "a conflict": Snippet({"notes.md": _CONFLICT}, line=2),
            "a mark that a merge of commits has left": Snippet(
                {"a.json": f"{{}}\n{_LEFT}"}, line=2
            ),
            "behind one that was there": Snippet(
                {"a.md": f"{_CONFLICT}d\n{_CONFLICT.replace('b', 'e')}"},
                base={"a.md": _CONFLICT},
                line=10,
            ),
            "with other line ends": Snippet({"a.py": _CONFLICT.replace("\n", "\r\n")}, line=2),
        },
        passes={
            "headings": Snippet({"notes.rst": "Title\n=======\n\n>>>>>>> quoted\n"}),
            "as it was": Snippet({"a.txt": f"{_CONFLICT}more\n"}, base={"a.txt": _CONFLICT}),
        },
    ),
}
