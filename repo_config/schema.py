"""The keys of `.github/mergewright.yml`, their types, defaults and meaning.

The text under each field is shown by editors and the reference. The form of single texts
is left to `values`, reading the file to `load`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from repo_config import values
from repo_config.servers import read_rows

Minutes = Literal["auto"] | Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A mapping of the file: frozen, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class PythonSection(Section):
    """Which Python, and which Debian packages."""

    version: values.PythonMinor | None = None
    """Minor version, as in "3.11". Default: .python-version, otherwise the newest installed one of
    CI's jobs for tests that requires-python allows, otherwise the newest that this allows and that
    came before the year of the commit."""
    system_packages: tuple[values.SystemPackage, ...] = ()
    """Debian packages that `setup` and checks need, such as libpq-dev."""


class DjangoSection(Section):
    """How Django is started and used."""

    manage: values.RelativePath | None = None
    """Path of manage.py. Default: the one nearest to the root."""
    settings: values.ModuleName | None = None
    """Settings module for checks. Default: DJANGO_SETTINGS_MODULE from `env`, the pytest
    configuration or manage.py, in this order."""
    views: Literal["class", "function", "any"] = "any"
    """Style of new views. Existing views are not checked."""
    signals: Literal["forbid", "any"] = "any"
    """forbid: no new signals or signal handlers, except in tests."""
    managers: dict[values.ModelKey, values.AttributeName] = {}
    """Manager for querying a model, as in `Order: active`; if several models have the name,
    `shop.models.Order: active`."""


class FastapiAuth(Section):
    """Which dependency the endpoints of some URL paths must have."""

    paths: Annotated[tuple[values.UrlPattern, ...], Field(min_length=1)]
    """Patterns of full URL paths: `*` is one part of a path, `**` any number."""
    dependency: values.ModuleName
    """Full dotted name of the dependency, as in app.auth.admin."""


class FastapiSection(Section):
    """Who may call the endpoints of FastAPI."""

    app: str | None = None
    """No longer read: endpoints are found in the source. Remove it."""
    auth: tuple[FastapiAuth, ...] = ()
    """Entries of `paths` (patterns of URL paths: `*` is one part, `**` any number) and
    `dependency` (dotted name of the dependency that these endpoints need). First match wins. What
    is read in the source: decorators, prefixes of `APIRouter` and `include_router`, and `Depends`
    in signatures, `Annotated`, decorators, routers and applications."""


class ImportsSection(Section):
    """What changed code may import."""

    forbid: tuple[values.ModuleName, ...] = ()
    """Modules or names that changed code may not import, including everything below them."""


Mode = Literal["sync", "async", "any"]


class ConcurrencyOverride(Section):
    """A mode for some paths."""

    paths: tuple[values.Glob, ...]
    """Patterns, as in .gitignore."""
    mode: Mode
    """How code is written there."""


class ConcurrencySection(Section):
    """Whether code is written sync or async."""

    mode: Mode = "any"
    """How views and endpoints are written."""
    overrides: tuple[ConcurrencyOverride, ...] = ()
    """Modes by path, as in `[{paths: ["api/**"], mode: async}]`. Last match wins."""


class ExtraCheck(Section):
    """An additional check."""

    name: values.CheckName
    """Name shown to people."""
    run: values.Command
    """Command line, as in `make docs`."""


class ChecksSection(Section):
    """Which checks run, before and after the change, as command lines."""

    tests: values.Command | Annotated[tuple[values.SuiteLine, ...], Field(min_length=1)] = "auto"
    """A command such as `pytest -q`, `python manage.py test`, `python tests/runtests.py` or
    `cd api && pytest`, or off. Or a list of such commands: each test belongs to one of them.
    auto: pytest if it is configured or declared, otherwise Django's runner; with the options of
    CI's job for the tests, unless more of the base commit's tests pass without."""
    minutes: Minutes = "auto"
    """Time limit of the tests. Shortly before it, no further test starts, and those left out are
    listed; a suite that still runs at the limit fails. A single test that takes a sixth of it, and
    at least a minute, is interrupted and fails. auto: half of the operator's maximum for a run."""
    types: values.Command | tuple[values.Command, ...] = "auto"
    """One or several commands, as in `mypy --strict src`, or off. auto: each type checker that a
    pre-commit hook or a job of CI calls, with their options (a job also by a task of make, just or
    tox, or by a shell script); else the plain command of each that
    has settings: where that one has findings on the base commit, new ones need review, and no
    more."""
    lint: values.Command | tuple[values.Command, ...] = "auto"
    """Like `types`, for ruff, flake8, black and isort."""
    makemigrations: Literal["auto", "off"] = "auto"
    """auto: `makemigrations --check --dry-run` and `check` in a Django project."""
    alembic: values.Command | tuple[values.Command, ...] = "auto"
    """How alembic is started, as in `alembic -c db/alembic.ini` or `flask --app shop db`; several
    for several databases; or off. Behind each run `upgrade head`, and `check`: they count where
    they pass on the base commit. auto: where `alembic.ini` or Flask-Migrate's folder is."""
    extra: tuple[ExtraCheck, ...] = ()
    """Additional checks, as in `[{name: docs, run: make docs}]`. Like all commands of `checks`,
    they run in the project's folder, with `env` and `services`. If a command calls one of the tools
    named here, its findings are compared one by one; otherwise its exit code is compared."""


