"""Classify files by path: tests, scripts, migrations and notes, or the application itself.

Some rules apply only to the application: a test may sleep, code that answers requests may not.
"""

import posixpath
import re

from agent.models.change import Change
from repo_config import test_files

is_test = test_files.is_test

_APART_FOLDERS = frozenset(
    {
        "bench", "benchmark", "benchmarks", "bin", "ci", "doc", "docs", "docs_src",
        "demo", "demos", "dev", "example", "examples", "fixtures", "migrations", "notebooks",
        "perf", "playground", "samples", "sandbox", "script", "scripts", "testapp", "testproject",
        "tools", "tutorial", "tutorials", "versions",
    }
)  # fmt: skip
_APART_FILE = re.compile(
    r"(?:setup|noxfile|fabfile|manage|cli|__main__|benchmark.*|bench_.*|example.*)\.py$"
)
_REVISION = re.compile(rb"^revision\b[^=\n]*=.*^down_revision\b[^=\n]*=", re.MULTILINE | re.DOTALL)
#: Instructions for contributors, and for the models that work for them.
_NOTE = re.compile(
    r"(?:.*/)?(?:agents|claude|gemini|contributing|copilot-instructions"
    r"|(?:ai|llms?)[_-]?policy)\.(?:md|rst|txt)",
    re.IGNORECASE,
)


def is_note(path: str) -> bool:
    """Whether a file tells contributors, or models, how to work on the repository."""
    return _NOTE.fullmatch(path) is not None


def is_apart(path: str) -> bool:
    """Whether a file is a test, a script, an example or a migration."""
    folders = posixpath.dirname(path).split("/")
    return (
        is_test(path)
        or not _APART_FOLDERS.isdisjoint(folders)
        or bool(_APART_FILE.match(posixpath.basename(path)))
    )


def is_migration(path: str, content: bytes | None = None) -> bool:
    """Whether a file is a migration: of Django by its path, of alembic by its content."""
    folder, name = posixpath.split(path)
    is_of_django = "/migrations/" in f"/{folder}/" and name[0] not in "_~"
    return name.endswith(".py") and (is_of_django or is_revision(content))


def list_migration_folders(change: Change) -> tuple[str, ...]:
    """List the folders of the migrations that a change adds, except those of tests."""
    new = (file for file in change.files if file.before is None and not is_test(file.path))
    return tuple(
        sorted(
            {posixpath.dirname(file.path) for file in new if is_migration(file.path, file.after)}
        )
    )


def is_revision(content: bytes | None) -> bool:
    """Whether a module is a migration of alembic: it sets `revision` and `down_revision`."""
    return bool(_REVISION.search(content or b""))
