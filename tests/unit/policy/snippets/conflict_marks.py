"""What a merge leaves between marks, and what looks like it."""

from tests.unit.policy.cases import Cases, Snippet

_CONFLICT = "a\n<<<<<<< one\nb\n||||||| base\n=======\nc\n>>>>>>> other\n"

CASES = {
    "conflict-marks": Cases(
        fails={
            "a conflict": Snippet({"notes.md": _CONFLICT}, line=2),
            "with other line ends": Snippet({"a.py": _CONFLICT.replace("\n", "\r\n")}, line=2),
        },
        passes={
            "headings": Snippet({"notes.rst": "Title\n=======\n\n>>>>>>> quoted\n"}),
            "as it was": Snippet({"a.txt": f"{_CONFLICT}more\n"}, base={"a.txt": _CONFLICT}),
        },
    ),
}