class OwnServer(Section):
    """A server of the repository's own."""

    name: values.ServerName
    """Name shown to people, and of its host."""
    run: values.Command
    """Command line that runs in the project's folder, as in `npx azurite --silent`."""
    ready: Port
    """Port on which it is awaited."""


def _check_ports(entries: tuple[str | OwnServer, ...]) -> tuple[str | OwnServer, ...]:
    rows = read_rows()
    ports = {rows[e.partition(":")[0]].port if isinstance(e, str) else e.ready for e in entries}
    if len(ports) < len(entries):
        raise values.make_error("two services have the same port", "keep one of them")
    return entries


class ScopeSection(Section):
    """What a change may touch."""

    allow: tuple[values.Glob, ...] = ("**",)
    """Patterns, as in .gitignore, of paths that may be touched."""
    protect: tuple[values.Glob, ...] = (".github/**",)
    """Patterns of paths that may not be touched."""
    human_only: tuple[values.Glob, ...] = ()
    """Patterns of paths that only people may change. A ticket that needs them is declined."""
    max_files: int = Field(default=20, ge=1)
    """Maximum number of files in a change."""
    max_lines: int = Field(default=600, ge=1)
    """Maximum number of added plus removed lines."""
    new_dependencies: Literal["ask", "allow", "forbid"] = "ask"
    """Whether a change may declare new packages; ask: a person has to review each."""


Weight = Literal["block", "review", "info", "off"]


class PlanSection(Section):
    """What happens between plan and edit."""

    approval: Literal["never", "always", "large"] = "large"
    """On GitHub: whether someone with write permission must approve the plan first; large: only a
    model's plan with more than half of scope.max_files."""


class LimitsSection(Section):
    """Limits of a run."""

    minutes: Minutes = "auto"
    """Time limit from start to decision, checked between steps, but for set-up, which has as long
    again. auto: 30 and four times what the tests take on the base branch, within the operator's
    maximum. A running step has its own limits, such as checks.minutes."""
    usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Maximum dollars for models per run. Default and maximum: the operator's."""
    repair_rounds: int = Field(default=4, ge=0, le=20)
    """Maximum number of repair attempts after rules or checks have rejected a model's change."""
    runs_per_day: Annotated[int, Field(ge=1)] | None = None
    """On GitHub: maximum number of runs in 24 hours; further runs are queued. Default and maximum:
    the operator's."""


