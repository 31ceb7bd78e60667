"""Changes that `paths` and `file-mode` speak of, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "app/Readme.md": "a\n",
    "docs/a.txt": "a\n",
    "run.sh": "exit\n",
}


def _new(path: str, **scope: object) -> Snippet:
    return Snippet({path: "x = 1\n"}, base=_BASE, config={"scope": scope})


def _mode(after: str, *, executable: bool, was: bool, path: str = "run.sh") -> Snippet:
    return Snippet(
        {path: after},
        base=_BASE,
        executable=(path,) if executable else (),
        was_executable=(path,) if was else (),
    )


CASES = {
    "paths": Cases(
        fails={
            "a workflow": _new(".github/workflows/ci.yml"),
            "protected, in another case": _new("DOCS/b.txt", protect=["docs/**"]),
            "only for people": _new("payments/core.py", human_only=["payments/"]),
            "outside of what is allowed": _new("app/new.py", allow=["docs/**"]),
            "its own configuration, in another case": _new(".GitHub/Mergewright.yml", protect=[]),
            "its own table": Snippet(
                {"pyproject.toml": '[tool.mergewright]\nhttp_client = "any"\n'}, line=1
            ),
            "git's own folder": _new("sub/.git/hooks/pre-commit", protect=[]),
            "out of the tree": _new("app/../../outside.py"),
            "a name with an invisible letter": _new("app/x\u200b.py"),
            "a name that differs in case only": _new("app/README.md"),
            "a file below a file": _new("app/models.py/x.py"),
            "a device of Windows": _new("app/NUL.py"),
        },
        passes={
            "a new file": _new("app/new.py"),
            "beside a protected folder": _new("docs2/b.txt", protect=["docs/**"]),
            "a pattern taken back": _new("docs/b.txt", protect=["docs/**", "!docs/b.txt"]),
            "within what is allowed": _new("app/deep/new.py", allow=["app/**"]),
            "beside git's own folder": _new(".gitignore"),
            "a word that begins like a device": _new("app/console.py"),
            "two dots in a name": _new("app/x..y.py"),
            "letters of another script": _new("app/日本.txt"),
            "the rest of pyproject.toml": Snippet(
                {"pyproject.toml": "[tool.mergewright]\n\n[tool.x]\na = 1\n"},
                base={"pyproject.toml": "[tool.mergewright]\n"},
            ),
        },
    ),
    "file-mode": Cases(
        fails={
            "a new program": Snippet({"tool": "#!/bin/sh\n"}, executable=("tool",)),
            "nothing but the mode": _mode("exit\n", executable=True, was=False),
            "nothing but the mode, back": _mode("exit\n", executable=False, was=True),
            "beside an edit": _mode("exit 1\n", executable=True, was=False),
            "lost beside an edit": _mode("exit 1\n", executable=False, was=True),
            "a module": _mode("x = 2\n", executable=True, was=False, path="app/models.py"),
        },
        passes={
            "a new file": Snippet({"tool.py": "x = 1\n"}),
            "a script that stays a program": _mode("exit 1\n", executable=True, was=True),
            "a module that stays one": _mode("exit 1\n", executable=False, was=False),
            "a program that is deleted": Snippet(
                {"run.sh": None}, base=_BASE, was_executable=("run.sh",)
            ),
            "a new script that is started by a shell": Snippet({"tool.sh": "#!/bin/sh\n"}),
        },
    ),
}
