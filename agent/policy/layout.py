"""Which files of a repository are not the application itself, by where they lie.

A test may sleep and a script may read a file where code that answers requests may not.
"""

from __future__ import annotations

import posixpath
import re

from repo_config import test_files

is_test = test_files.is_test

_APART_FOLDERS = frozenset(
    {
        "bench", "benchmark", "benchmarks", "bin", "ci", "commands", "doc", "docs", "docs_src",
        "demo", "demos", "dev", "example", "examples", "fixtures", "migrations", "notebooks",
        "perf", "playground", "recipes", "samples", "script", "scripts", "tools", "tutorial",
        "tutorials", "versions",
    }
)  # fmt: skip
_APART_FILE = re.compile(
    r"(?:setup|noxfile|tasks|fabfile|manage|cli|__main__|benchmark.*|bench_.*|example.*)\.py$"
)
#: Of a Django project: tests and the apps that they use, examples and scripts.
_NOT_APPLICATION = re.compile(
    r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?|testapp|testproject|fixtures"
    r"|examples?|demos?|docs?|samples?|sandbox|benchmarks?|scripts?|tools)/"
    r"|(?:^|/)(?:tests?|test_[^/]*|[^/]*_tests?|conftest|factories)\.py$",
    re.IGNORECASE,
)


def is_apart(path: str) -> bool:
    """Whether a file is a test, or runs by itself: a script, an example, a migration."""
    folders = posixpath.dirname(path).split("/")
    return (
        is_test(path)
        or not _APART_FOLDERS.isdisjoint(folders)
        or bool(_APART_FILE.match(posixpath.basename(path)))
    )


def is_migration(path: str) -> bool:
    """Whether Django would load it as a migration."""
    folder, name = posixpath.split(path)
    return "/migrations/" in f"/{folder}/" and name.endswith(".py") and name[0] not in "_~"


def is_application(path: str) -> bool:
    """Whether it is code that a Django application runs: commands are, migrations are not."""
    return not _NOT_APPLICATION.search(path) and not is_migration(path)
