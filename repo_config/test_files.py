"""Recognise test files by folder and name."""

import re

_FOLDERS = frozenset({"test", "tests", "testing", "e2e", "functional_tests"})
#: Django loads every module in them.
_LOADED = ("management/commands", "migrations", "templatetags")
_FILE = re.compile(r"(?:tests?_.*|.*_tests?|tests?|conftest)\.py")


def is_test(path: str) -> bool:
    """Whether a file has tests, or is used only by tests."""
    return bool(find_folder(path)) or has_test_name(path)


def has_test_name(path: str) -> bool:
    """Whether a file has the name of a test module, outside of folders that Django loads."""
    folder, _, name = path.lower().rpartition("/")
    return not folder.endswith(_LOADED) and _FILE.fullmatch(name) is not None


def find_folder(path: str) -> str:
    """Return the outermost test folder of a path; empty: it has none."""
    folders = path.split("/")[:-1]
    for count, name in enumerate(folders, 1):
        if name.lower() in _FOLDERS:
            return "/".join(folders[:count])
    return ""
