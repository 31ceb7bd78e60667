"""All that is known of each linter, formatter and type checker, in a row.

A new one is a row here, a check in `agent/checks/`, and its name in the schema.
"""

from __future__ import annotations

from typing import NamedTuple


class KnownTool(NamedTuple):
    """A tool that checks code, or one command of it; several words are separated by blanks."""

    check: str
    """As the check is called: the program, and its command where it has several."""
    hooks: str
    """Ids of the hooks of pre-commit that run it."""
    settings: tuple[str, ...]
    """What configures it, the first first: a file of its own, or `path: section` of another."""
    left_out: str = ""
    """Options for output and fixes, which a check sets itself."""
    left_out_with_value: str = ""
    never: str = ""
    """With one of these it is no check."""
    hook_args: tuple[str, ...] = ()
    """Default arguments of its hook, as its authors set them."""
    checks_types: bool = False
    has_plugins: bool = False
    """Whether it does more with other packages beside it."""
    is_pinned: bool = True
    """Whether it is run in the version that the project pins."""

    @property
    def program(self) -> str:
        return self.check.partition(" ")[0]


_RUFF = ("ruff.toml", ".ruff.toml", "pyproject.toml: tool.ruff")
_PYRIGHT = KnownTool(
    "pyright", "pyright", ("pyrightconfig.json", "pyproject.toml: tool.pyright"),
    left_out="--outputjson --stats --verbose --dependencies -w --watch --lib",
    left_out_with_value="--threads --pythonpath -v --venvpath --venv-path --gitlabcodequality"
    " --baselinefile --baselinemode",
    never="--verifytypes --createstub --writebaseline --version --help -h -",
    checks_types=True, is_pinned=False,
)  # fmt: skip
_ROWS = (
    # ruff takes no option twice.
    KnownTool(
        "ruff check", "ruff ruff-check", _RUFF,
        left_out="--fix --no-fix --fix-only --unsafe-fixes --show-fixes --exit-non-zero-on-fix"
        " --diff --statistics -s --silent -n --no-cache",
        left_out_with_value="--output-format --format -o --output-file",
        never="--exit-zero -e --add-noqa --watch -w --show-files --show-settings --help",
    ),
    KnownTool(
        "ruff format", "ruff-format", _RUFF,
        left_out="--check --diff -s --silent -n --no-cache", never="--help",
    ),
    KnownTool(
        "flake8", "flake8", (".flake8", "setup.cfg: [flake8]", "tox.ini: [flake8]"),
        left_out="-q --quiet -qq", never="--exit-zero --version --help --bug-report",
        has_plugins=True,
    ),
    KnownTool(
        "black", "black black-jupyter", ("pyproject.toml: tool.black",),
        left_out="--check --diff", never="--version --help -h -c --code",
    ),
    KnownTool(
        "isort", "isort",
        (".isort.cfg", "pyproject.toml: tool.isort", "setup.cfg: [isort]", "tox.ini: [isort]",
         "setup.cfg: [tool:isort]", "tox.ini: [tool:isort]"),
        left_out="--check --check-only -c --diff --df --recursive -rc --atomic -y",
        never="--version --help --show-config --show-files --interactive",
    ),
    KnownTool(
        "mypy", "mypy",
        ("mypy.ini", ".mypy.ini", "pyproject.toml: tool.mypy", "setup.cfg: [mypy]"),
        left_out="--install-types --non-interactive -v --verbose --stats --inferstats",
        left_out_with_value="--python-executable --junit-xml --html-report --txt-report"
        " --xml-report --cobertura-xml-report --linecount-report --linecoverage-report"
        " --any-exprs-report",
        never="--version -V --help -h -c --command",
        hook_args=("--ignore-missing-imports", "--scripts-are-modules"),
        checks_types=True, has_plugins=True,
    ),
    # Of these two the first that is found is run.
    _PYRIGHT._replace(
        check="basedpyright", hooks="basedpyright", settings=("pyproject.toml: tool.basedpyright",)
    ),
    _PYRIGHT,
)  # fmt: skip

#: By check.
TOOLS = {tool.check: tool for tool in _ROWS}
HOOKS = {hook: tool for tool in _ROWS for hook in tool.hooks.split()}
LINTERS = tuple(dict.fromkeys(tool.program for tool in _ROWS if not tool.checks_types))
PINNED = frozenset(tool.program for tool in _ROWS if tool.is_pinned)
#: Files that configure one tool alone.
OWN_FILES = tuple(place for tool in _ROWS for place in tool.settings if ": " not in place)