class PullRequestSection(Section):
    """How the result is published."""

    branch_prefix: values.BranchPrefix = "mergewright/"
    """Prefix of branch names."""
    draft: bool = False
    """On GitHub: open pull requests as drafts, if the repository supports them."""
    reviewers: tuple[values.Reviewer, ...] = ()
    """On GitHub: requested reviewers, as logins or org/team; none: the person who set the label."""
    labels: tuple[values.Label, ...] = ()
    """On GitHub: labels of the pull request."""
    changelog: Literal["auto", "off"] = "auto"
    """auto: a model adds a news fragment or a changelog line if the project has these."""
    sign_off: Literal["auto", "always", "off"] = "auto"
    """Signed-off-by line in the commit; auto: if most of the latest commits have one."""


class RepoConfig(Section):
    """The whole file; every key is optional."""

    version: int = Field(default=1, ge=1, le=1)
    """Version of this format."""
    label: values.Label = "mergewright"
    """On GitHub: label that starts a run."""
    root: values.RelativePath = "."
    """Folder of the project, in a repository with several. Paths in `python`, `django` and `checks`
    are relative to it; paths in `scope` are relative to the repository."""
    contributions: Literal["auto", "allow", "refuse"] = "auto"
    """auto: a model declines the ticket if the contributing notes refuse machine-made changes;
    allow: it does not; refuse: no run of an issue starts."""
    python: PythonSection = PythonSection()
    """Which Python, and which Debian packages."""
    env: dict[values.VariableName, values.VariableValue] = {}
    """Environment variables for set-up and all checks. No secrets: the log shows them."""
    setup: tuple[values.Command, ...] = ()
    """Commands that build the environment, as in `uv sync --frozen --all-groups`. bash runs them
    once, in an empty virtual environment. Default: a template for the lock file or the declared
    dependencies, or commands that a model found. Every check starts with the files and database
    content that they leave. They can reach package indexes (PyPI, npm, Debian) and no other host.
    Changes to committed files are dropped."""
    services: Annotated[
        tuple[values.ServiceName | OwnServer, ...], AfterValidator(_check_ports)
    ] = Field(
        default=(),
        description=f"""Servers that the project needs: {", ".join(read_rows())}, or with a version,
    as postgres:15. Every sandbox starts them on their usual ports of 127.0.0.1, empty or with the
    data that `setup` left in databases. Passwords are not checked, but RabbitMQ has no user besides
    that of `env`. The usual variables (such as PGHOST, POSTGRES_*, DB_*, MYSQL_*,
    DATABASE_URL, REDIS_URL) are set unless `env` sets them; addresses only if it sets none of that
    server's. Users and databases named in these variables are created. A missing program is taken
    from Debian packages. A server of the project's own is a command line and the port on which it
    is awaited: `{{name: azurite, run: npx azurite --silent, ready: 10000}}`.""",
    )
    framework: Literal["auto", "django", "fastapi", "flask", "none"] = "auto"
    """Framework of the project; auto: detected from dependencies and manage.py."""
    http_client: Literal["httpx", "requests", "aiohttp", "urllib3", "any"] = "any"
    """The only HTTP client that changed code may import."""
    background_tasks: Literal["celery", "background-tasks", "rq", "dramatiq", "none", "any"] = "any"
    """The only task queue that changed code may import; background-tasks: those of FastAPI and
    Starlette."""
    concurrency: ConcurrencySection = ConcurrencySection()
    """Whether code is written sync or async."""
    imports: ImportsSection = ImportsSection()
    """What changed code may import."""
    django: DjangoSection = DjangoSection()
    """How Django is started and used."""
    fastapi: FastapiSection = FastapiSection()
    """Who may call the endpoints of FastAPI."""
    checks: ChecksSection = ChecksSection()
    """Which checks run, before and after the change."""
    gate: dict[str, bool] = {}
    """No longer read: all tests always run on the exact commit. Remove it."""
    scope: ScopeSection = ScopeSection()
    """What a change may touch."""
    rules: dict[values.RuleId, Weight] = {}
    """Severities of rules, by id: block (no pull request), review (a draft that lists the place),
    info or off. Default: the rule's own."""
    plan: PlanSection = PlanSection()
    """Whether a person approves the plan before anything is edited."""
    limits: LimitsSection = LimitsSection()
    """Limits of a run."""
    pull_request: PullRequestSection = PullRequestSection()
    """How the result is published."""

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
