"""Repositories in memory: their files as trees, and what was detected of them."""

from collections.abc import Mapping
from typing import Any

from agent.models.environment import Environment
from repo_config import command_lines
from repo_config.detect import Project


class DictTree:
    """A tree of files; remembers what is read."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {
            path: content.encode() if isinstance(content, str) else content
            for path, content in files.items()
        }
        self.reads: list[str] = []

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self._files[path]


def make_project(**detected: object) -> Project:
    """Make a project of which nothing is detected but this; checks are command lines."""
    nothing = {
        "framework": "none", "python_version": None, "django": None, "test_runner": None,
        "test_script": None,
    }  # fmt: skip
    for kind in ("lint", "types", "extra"):
        lines: Any = detected.get(kind, ())
        detected[kind] = tuple(map(command_lines.read_command, lines))
    return Project.model_validate(nothing | detected)


def make_environment(**facts: object) -> Environment:
    """Describe an environment that nobody has built, but for what is given."""
    usual = {
        "key": "k" * 64, "path": "/e", "gate_path": "/g", "scripts_path": "/s",
        "interpreter": {"version": "3.11.2", "path": "/usr/bin/python3"},
        "sources": (), "packages": (),
    }  # fmt: skip
    return Environment.model_validate({**usual, **facts})
