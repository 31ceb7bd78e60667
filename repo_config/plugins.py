"""Find the repository's own files that a checking tool loads as its plugins.

They run in the tool's own process and can change what it says, as a configuration can. Plugins
that are installed are the environment's affair.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from repo_config.documents import table, texts
from repo_config.project_files import Files
from repo_config.suites import PytestSettings

#: Where pytest heeds `pytest_plugins`; whoever has more has them in one of the first.
_MOST_CONFTESTS = 50


def find_plugins(
    files: Files, pytest: PytestSettings | None, arguments: Iterable[str]
) -> tuple[str, ...]:
    """Return the files of the tree that mypy and pytest load as plugins, sorted.

    Args:
        arguments: That the tests are started with.
    """
    named = [*_of_mypy(files), *_of_pytest(files, pytest, tuple(arguments))]
    return tuple(sorted({path for name in named for path in _paths(files, name)}))


def _of_mypy(files: Files) -> Iterator[str]:
    """Yield what `plugins` names: a file, or a module, with a function behind a colon or not."""
    values = [table(files.pyproject, "tool", "mypy").get("plugins")]
    for path in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        values.append(files.ini(path).get("mypy", {}).get("plugins"))
    for value in values:
        for text in texts(value):
            for part in text.replace("\n", ",").split(","):
                yield part.strip().partition(":")[0]


def _of_pytest(
    files: Files, pytest: PytestSettings | None, arguments: tuple[str, ...]
) -> Iterator[str]:
    """Yield what `-p` and `pytest_plugins` name."""
    words = [*(pytest.words("addopts") if pytest else ()), *arguments]
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        if word == "-p":
            yield after
        elif word.startswith("-p") and not word.startswith("-p="):
            yield word[2:]
    for path in files.find_named("conftest.py")[:_MOST_CONFTESTS]:
        for node in files.module(path).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "pytest_plugins"
                for target in node.targets
            ):
                for inner in ast.walk(node.value):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        yield inner.value


def _paths(files: Files, name: str) -> Iterator[str]:
    """Yield the files that a plugin's name may stand for, from the root or from a source folder."""
    name = name.strip()
    if not name or name.startswith("no:"):
        return
    if name.endswith(".py"):
        stems = [posixpath.normpath(name)]
    else:
        inner = name.replace(".", "/")
        stems = [f"{inner}.py", f"{inner}/__init__.py"]
    for path in files.find_named(*{posixpath.basename(stem) for stem in stems}):
        if any(path == stem or path.endswith(f"/{stem}") for stem in stems):
            yield path
