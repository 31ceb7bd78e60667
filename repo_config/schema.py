"""The keys of `.github/mergewright.yml`, their types, defaults and meaning.

The text under each field is the one that editors and the reference show. The form of single texts
is left to `values`, reading the file to `load`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from repo_config.values import (
    ApplicationName,
    AttributeName,
    BranchPrefix,
    CheckName,
    Command,
    Glob,
    Label,
    ModelKey,
    ModuleName,
    PythonMinor,
    RelativePath,
    Reviewer,
    RuleId,
    Services,
    SystemPackage,
    UrlPattern,
    VariableName,
    VariableValue,
)


class Section(BaseModel):
    """A mapping of the file: frozen, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class PythonSection(Section):
    """Which Python, and which Debian packages."""

    version: PythonMinor | None = None
    """Minor version as in "3.11"; default: that of .python-version, else the newest that is there,
    that requires-python allows, and that there was when the commit was made."""
    system_packages: tuple[SystemPackage, ...] = ()
    """Debian packages that `setup` and checks need, such as libpq-dev."""


class DjangoSection(Section):
    """Where Django is started, and how its parts are used."""

    manage: RelativePath | None = None
    """Path of manage.py; default: the one nearest to the root."""
    settings: ModuleName | None = None
    """Settings module for checks; default: DJANGO_SETTINGS_MODULE of `env`, of the pytest
    configuration, then of manage.py."""
    views: Literal["class", "function", "any"] = "any"
    """What new views are written as; existing ones stay."""
    signals: Literal["forbid", "any"] = "any"
    """forbid: no new signals, and no new handlers of them, outside of tests."""
    managers: dict[ModelKey, AttributeName] = {}
    """Manager through which a model is queried, as in `Order: active` or, where several models have
    the name, `shop.models.Order: active`."""


class FastapiAuth(Section):
    """Which dependency the endpoints of some URL paths must have."""

    paths: Annotated[tuple[UrlPattern, ...], Field(min_length=1)]
    """Patterns of URL paths, with all prefixes: `*` is one part of a path, `**` any number."""
    dependency: ModuleName
    """Full dotted name of the dependency, as in app.auth.admin."""


class FastapiSection(Section):
    """Where the application is, and who may call its endpoints."""

    app: ApplicationName | None = None
    """The application, as in app.main:app, whose endpoints `auth` is held against; default: the
    only one that a module of the project makes."""
    auth: tuple[FastapiAuth, ...] = ()
    """Entries of `paths`, patterns of URL paths (`*` is one part, `**` any number), and
    `dependency`, the dotted name of what their endpoints must depend on. The first match counts."""


class ImportsSection(Section):
    """What changed code may import."""

    forbid: tuple[ModuleName, ...] = ()
    """Modules, or names in them, that changed code may not import, with all below them."""


Mode = Literal["sync", "async", "any"]


class ConcurrencyOverride(Section):
    """A mode for some paths."""

    paths: tuple[Glob, ...]
    """Patterns, as in .gitignore."""
    mode: Mode
    """How code is written there."""


class ConcurrencySection(Section):
    """Whether code is written sync or async."""

    mode: Mode = "any"
    """How views, endpoints and consumers are written."""
    overrides: tuple[ConcurrencyOverride, ...] = ()
    """Modes by path, as in `[{paths: ["api/**"], mode: async}]`; the last match decides."""


class ExtraCheck(Section):
    """A check of any other kind."""

    name: CheckName
    """As it is called in what people read."""
    run: Command
    """Its command line, as in `make docs`."""


class ChecksSection(Section):
    """Which checks run, before and after the change, as command lines."""

    tests: Command = "auto"
    """A line such as `pytest -q`, `python manage.py test` or `python tests/runtests.py`, or off;
    auto: pytest where it is configured or declared, else Django's runner."""
    minutes: int = Field(default=10, ge=1)
    """Time for the tests. Those that have not begun shortly before are left out, and named; a suite
    that still runs then counts as failed."""
    types: Command | tuple[Command, ...] = "auto"
    """A line or several, as in `mypy --strict src`, or off; auto: the plain command of each type
    checker that has settings here, or a hook of pre-commit for the whole project. basedpyright runs
    in place of pyright, which needs a network, in the mode `standard` where none is set."""
    lint: Command | tuple[Command, ...] = "auto"
    """As `types`, for ruff, flake8, black and isort. Linters and type checkers read their settings
    as the base commit has them."""
    makemigrations: Literal["auto", "off"] = "auto"
    """auto: `makemigrations --check --dry-run` and `check` in a Django project."""
    extra: tuple[ExtraCheck, ...] = ()
    """Further checks, as in `[{name: docs, run: make docs}]`. Like all lines of `checks` they run
    in the folder of the project, with `env` and `services`. Findings of the tools named here are
    compared one by one where a line is a call of one; of any other line the exit code is."""


class ScopeSection(Section):
    """What a change may touch."""

    allow: tuple[Glob, ...] = ("**",)
    """Patterns, as in .gitignore, of paths that may be touched."""
    protect: tuple[Glob, ...] = (".github/**",)
    """Patterns of paths that are never touched."""
    human_only: tuple[Glob, ...] = ()
    """Patterns of paths that only people change; a ticket that needs them is declined."""
    max_files: int = Field(default=20, ge=1)
    """Files that one change may touch."""
    max_lines: int = Field(default=600, ge=1)
    """Lines added and removed together."""
    new_dependencies: Literal["ask", "allow", "forbid"] = "ask"
    """Whether a change may declare new packages: `ask` leaves each to the reviewer."""


