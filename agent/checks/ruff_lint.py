"""ruff, as a linter and as a formatter."""

from __future__ import annotations

from agent.checks import check, lint
from repo_config import toml_text

#: A syntax error, which no selection of rules leaves out.
_BROKEN = "def broken(:\n"
_UNFORMATTED = "value   =  [1,2 ,\n3]\n"


def _is_linter(site: check.Site) -> bool:
    return "ruff" in site.project.lint_tools


def _is_formatter(site: check.Site) -> bool:
    """Whether the repository says that ruff formats it."""
    return _is_linter(site) and (
        _has_table(site, "pyproject.toml", ("tool", "ruff", "format"))
        or any(_has_table(site, name, ("format",)) for name in ("ruff.toml", ".ruff.toml"))
        or b"id: ruff-format" in _content(site, ".pre-commit-config.yaml")
    )


def _has_table(site: check.Site, name: str, keys: tuple[str, ...]) -> bool:
    try:
        found: object = toml_text.parse(_content(site, name).decode())
    except (UnicodeDecodeError, toml_text.TomlError):
        return False
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


def _content(site: check.Site, name: str) -> bytes:
    path = site.tree / name
    # A link could lead anywhere on this machine.
    return path.read_bytes() if path.is_file() and not path.is_symlink() else b""


RUFF_CHECK = lint.LintCheck(
    name="ruff check",
    tool="ruff",
    arguments=("check", "."),
    machine_arguments=(
        "check", "--no-cache", "--no-fix", "--output-format=json", "--output-file={report}",
    ),
    probe=_BROKEN,
    read=lint.read_ruff,
    configured=_is_linter,
)  # fmt: skip

RUFF_FORMAT = lint.LintCheck(
    name="ruff format",
    tool="ruff",
    arguments=("format", "--check", "."),
    machine_arguments=("format", "--check", "--no-cache"),
    probe=_UNFORMATTED,
    read=lint.read_ruff_format,
    configured=_is_formatter,
    prints_report=True,
    unreadable_code=2,
)
