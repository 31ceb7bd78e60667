"""The operator's settings: environment variables `MERGEWRIGHT_*` and the data folder.

Owns which process gets which variables. Secrets are read by `secret_values`.
"""

import difflib
import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from agent.errors import SettingsInvalid, StorageFull
from agent.models.chat import Thinking
from agent.models.record import Record

_PREFIX = "MERGEWRIGHT_"
HEARTBEAT = "worker.heartbeat"
"""File below `home` that the worker touches as long as it is at work."""


def _of_form(pattern: str, shown: str) -> AfterValidator:
    """Check the form of an entry of a list; its value is not repeated, since it may be a secret."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"does not have the form {shown}")
        return value

    return AfterValidator(check)


_PRICE = r"[0-9]+(\.[0-9]+)?"
_NAME = r"[a-z0-9][a-z0-9-]{0,39}:[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}"


def _require_level(entry: str) -> str:
    """Refuse a word after @ that is no level; a date there belongs to the name."""
    _, at, level = entry.rpartition("@")
    if at and level.isalpha() and level not in get_args(Thinking):
        raise ValueError(f"unknown level after @. Use {', '.join(get_args(Thinking))}")
    return entry


_Model = Annotated[
    str, _of_form(_NAME, "provider:name or provider:name@level"), AfterValidator(_require_level)
]
_Prices = Annotated[str, _of_form(rf"{_NAME}={_PRICE}/{_PRICE}", "provider:name=0.5/1.5")]
_LEAST_WINDOW = 16_384


def _require_window(entry: str) -> str:
    """Refuse a window in which no conversation has space."""
    if int(entry.rpartition("=")[2]) < _LEAST_WINDOW:
        raise ValueError(f"a context window has at least {_LEAST_WINDOW:,} tokens")
    return entry


_Window = Annotated[
    str,
    _of_form(rf"{_NAME}=[0-9]{{1,9}}", f"provider:name={_LEAST_WINDOW * 2}"),
    AfterValidator(_require_window),
]
_Secret = SecretStr | Path
"""A secret, or a file with it (then append `_FILE` to the variable's name)."""


class Settings(Record):
    """What the operator decides; bounds what a repository may ask for."""

    # A value in the wrong place may be a secret: no message repeats it.
    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path
    """Data folder: mirrors, environments, runs. Default: /var/lib/mergewright for root,
    otherwise $XDG_DATA_HOME/mergewright (~/.local/share/mergewright)."""
    database_url: _Secret | None = None
    """PostgreSQL database, such as `postgresql+psycopg://USER:PASSWORD@HOST/NAME`; several workers
    can share it. None: SQLite in `home`, with one worker."""
    lease_seconds: float = Field(default=30.0, ge=1, le=600, allow_inf_nan=False)
    """PostgreSQL only: seconds without a heartbeat after which other workers take over a
    worker's runs. Must be the same for all workers."""
    sandbox: Literal["bubblewrap", "docker"] = "bubblewrap"
    """Sandbox technology. docker: its root file system is an image that `mergewright images build`
    makes, and nothing of this machine."""
    docker_host: str | None = None
    """Socket of the container engine; None: DOCKER_HOST, else /var/run/docker.sock."""
    docker_base: str | None = None
    """Base image for `mergewright images build`; None: python:VERSION-slim."""
    sandbox_memory_mb: int = Field(default=4096, ge=1)
    """Memory limit of one sandbox. A run has one open on each processor at most, and
    two where its share of processors and memory has space for no more."""
    sandbox_processes: int = Field(default=1024, ge=1)
    """Maximum number of processes and threads in one sandbox."""
    sandbox_disk_mb: int = Field(default=2048, ge=1)
    """Maximum disk space that one sandbox can write."""
    allow_hosts: tuple[str, ...] = ()
    """Additional hosts that set-up may reach, such as an index's file host."""
    git_hosts: tuple[str, ...] = ()
    """More hosts from which set-up may fetch by git, such as github.com."""
    index_hosts: Literal["repository", "listed"] = "repository"
    """repository: set-up may also read from the package indexes that committed files name (https,
    public addresses), and fetch by git from the repository's own host. listed: only from the
    operator's indexes and hosts."""
    python_downloads: Literal["auto", "never"] = "auto"
    """auto: without docker, `uv python install` fetches a Python that a repository asks for and
    this machine does not have, into the data folder; uv's variables name mirrors, such as
    UV_PYTHON_INSTALL_MIRROR. never: the run ends, and says what to install."""
    max_minutes: int = Field(default=60, ge=1)
    """Maximum for a repository's `limits.minutes` and `checks.minutes`."""
    max_runs: int = Field(default=2, ge=1, le=64)
    """Maximum number of parallel runs per worker. Each needs the memory and disk of
    two sandboxes and more."""
    runs_per_repository: int = Field(default=2, ge=1, le=64)
    """Maximum number of parallel runs per repository, on all workers together. Each issue has its
    own branch; an issue has one run at a time."""
    runs_per_day: int = Field(default=100, ge=1)
    """Maximum number of runs per repository in 24 hours. Further runs are queued."""
    quiet_seconds: float = Field(default=60.0, ge=0, le=3600)
    """Seconds to wait for further comments on a pull request before answering them together. On
    an issue, at most five."""
    max_repository_mb: int = Field(default=4096, ge=1)
    """Maximum size of one repository with its history, as packed by git."""
    github_url: str = "https://api.github.com"
    """URL of GitHub's REST API. For Enterprise Server: `https://HOST/api/v3`."""
    github_app_id: int | None = Field(default=None, ge=1)
    """ID of the GitHub App. Needs its private key too."""
    github_private_key: _Secret | None = None
    """Private key of the GitHub App (PEM)."""
    github_token: _Secret | None = None
    """A fine-grained personal token, for `mergewright run --issue` without an App."""
    webhook_secret: _Secret | None = None
    """Secret of the GitHub webhook. The listener does not start without it. While you change it:
    the old and the new one, each on a line."""
    onboarding: Literal["on", "off"] = "on"
    """on: propose a configuration, in a pull request, to a repository that has none. Runs use
    detected values meanwhile. off: do not propose."""
    listen_host: str = Field(default="127.0.0.1", min_length=1)
    """Address that the listener binds to. Change it only behind a TLS proxy."""
    listen_port: int = Field(default=8080, ge=0, le=65535)
    """Port of the listener. 0: any free port, which is logged."""
    health_port: int = Field(default=8082, ge=0, le=65535)
    """Separate port for the listener's `/livez`, `/readyz` and `/metrics`, so that webhook
    traffic cannot block them. Do not expose it. 0: any free port, which is logged."""
    public_url: str | None = None
    """Public URL of the listener, for GitHub."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of a worker's `/livez`, `/readyz` and `/metrics`, on all addresses; None: no port."""
    dashboard_host: str = Field(default="127.0.0.1", min_length=1)
    """Address that the dashboard binds to. Change it only behind a TLS proxy."""
    dashboard_port: int = Field(default=8081, ge=0, le=65535)
    """Port of the dashboard. 0: any free port, which is logged."""
    dashboard_url: str | None = None
    """Public URL of the dashboard, for links and sign-in; None: comments do not link to it."""
    github_client_id: str | None = None
    """Client ID of the GitHub App, for signing in to the dashboard. Needs the client secret
    too. None: sign-in by one-time links only."""
    github_client_secret: _Secret | None = None
    """Client secret of the GitHub App. Only the dashboard needs it."""

    model: tuple[_Model, ...] = ()
    """Models for tickets that no recipe fits, such as `openai:NAME`. If one does not answer, the
    next is used. Keys and URLs come from the providers' own variables (OPENAI_API_KEY,
    OPENAI_BASE_URL, ANTHROPIC_API_KEY; with `_FILE`, a file with the key). `openai-chat:NAME` is
    any server at OPENAI_BASE_URL that supports chat completions with tools; it needs no key.
    `openai:NAME@high` sets how hard a model thinks before it answers (off: not at all, or as little
    as it can), in every list of models; thought counts as output. None: recipes only."""
    model_editor: tuple[_Model, ...] = ()
    """Models for planning and editing; None: `model`."""
    model_reviewer: tuple[_Model, ...] = ()
    """Models for reviewing finished changes; None: `model`."""
    model_prices: tuple[_Prices, ...] = ()
    """Prices of models without a known price, in dollars per million input and output tokens,
    as `openai-chat:local=0.5/1.5`."""
    model_context: tuple[_Window, ...] = ()
    """Context windows of models, in tokens, as `openai-chat:local=32768`; at least 16384. Default:
    the known figure of the model, else 128,000."""
    model_usd: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """Maximum dollars per run, and for a repository's `limits.usd`. Each request reserves its
    input and a reply of 32,768 tokens ($0.49 at $15 per million), twice where there is enough.
    Near the end the reply is halved, down to 4,096 tokens; a request for which even that is too
    much is not sent."""
    model_tokens: int | None = Field(default=None, ge=1)
    """Maximum tokens per run. Required for models without a price."""
    model_usd_per_day: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    """Maximum dollars per repository in 24 hours, unless `limits` sets another for it."""
    limits: Path | None = None
    """YAML file with budgets and who may start runs: see Limits. None: only the limits here."""
    model_stream: Literal["on", "off"] = "on"
    """off: do not stream replies, for servers that do not support it."""
    model_silence_seconds: float = Field(default=300.0, gt=0, le=3600, allow_inf_nan=False)
    """Seconds without output after which a model request fails. Some models think in silence.
    Without streaming, the whole reply has to come within them."""

    signing_key: _Secret | None = None
    """Ed25519 key (PEM) that signs run logs; None: generated at first use, in `home`."""
    notify: _Secret | None = None
    """Where to send notifications when runs end: comma-separated apprise URLs, as
    `slack://TOKENS, mailto://USER:PASSWORD@HOST`. They contain secrets, so a file may hold them."""
    keep_days: int = Field(default=90, ge=1)
    """Days to keep names and texts of a run after it ends: ticket, comments, deliveries, log,
    records. Times, outcome, cost and the signatures of its log stay. A run whose pull request is
    open keeps them."""
    reconcile_minutes: float | None = Field(default=None, ge=0.01, le=1440, allow_inf_nan=False)
    """Minutes between checks for missed webhook deliveries, which are then fetched. None: 5, or
    20 seconds if `public_url` is not set."""

    @field_validator("home", mode="before")
    @classmethod
    def _some_folder(cls, value: object) -> object:
        if value == "":
            raise ValueError("is empty. Set a folder, or unset it")
        return value

    @field_validator("github_url", "public_url", "dashboard_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("use a full URL, as in https://mergewright.example.org")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("use a URL without user, password, ? and #")
        return value.rstrip("/")


SECRETS = tuple(
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
)


def variable(field: str) -> str:
    return _PREFIX + field.upper()


def _list_variables(field: str) -> tuple[str, ...]:
    name = variable(field)
    return (name, f"{name}_FILE") if field in SECRETS else (name,)


#: Settings of earlier versions that are not read any more, and what replaces each.
_GONE_FIELDS = {
    "audit_days": "Entries of the audit log are kept for 365 days.",
    "audit_url": "Send what `mergewright data audit --after NUMBER` prints, by a timer.",
    "checks_at_once": "It follows from processors, memory and MERGEWRIGHT_MAX_RUNS.",
    "dashboard": "Start `mergewright serve --role listener` and `--role worker`.",
    "service_images": "Servers come from Debian packages or as a command line with its port.",
}
#: Their variables; of some the value is a secret, or names a file with it.
_GONE = {
    name: f"not read any more, remove it. {words}"
    for field, words in _GONE_FIELDS.items()
    for name in (variable(field), f"{variable(field)}_FILE")
}
#: All that the listener, which strangers talk to, has a use for.
_OF_LISTENER = frozenset({
    "home", "listen_host", "listen_port", "health_port", "webhook_secret", "database_url",
})  # fmt: skip
_OF_DASHBOARD = frozenset({
    "home", "limits", "dashboard_host", "dashboard_port", "dashboard_url", "github_url",
    "github_client_id", "github_client_secret", "database_url",
})  # fmt: skip
_OF_SYSTEM = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
    "NO_COLOR", "XDG_DATA_HOME", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONFAULTHANDLER",
    "PYTHONUTF8", "PYTHONIOENCODING",
})  # fmt: skip


