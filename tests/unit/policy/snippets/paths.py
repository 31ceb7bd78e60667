"""Changes that `paths`, `file-mode` and `size` speak of, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_OURS = '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n'
_BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "app/Readme.md": "a\n",
    "docs/a.txt": "a\n",
    "docs/deep/b.txt": "b\n",
    "pyproject.toml": _OURS,
    "run.sh": "exit\n",
}
_FILES: dict[str, str | bytes] = {f"app/m{n}.py": "x = 1\n" for n in range(3)}
_DATA = ("a long line of data " * 600 + "\n") * 100
_LIMITS: dict[str, object] = {"scope": {"max_files": 2, "max_lines": 4}}
_DOCS = {"protect": ["docs/**"]}
_MIGRATIONS = "app/sub/migrations/0001.py"


def _limited(after: dict[str, str | bytes | None]) -> Snippet:
    return Snippet(after, config=_LIMITS)


def _new(path: str, after: str | None = "x = 1\n", **scope: object) -> Snippet:
    return Snippet({path: after}, base=_BASE, config={"scope": scope})


def _open(path: str, after: str | None = "x = 1\n", line: int | None = None) -> Snippet:
    """Where the configuration allows everything."""
    scope = {"allow": ["**"], "protect": [], "human_only": []}
    return Snippet({path: after}, base=_BASE, config={"scope": scope}, line=line)


def _allow(pattern: str, path: str) -> Snippet:
    return _new(path, allow=[pattern], protect=[])


def _mode(after: str, *, executable: bool, was: bool) -> Snippet:
    return Snippet(
        {"run.sh": after},
        base=_BASE,
        executable=("run.sh",) if executable else (),
        was_executable=("run.sh",) if was else (),
    )


CASES = {
    "paths": Cases(
        fails={
            "a workflow": _new(".github/workflows/ci.yml"),
            "protected": _new("docs/a.txt", **_DOCS),
            "protected anywhere": _new(_MIGRATIONS, protect=["**/migrations/**"]),
            "in other letters": Snippet({"DOCS/a.txt": ""}, config={"scope": _DOCS}),
            "in letters that look alike": Snippet({"\uff44ocs/a.txt": ""}, config={"scope": _DOCS}),
            "for people": _new("app/models.py", human_only=["app/**"]),
            "of a folder that is not allowed": _allow("docs/**", "docs2/new.txt"),
            "a hook of git": _open("sub/.git/hooks/pre-commit"),
            "our configuration": _open(".GitHub/Mergewright.YML"),
            "outside": _open("app/../../outside.py"),
            "our table": _open("pyproject.toml", _OURS.replace("1", "2"), 4),
            "our table, where none can be read": _open("pyproject.toml", "not toml ["),
            "another case": _open("app/README.md"),
        },
        passes={
            "a pattern taken back": _new("docs/b.txt", protect=["docs/**", "!docs/b.txt"]),
            "beside a protected folder": _new("docs2/new.txt", **_DOCS),
            "allowed below": _allow("docs/**", "docs/deep/deeper/new.txt"),
            "allowed anywhere": _allow("**/migrations/**", _MIGRATIONS),
        },
    ),
    "file-mode": Cases(
        fails={
            "a new program": Snippet({"tool": "#!/bin/sh\n"}, executable=("tool",)),
            "beside an edit": _mode("exit 1\n", executable=True, was=False),
        },
        passes={"a script that stays a program": _mode("exit 1\n", executable=True, was=True)},
    ),
    "binary-file": Cases(
        fails={"a small picture": Snippet({"a.png": b"\x89PNG\0"})},
        passes={"text in another encoding": Snippet({"a.txt": b"caf\xe9\n"})},
    ),
    "size": Cases(
        fails={
            "too many files": _limited(dict(_FILES)),
            "too many lines over all of them": _limited({"a": "line\n" * 2, "b": "line\n" * 3}),
            "a large binary file": Snippet({"a.png": b"\0" * (64 * 1024 + 1)}),
            "a huge file": Snippet({"data.csv": _DATA}),
        },
        passes={
            "as many lines as may be": _limited({"a.txt": "line\n" * 4}),
            "an edit of a huge file": Snippet({"data.csv": "y" + _DATA}, base={"data.csv": _DATA}),
        },
    ),
}
