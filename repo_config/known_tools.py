"""The linters, formatters and type checkers with findings that we parse, in a row each.

A new tool needs a row here, and a reader of its output in `agent/checks/readers.py`.
"""

from typing import NamedTuple


class KnownTool(NamedTuple):
    """A tool that checks code, or one command of it."""

    check: str
    """Name of the check: the program, with its command if it has several."""
    hooks: str
    """Ids of its pre-commit hooks, separated by spaces."""
    settings: tuple[str, ...]
    """Places of its settings, in order: a file of its own, or `path: section` of another."""
    options: str = ""
    """Options with which it changes no file."""
    target: str = "."
    """Target of its plain command; empty: that of its settings, or the tool's default."""
    hook_args: tuple[str, ...] = ()
    """Default arguments of its hook."""
    checks_types: bool = False

    @property
    def program(self) -> str:
        return self.check.partition(" ")[0]


_ROWS = (
    KnownTool(
        "ruff check", "ruff ruff-check", ("ruff.toml", ".ruff.toml", "pyproject.toml: tool.ruff"),
        "--no-fix",
    ),
    KnownTool(
        "ruff format", "ruff-format",
        ("ruff.toml: format", ".ruff.toml: format", "pyproject.toml: tool.ruff.format"), "--check",
    ),
    KnownTool(
        "flake8", "flake8", (".flake8", "setup.cfg: flake8", "tox.ini: flake8"), target="",
    ),
    KnownTool("black", "black black-jupyter", ("pyproject.toml: tool.black",), "--check"),
    KnownTool(
        "isort", "isort",
        (".isort.cfg", "pyproject.toml: tool.isort", "setup.cfg: isort", "tox.ini: isort",
         "setup.cfg: tool:isort", "tox.ini: tool:isort"),
        "--check-only",
    ),
    KnownTool(
        "mypy", "mypy", ("mypy.ini", ".mypy.ini", "pyproject.toml: tool.mypy", "setup.cfg: mypy"),
        hook_args=("--ignore-missing-imports", "--scripts-are-modules"), checks_types=True,
    ),
    # Only the first of these two that a project uses is run.
    KnownTool(
        "basedpyright", "basedpyright", ("pyproject.toml: tool.basedpyright",),
        target="", checks_types=True,
    ),
    KnownTool(
        "pyright", "pyright", ("pyrightconfig.json", "pyproject.toml: tool.pyright"),
        target="", checks_types=True,
    ),
)  # fmt: skip

HOOKS_FILE = ".pre-commit-config.yaml"
#: Known tools by the names of their checks.
TOOLS = {tool.check: tool for tool in _ROWS}
HOOKS = {hook: tool for tool in _ROWS for hook in tool.hooks.split()}
PROGRAMS = frozenset(tool.program for tool in _ROWS)
#: Files that configure one tool alone.
OWN_FILES = tuple(place for tool in _ROWS for place in tool.settings if ": " not in place)