def keep_for_listener(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the listener may have; an attacker can get no others out of it."""
    return _keep_for(_OF_LISTENER, environ)


def keep_for_dashboard(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the dashboard may have: no key of the App, none of a model."""
    return _keep_for(_OF_DASHBOARD, environ)


def _keep_for(fields: frozenset[str], environ: Mapping[str, str]) -> dict[str, str]:
    # A setting that we do not know stays as well: reading the settings refuses it by name.
    others = (field for field in Settings.model_fields if field not in fields)
    withheld = {*_GONE, *(name for field in others for name in _list_variables(field))}
    return {
        name: value
        for name, value in environ.items()
        if (name.startswith(_PREFIX) and name not in withheld)
        or name in _OF_SYSTEM
        or name.startswith("LC_")
    }


def write_address(host: str, port: int) -> str:
    """Return the local URL of a server that is bound to a host and a port."""
    shown = f"[{host}]" if ":" in host else host
    reached = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)  # noqa: S104 compared
    return f"http://{reached}:{port}"


def find_website(github_url: str) -> str:
    """Return the address of GitHub's pages, and of git, for that of its API."""
    parts = urlsplit(github_url)
    if parts.path:  # an Enterprise server
        return github_url.removesuffix("/api/v3")
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsInvalid: `MERGEWRIGHT_*` variables are unknown or have wrong values; the message
            names each on a line of its own, with what to do.
    """
    values: dict[str, object] = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(_PREFIX) and name not in _GONE
    }
    if "home" not in values:
        values["home"] = _default_home(environ)
    for name, field in Settings.model_fields.items():
        listed = values.get(name)
        if get_origin(field.annotation) is tuple and isinstance(listed, str):
            values[name] = tuple(entry.strip() for entry in listed.split(",") if entry.strip())
    problems = []
    for name in SECRETS:
        if (file := values.pop(f"{name}_file", None)) is not None:
            if name in values:
                both = " and ".join(_list_variables(name))
                problems.append(f"{both} are both set. Keep only one.")
            values[name] = Path(str(file))
    try:
        loaded = Settings.model_validate(values, strict=False)
    except ValidationError as problem:
        raise _join_problems([*problems, *_explain_errors(problem)]) from problem
    if problems:
        raise _join_problems(problems)
    return loaded


def list_gone(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that are set and not read any more, with what replaces each."""
    return {name: words for name, words in _GONE.items() if name in environ}


