"""Read what a repository says about its Python, without running anything of it. Pure."""

from __future__ import annotations

import ast
import configparser
import posixpath
import re
from typing import Any

from agent.domain import Record
from agent.environments import poetry
from agent.environments.tree_files import TreeFiles
from repo_config import ci_jobs, foreign_python
from repo_config.ci_jobs import CiJobs

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d+\.\d+)$")


class PythonHints(Record):
    """What the repository says about its Python."""

    version_file: str | None = None
    """Content of .python-version."""
    requires: str | None = None
    requires_origin: str = ""
    classifiers: tuple[str, ...] = ()
    """Minor versions named by classifiers."""
    ci: tuple[str, ...] = ()
    """Minor versions in the matrices of CI."""


def read(
    files: TreeFiles,
    project: dict[str, Any],
    poetry_table: dict[str, Any],
    setup_cfg: configparser.ConfigParser,
    setup_py: str | None,
) -> PythonHints:
    """Collect the hints; of several constraints the first one counts, in pip's own order."""
    places: list[tuple[object, str]] = [
        (project.get("requires-python"), "pyproject.toml requires-python"),
        (poetry.python(poetry_table), "pyproject.toml [tool.poetry.dependencies] python"),
        (setup_cfg.get("options", "python_requires", fallback=None), "setup.cfg"),
        (literal_keyword(setup_py, "python_requires"), "setup.py"),
    ]
    requires, origin = next(((str(value), where) for value, where in places if value), (None, ""))
    cfg = setup_cfg.get("metadata", "classifiers", fallback="")
    listed = literal_keyword(setup_py, "classifiers") or ()
    entries = (*project.get("classifiers", []), *cfg.splitlines(), *map(str, listed))
    matches = (_CLASSIFIER.match(str(entry).strip()) for entry in entries)
    wanted = files.text(".python-version")
    lines = [line.strip() for line in (wanted or "").splitlines()]
    return PythonHints(
        version_file=next((line for line in lines if line and line[0] != "#"), None),
        requires=requires,
        requires_origin=origin,
        classifiers=tuple(dict.fromkeys(match[1] for match in matches if match)),
        ci=tuple(_read_jobs(files).pythons),
    )


def _read_jobs(files: TreeFiles) -> CiJobs:
    whole = files.whole()
    paths = [posixpath.join(ci_jobs.FOLDER, name) for name in whole.names(ci_jobs.FOLDER)]
    read = {path: whole.read(path) or b"" for path in filter(ci_jobs.is_workflow, paths)}
    texts = {path: content.decode(errors="replace") for path, content in read.items()}
    return ci_jobs.read(texts, files.base)


def literal_keyword(source: str | None, keyword: str) -> Any:
    """The value of a keyword of `setup()` where it is written out; None otherwise."""
    if source is None:
        return None
    try:
        module = foreign_python.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    calls = (node for node in ast.walk(module) if isinstance(node, ast.Call))
    given = (word for call in calls if _is_setup(call.func) for word in call.keywords)
    value = next((word.value for word in given if word.arg == keyword), None)
    try:
        return None if value is None else ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError):
        return None


def _is_setup(function: ast.expr) -> bool:
    """Whether that is `setup` or `setuptools.setup`."""
    return getattr(function, "id", getattr(function, "attr", "")) == "setup"
