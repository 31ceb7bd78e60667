"""Which files of a Django project a rule is about, told by their paths alone."""

from __future__ import annotations

import posixpath
import re

from agent.policy.change_context import PythonFile

_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|test_\w+|\w+_tests?|testapp|testproject|fixtures)/"
    r"|(?:^|/)(?:tests?|test_[^/]*|[^/]*_tests?|conftest|factories)\.py$",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?:^|/)(?:examples?|demos?|docs?|samples?|sandbox|benchmarks?|scripts?|tools)/", re.IGNORECASE
)


def is_migration(path: str) -> bool:
    """Whether Django would load it as a migration."""
    folder, name = posixpath.split(path)
    return (
        (posixpath.basename(folder) == "migrations" or "/migrations/" in f"/{folder}/")
        and name.endswith(".py")
        and name[0] not in "_~"
    )


def is_test(path: str) -> bool:
    """Whether it is there for tests only."""
    return _TEST.search(path) is not None


def is_aside(path: str) -> bool:
    """Whether it is an example, a script or the like, beside the application."""
    return _ASIDE.search(path) is not None


def is_application(file: PythonFile) -> bool:
    """Whether it is code that the application runs: no test, example, script or migration."""
    return not (is_test(file.path) or is_aside(file.path) or is_migration(file.path))