Weight = Literal["block", "review", "info", "off"]


class PlanSection(Section):
    """What happens between plan and edit."""

    approval: Literal["never", "always", "large"] = "large"
    """On GitHub: whether a person with write permission approves the plan first; large: a model's
    plan that names more than half of scope.max_files."""


class LimitsSection(Section):
    """What a run may use."""

    minutes: int = Field(default=30, ge=1)
    """From start to decision, looked at between the steps; a step that has begun has limits of its
    own, such as checks.minutes."""
    usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Dollars that a run may spend on models; default and maximum: the operator's."""
    repair_rounds: int = Field(default=4, ge=0, le=20)
    """Maximum number of repairs by a model after rules or checks have refused its change."""
    runs_per_day: Annotated[int, Field(ge=1)] | None = None
    """On GitHub: runs within 24 hours; further ones wait, and say so. Default and maximum: the
    operator's."""


class PullRequestSection(Section):
    """How the result is handed over."""

    branch_prefix: BranchPrefix = "mergewright/"
    """What branch names begin with."""
    draft: bool = False
    """On GitHub: open pull requests as drafts, where the repository's plan has them."""
    reviewers: tuple[Reviewer, ...] = ()
    """On GitHub: who is asked for a review; logins, or org/team."""
    labels: tuple[Label, ...] = ()
    """On GitHub: labels of the pull request."""
    changelog: Literal["auto", "off"] = "auto"
    """auto: on GitHub, a news fragment or a line in the changelog where there is one."""
    sign_off: Literal["auto", "always", "off"] = "auto"
    """A Signed-off-by line in the commit; auto: where most of the latest commits have one."""


class RepoConfig(Section):
    """The whole file; every key is optional."""

    version: int = Field(default=1, ge=1, le=1)
    """Of this format."""
    label: Label | None = None
    """On GitHub: the label that starts a run; default: the operator's, `mergewright`."""
    root: RelativePath = "."
    """Folder of the project in a repository that holds several. Paths of `python`, `django` and
    `checks` are relative to it; those of `scope` and of changes are paths of the repository."""
    contributions: Literal["auto", "allow", "refuse"] = "auto"
    """auto: a model leaves the ticket to people where the contributing notes refuse changes by
    machines; allow: it does not; refuse: no run of an issue begins."""
    python: PythonSection = PythonSection()
    """Which Python, and which Debian packages."""
    env: dict[VariableName, VariableValue] = {}
    """Environment variables for set-up and all checks. No secrets: they are shown in the log."""
    setup: tuple[Command, ...] = ()
    """Lines that make the environment, as in `uv sync --frozen --all-groups`, run once by bash with
    an empty virtual environment active; default: a template for the lock or the declarations that
    are there, or what a model has found. What they leave lies under every check, with what they
    write to PostgreSQL. They reach package indexes (PyPI, npm, Debian) and no other host. Committed
    files stay as they are."""
    services: Services = ()
    """Servers that the project needs: postgres, redis, or with a version as in postgres:15. Every
    sandbox starts them empty, PostgreSQL as `setup` left it, at their usual ports of 127.0.0.1,
    without a password; the usual variables (PGHOST, POSTGRES_*, DB_*, DATABASE_URL, REDIS_URL) name
    them where `env` does not. Users and databases that `env` names by these are there."""
    framework: Literal["auto", "django", "fastapi", "flask", "none"] = "auto"
    """What the repository is built on; auto: from its dependencies and manage.py."""
    http_client: Literal["httpx", "requests", "aiohttp", "urllib3", "any"] = "any"
    """The only HTTP client that changed code may import."""
    background_tasks: Literal["celery", "background-tasks", "rq", "dramatiq", "none", "any"] = "any"
    """The only system for background tasks in changed code; background-tasks: those of FastAPI and
    Starlette."""
    concurrency: ConcurrencySection = ConcurrencySection()
    """Whether code is written sync or async."""
    imports: ImportsSection = ImportsSection()
    """What changed code may import."""
    django: DjangoSection = DjangoSection()
    """Where Django is started, and how its parts are used."""
    fastapi: FastapiSection = FastapiSection()
    """Where the application is, and who may call its endpoints."""
    checks: ChecksSection = ChecksSection()
    """Which checks run, before and after the change."""
    scope: ScopeSection = ScopeSection()
    """What a change may touch."""
    rules: dict[RuleId, Weight] = {}
    """Weights of rules, by their ids: block (no pull request), review (a draft that names the
    place), info or off. Default: the rule's own. The operator may set a minimum."""
    plan: PlanSection = PlanSection()
    """Whether people are asked before anything is edited."""
    limits: LimitsSection = LimitsSection()
    """What a run may use."""
    pull_request: PullRequestSection = PullRequestSection()
    """How the result is handed over."""

    @property
    def folder(self) -> str:
        """The folder of the project; "" is the repository itself."""
        return "" if self.root == "." else self.root

    @property
    def variables(self) -> dict[str, str]:
        """What every command of the project finds set: set-up, checks, recipes, a model's shell."""
        module = self.django.settings
        return {**self.env, **({"DJANGO_SETTINGS_MODULE": module} if module else {})}


def json_schema() -> dict[str, object]:
    """Describe the file for editors (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RepoConfig.model_json_schema(),
        "title": "Mergewright repository configuration",
    }
