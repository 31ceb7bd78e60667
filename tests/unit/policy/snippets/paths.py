"""Changes that `paths` and `file-mode` speak of, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "app/Readme.md": "a\n",
    "docs/a.txt": "a\n",
    "run.sh": "exit\n",
}


def _new(path: str, **scope: object) -> Snippet:
    return Snippet({path: "x = 1\n"}, base=_BASE, config={"scope": scope})


def _mode(after: str, *, executable: bool, was: bool) -> Snippet:
    return Snippet(
        {"run.sh": after},
        base=_BASE,
        executable=("run.sh",) if executable else (),
        was_executable=("run.sh",) if was else (),
    )


CASES = {
    "paths": Cases(
        fails={"a workflow": _new(".github/workflows/ci.yml")},
        passes={"a pattern taken back": _new("docs/b.txt", protect=["docs/**", "!docs/b.txt"])},
    ),
    "file-mode": Cases(
        fails={
            "a new program": Snippet({"tool": "#!/bin/sh\n"}, executable=("tool",)),
            "beside an edit": _mode("exit 1\n", executable=True, was=False),
        },
        passes={"a script that stays a program": _mode("exit 1\n", executable=True, was=True)},
    ),
}