def _explain_errors(problem: ValidationError) -> Iterator[str]:
    """Describe the mistake of each variable; in a list, of which entry."""
    for error in problem.errors():
        field, *inside = (*error["loc"],)
        name = variable(str(field))
        if error["type"] == "extra_forbidden":
            names = [name for field in Settings.model_fields for name in _list_variables(field)]
            near = difflib.get_close_matches(name, names, 1, 0.75)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}"
            yield f"{name} is not a setting. {hint}"
            continue
        entry = f"entry {inside[0] + 1}: " if inside and isinstance(inside[0], int) else ""
        # A value in the wrong place may be a secret, so it is not repeated.
        words = error["msg"].removeprefix("Value error, ")
        yield f"{name}: {entry}{words[:1].lower()}{words[1:]}"


def _join_problems(problems: list[str]) -> SettingsInvalid:
    if len(problems) == 1:
        return SettingsInvalid(problems[0])
    listed = "\n".join(f"- {line}" for line in problems)
    return SettingsInvalid(f"{len(problems)} settings are invalid:\n{listed}")


def require_home(home: Path) -> None:
    """Create the data folder if needed, and check that it can be written.

    Raises:
        SettingsInvalid: It cannot be made, or belongs to another user.
        StorageFull: There is no space for it.
    """
    with explain_home(home):
        if not home.exists():
            home.mkdir(parents=True, exist_ok=True)
            # Sandboxes run as another user, who has to pass through, whatever the umask was.
            home.chmod(0o711)
        if not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def explain_home(home: Path) -> Iterator[None]:
    """Translate errors about files in the data folder."""
    try:
        yield
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise StorageFull(f"No space for Mergewright's data in {home}.") from problem
        raise SettingsInvalid(
            f"{variable('home')}: {home} cannot be used ({problem.strerror}). Use a folder that"
            " this user can write to."
        ) from problem


def _default_home(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0:
        # Sandboxes run as another user, who could not reach anything below root's own home.
        return "/var/lib/mergewright"
    try:
        data = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:
        raise SettingsInvalid(
            "This user has no home folder. Set MERGEWRIGHT_HOME to a folder that it can write to."
        ) from None
    return str(Path(data) / "mergewright")
