"""Tell files of tests by where they lie and how they are called."""

from __future__ import annotations

import re

_FOLDERS = frozenset({"test", "tests", "testing", "e2e", "functional_tests"})
_FILE = re.compile(r"(?:test_.*|.*_tests?|tests?|conftest)\.py")


def is_test(path: str) -> bool:
    """Whether a file holds tests, or what only tests use."""
    *folders, name = path.lower().split("/")
    return not _FOLDERS.isdisjoint(folders) or _FILE.fullmatch(name) is not None
