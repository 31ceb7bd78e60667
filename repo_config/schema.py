"""What `.github/mergewright.yml` may say. Only keys that do something are accepted."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping of the file: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PythonSection(Section):
    """Which Python, and what is installed beside the repository's own dependencies."""

    version: str | None = None
    """Minor version as in "3.11"; default: from requires-python, .python-version, classifiers."""
    install: tuple[str, ...] = ()
    """More to install for the checks: requirement specifiers, or `-r path` of a requirements
    file in the repository."""
    extras: tuple[str, ...] | None = None
    """Extras of the project; default: those named like test, tests, testing, dev."""
    groups: tuple[str, ...] | None = None
    """Dependency groups; default: those named like test, tests, testing, dev."""


class DjangoSection(Section):
    """Where Django is started."""

    manage: str | None = None
    """Path of manage.py; default: the one nearest to the root, if there is one."""
    settings: str | None = None
    """Settings module for checks; default: DJANGO_SETTINGS_MODULE of `env`, of the pytest
    configuration, then of manage.py."""


class TypesSection(Section):
    """Type check."""

    tool: Literal["auto", "mypy", "off"] = "auto"
    """auto: mypy where the repository has a mypy configuration."""
    args: tuple[str, ...] = ()
    """Further arguments, such as --strict or the paths to check."""


class TestsSection(Section):
    """Test suite."""

    runner: Literal["auto", "pytest", "django", "off"] = "auto"
    """auto: pytest where it is configured or declared, else Django's runner."""
    script: str | None = None
    """For Django's runner: the script that starts it (manage.py, runtests.py, tests/runtests.py);
    with manage.py the argument `test` is added."""
    args: tuple[str, ...] = ()
    """Further arguments for the runner."""
    minutes: int = Field(default=10, ge=1)
    """After this long the suite is ended and counts as failed."""


class ChecksSection(Section):
    """Which checks run, before and after the change."""

    makemigrations: Literal["auto", "off"] = "auto"
    """auto: `makemigrations --check --dry-run` and `check` in a Django project."""
    types: TypesSection = TypesSection()
    tests: TestsSection = TestsSection()
    lint: Literal["auto", "off"] | tuple[Literal["ruff", "flake8", "black"], ...] = "auto"
    """auto: those of ruff, flake8 and black that the repository has a configuration of."""


class ScopeSection(Section):
    """What a change may touch."""

    allow: tuple[str, ...] = ("**",)
    """Glob patterns of paths that may be touched."""
    protect: tuple[str, ...] = (".github/**",)
    """Glob patterns of paths that are never touched."""
    human_only: tuple[str, ...] = ()
    """Glob patterns of paths that only people change; a ticket that needs them is declined."""
    max_files: int = Field(default=20, ge=1)
    max_lines: int = Field(default=600, ge=1)
    """Lines added and removed together."""


class LimitsSection(Section):
    """What a run may use."""

    minutes: int = Field(default=30, ge=1)
    """From start to decision."""


class PullRequestSection(Section):
    """How the result is handed over."""

    base: str | None = None
    """Branch to start from; default: what the repository has checked out."""
    branch_prefix: str = "mergewright/"
    """What branch names begin with."""


class RepoConfig(Section):
    """The whole file; every key is optional."""

    version: Literal[1] = 1
    """Of this format."""
    python: PythonSection = PythonSection()
    env: dict[str, str] = {}
    """Environment variables for checks. No secrets: they are shown in the log."""
    framework: Literal["auto", "django", "fastapi", "flask", "none"] = "auto"
    http_client: Literal["httpx", "requests", "aiohttp", "urllib3", "any"] = "any"
    """The only HTTP client that changed code may import."""
    django: DjangoSection = DjangoSection()
    checks: ChecksSection = ChecksSection()
    scope: ScopeSection = ScopeSection()
    limits: LimitsSection = LimitsSection()
    pull_request: PullRequestSection = PullRequestSection()
