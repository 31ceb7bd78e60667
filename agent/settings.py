"""The operator's settings: environment variables `MERGEWRIGHT_*` and where data lives.

Owns how a secret is given (by value or by file) and read. What a secret opens is left to whoever
holds it: the listener the webhook secret alone, the code host adapter key and token.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from agent.errors import SettingsInvalid
from agent.models.change import Level
from agent.models.record import Record
from repo_config.rule_ids import RULE_IDS

_PREFIX = "MERGEWRIGHT_"
HEARTBEAT = "worker.heartbeat"
"""File below `home` that the worker touches as long as it is at work."""
RESTORING = "restoring"
"""Folder below `home` in which a backup is laid out; once that is done, it is gone."""
_LISTS = (
    "allow_hosts",
    "bot_ids",
    "model",
    "model_allow",
    "model_editor",
    "model_prices",
    "model_reviewer",
    "model_routes",
    "repositories",
    "rule_floors",
    "system_packages",
)


def _of_form(pattern: str, shown: str) -> AfterValidator:
    """Hold an entry of a list to a form; its value is not repeated, since it may be a secret."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not of the form {shown}")
        return value

    return AfterValidator(check)


_NAME = r"[a-z0-9][a-z0-9-]{0,39}:[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}"
_PRICE = r"[0-9]+(\.[0-9]+)?"
_Model = Annotated[str, _of_form(_NAME, "provider:name")]
_Prices = Annotated[str, _of_form(rf"{_NAME}={_PRICE}/{_PRICE}", "provider:name=0.5/1.5")]
_Route = Annotated[
    str,
    _of_form(
        rf"(editor|reviewer)/[a-z]{{2,20}}={_NAME}",
        "role/category=provider:name, with one of editor, reviewer",
    ),
]
_Repository = Annotated[str, _of_form(r"[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}", "owner/name")]
#: Given by value or by file, never both.
_BY_FILE = ("github_token", "webhook_secret")
_SECRET_FILE_BYTES = 64 * 1024
_NUMBERS = {"int": "a whole number", "float": "a number"}
#: Whatever is longer may be a secret that was put into the wrong variable.
SHORTEST_SECRET = 16
"""Bytes of the webhook secret; a shorter one can be guessed from one delivery at leisure."""


class Settings(Record):
    """What the operator decides; bounds what a repository may ask for."""

    # What was typed in the wrong place may be a secret: no message repeats a value.
    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path
    """Mirrors, environments, runs. Default: /var/lib/mergewright for root, else
    $XDG_DATA_HOME/mergewright (~/.local/share/mergewright)."""
    sandbox: Literal["auto", "bubblewrap", "docker"] = "auto"
    """What makes sandboxes; auto: docker where an engine answers and has an image for sandboxes,
    else bubblewrap."""
    docker_host: str | None = None
    """Socket of the container engine; None: DOCKER_HOST, else /var/run/docker.sock."""
    docker_image: str = Field(default="mergewright-sandbox", min_length=1)
    """Name of the images of docker sandboxes; the tag is the Python version, as `mergewright images
    build 3.11` makes them."""
    docker_base: str | None = None
    """Image of the engine on which `mergewright images build` builds; None: python:VERSION-slim of
    the registry."""
    sandbox_cpus: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Processors of one docker sandbox; None: all."""
    sandbox_root: Path | None = None
    """Root file system of bubblewrap sandboxes, made by `sandbox_images/make_root.sh`; None: the
    host's /usr."""
    sandbox_memory_mb: int = Field(default=4096, ge=1)
    """Of one sandbox; checks have `checks_at_once` sandboxes open at a time."""
    checks_at_once: int = Field(default=2, ge=1, le=16)
    """Checks of one run under way at a time, where there are as many processors; each has a
    sandbox, with all the memory of one."""
    sandbox_processes: int = Field(default=256, ge=1)
    """Of one sandbox, with their threads."""
    sandbox_disk_mb: int = Field(default=2048, ge=1)
    """Of what one sandbox can write."""
    sandbox_seconds: int | None = Field(default=None, ge=1)
    """Of one check; None: max_minutes alone bounds it."""
    index_url: str | None = None
    """Package index; None: what pip and uv are configured with."""
    allow_hosts: tuple[str, ...] = ()
    """Further hosts that the fetch phase may reach."""
    system_packages: tuple[str, ...] = ("*",)
    """Debian packages that a repository may have in its sandboxes; patterns as lib*-dev, empty for
    none. They come from the sources of apt, checked by its keys, and are unpacked for these
    sandboxes alone: none is installed, no script of one is run. Docker sandboxes have those of
    their image."""
    rule_floors: tuple[str, ...] = ()
    """The least that repositories can make of single rules, as `http-client=block`; `secrets=off`
    lets them switch that one off. Default: what each rule says of itself."""
    max_minutes: int = Field(default=60, ge=1)
    """Upper bound for a repository's `limits.minutes` and `checks.tests.minutes`."""
    max_runs: int = Field(default=2, ge=1, le=64)
    """Runs at a time; each takes as much memory and disk as `checks_at_once` sandboxes."""
    runs_per_day: int = Field(default=100, ge=1)
    """Runs of one repository that are begun within 24 hours; what is over it waits, and says so."""
    quiet_seconds: float = Field(default=60.0, ge=0, le=3600)
    """What people say in a pull request within so many seconds is answered together; on an issue,
    within five at most."""
    max_files_in_tree: int = Field(default=100_000, ge=1)
    """Of one commit."""
    max_tree_mb: int = Field(default=2048, ge=1)
    """Of the files of one commit."""
    max_repository_mb: int = Field(default=4096, ge=1)
    """Of what is fetched of one repository with its history, as git packs it."""
    github_url: str = "https://api.github.com"
    """Address of GitHub's REST API; on an Enterprise server `https://HOST/api/v3`."""
    github_app_id: int | None = Field(default=None, ge=1)
    """Number of the GitHub App; with it goes github_private_key_file. None: token mode."""
    github_private_key_file: Path | None = None
    """The App's private key, PEM."""
    github_token: SecretStr | None = None
    """Token mode, for those without an App: a fine-grained personal token."""
    github_token_file: Path | None = None
    """File with that token, in place of its value."""
    webhook_secret: SecretStr | None = None
    """Shared with GitHub to sign deliveries. The listener refuses to start without one."""
    webhook_secret_file: Path | None = None
    """File with that secret, in place of its value."""
    onboarding: Literal["on", "wait", "off"] = "on"
    """on: a pull request proposes a configuration to a repository that has none; runs go on with
    what is detected. wait: they wait for the answer. off: nothing is proposed."""
    label: str = Field(default="mergewright", min_length=1, max_length=50)
    """Label that starts a run, where a repository's configuration names no other."""
    listen_host: str = Field(default="127.0.0.1", min_length=1)
    """Address the listener binds; set another only behind a proxy that speaks TLS."""
    listen_port: int = Field(default=8080, ge=0, le=65535)
    """0: any free port, which the listener logs."""
    public_url: str | None = None
    """Address under which people and GitHub reach the listener, for links to run pages; None:
    texts carry no links."""
    bot_ids: tuple[int, ...] = ()
    """Numeric ids of further accounts that never start a run: other bots with a user account."""

    model: tuple[_Model, ...] = ()
    """Models for whatever no recipe fits, as `openai:NAME`: those after the first are asked where
    the ones before do not answer. Their keys and addresses are in the providers' own variables
    (OPENAI_API_KEY, OPENAI_BASE_URL, ANTHROPIC_API_KEY and kin). A server of your own is
    `openai-chat:NAME`, with its address in OPENAI_BASE_URL; then no key is needed. It has to speak
    chat completions with tools: requests are sent with `tool_choice: required` where the provider
    has that. `openai:NAME` speaks the Responses API. None: recipes alone."""
    model_editor: tuple[_Model, ...] = ()
    """For plans and edits; None: `model`."""
    model_reviewer: tuple[_Model, ...] = ()
    """For the review of finished changes; None: `model`."""
    model_routes: tuple[_Route, ...] = ()
    """By the category that a label names, as `editor/docs=openai:NAME`; several are a chain."""
    model_allow: tuple[_Model, ...] = ()
    """Further models that a repository may name in its `models`; those above it may."""
    model_prices: tuple[_Prices, ...] = ()
    """Dollars for a million tokens of input and of output of models without a known price, as
    `openai-chat:local=0.5/1.5`."""
    model_usd: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """Dollars that one run may spend; bounds a repository's `limits.usd`. Before each request there
    has to be space for two tries of it, each with all that it sends and 8,192 tokens of reply: at
    $15 for a million tokens the replies alone are $0.25, so a smaller cap ends a run before its
    first request."""
    model_tokens: int | None = Field(default=None, ge=1)
    """Tokens that one run may use; bounds `limits.tokens`. Needed where a model has no price."""
    model_usd_per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Dollars that the issues of one repository may cost within 24 hours; None: as much as the runs
    of a day may spend."""
    model_stream: Literal["on", "off"] = "on"
    """on: replies are taken piece by piece, as they are made; off: as a whole, for addresses that
    give none otherwise."""
    model_silence_seconds: float = Field(default=120.0, gt=0, le=3600, allow_inf_nan=False)
    """So long a model may say nothing before it counts as away."""

    keep_days: int = Field(default=90, ge=1)
    """So long the log, the text and the records of a run are kept after its end."""
    reconcile_minutes: float = Field(default=5.0, ge=0.01, le=1440, allow_inf_nan=False)
    """So often, and at the start, GitHub is asked for what it could not tell us: the App's
    deliveries that failed, in token mode the labelled issues and the comments of `repositories`."""
    repositories: tuple[_Repository, ...] = ()
    """Token mode: `owner/name` of each repository that is looked through for the label and for
    comments."""

    @field_validator("repositories")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple({name.lower(): name for name in value}.values())

    @field_validator("rule_floors")
    @classmethod
    def _rules_and_weights(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for place, entry in enumerate(value):
            rule, _, level = entry.partition("=")
            if rule not in RULE_IDS:
                near = difflib.get_close_matches(rule, RULE_IDS, 1, 0.6)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ValueError(f"entry {place + 1} names no rule.{hint}")
            if level not in get_args(Level):
                levels = ", ".join(get_args(Level))
                raise ValueError(f"entry {place + 1}: after {rule}= give one of {levels}")
        return value

    @property
    def models_allowed(self) -> frozenset[str]:
        """Models that a repository may name."""
        named = (
            *(self.model, self.model_editor, self.model_reviewer, self.model_allow),
            tuple(entry.partition("=")[2] for entry in self.model_routes),
        )
        return frozenset(name for several in named for name in several)

    @property
    def floors(self) -> dict[str, Level]:
        """The least that repositories can make of rules, by their ids."""
        pairs = (entry.partition("=") for entry in self.rule_floors)
        return {rule: cast(Level, level) for rule, _, level in pairs}

    @field_validator("home", mode="before")
    @classmethod
    def _some_folder(cls, value: object) -> object:
        if value == "":
            raise ValueError("is empty. Name a folder, or leave it unset")
        return value

    @field_validator("github_url", "public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give a whole address, as in https://mergewright.example.org")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("give an address without user, password, ? and #")
        return value.rstrip("/")


def variable(field: str) -> str:
    """Name the environment variable of a setting."""
    return _PREFIX + field.upper()


#: All that the listener, which strangers talk to, has a use for.
_OF_LISTENER = ("home", "listen_host", "listen_port", "webhook_secret", "webhook_secret_file")


def withheld_from_listener() -> frozenset[str]:
    """Name the variables that the listener does not get, such as the code host's key and token."""
    return frozenset(
        variable(field) for field in Settings.model_fields if field not in _OF_LISTENER
    )


def model_keys(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what opens a provider of models, by its variable: nobody but the worker has a use."""
    return {
        name: value for name, value in environ.items() if value and _OF_A_PROVIDER.fullmatch(name)
    }


_OF_A_PROVIDER = re.compile(
    r"[A-Z0-9_]+_(?:API_KEY|AUTH_TOKEN|ACCESS_TOKEN|SECRET_ACCESS_KEY|SESSION_TOKEN|INFERENCE_KEY"
    r"|OIDC_TOKEN|TOKEN_BEDROCK)|HF_TOKEN|SNOWFLAKE_TOKEN"
)


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsInvalid: `MERGEWRIGHT_*` variables are unknown or have wrong values; the message
            names each on a line of its own, with what to do.
    """
    given: dict[str, object] = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(_PREFIX)
    }
    if "home" not in given:
        given["home"] = _default_home(environ)
    for name in _LISTS:
        if isinstance(listed := given.get(name), str):
            given[name] = tuple(one.strip() for one in listed.split(",") if one.strip())
    problems = [
        f"{variable(name)} and {variable(name)}_FILE are both set. Keep one of them."
        for name in _BY_FILE
        if name in given and f"{name}_file" in given
    ]
    try:
        loaded = Settings.model_validate(given, strict=False)
    except ValidationError as problem:
        raise _join_problems([*problems, *_in_words(problem)]) from problem
    if problems:
        raise _join_problems(problems)
    return loaded


def _in_words(problem: ValidationError) -> Iterator[str]:
    """Say what is wrong with each variable; with a list, which of its entries."""
    for error in problem.errors():
        field, *inside = error["loc"]
        name = variable(str(field))
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(field), Settings.model_fields, 1, 0.6)
            known = ", ".join(variable(known) for known in Settings.model_fields)
            hint = f"Did you mean {variable(near[0])}?" if near else f"Known: {known}"
            yield f"{name} is not a setting. {hint}"
            continue
        entry = f"entry {inside[0] + 1}: " if inside and isinstance(inside[0], int) else ""
        yield f"{name}: {entry}{_what_is_wrong(str(field), error)}"


def form(field: str) -> str:
    """Say which form the value of a setting has, as a whole number from 1 to 64."""
    annotation = Settings.model_fields[field].annotation
    if get_origin(annotation) is Literal:
        return " or ".join(get_args(annotation))
    shown = str(annotation)
    if "tuple" in shown:
        return "a list, with commas between"
    if number := _number(shown):
        return f"{number}{_bounds(field)}"
    return "a path" if "Path" in shown else "text"


def _number(annotation: str) -> str | None:
    return next((words for kind, words in _NUMBERS.items() if kind in annotation), None)


def _what_is_wrong(field: str, error: ErrorDetails) -> str:
    """Say which form a value has to have; what may be a secret is not repeated."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    number = _number(str(Settings.model_fields[field].annotation))
    given = str(error["input"])
    if number is None:
        short, most = error["type"] == "string_too_short", error.get("ctx", {}).get("max_length")
        if short:
            return "is empty. Give it a value, or leave it unset"
        if error["type"] == "string_too_long":
            return f"has {len(given)} characters. Give at most {most}"
        return error["msg"]
    # What was typed in the wrong place may be a secret: only what cannot be one is repeated.
    harmless = re.fullmatch(r"[-+]?[0-9.]{1,12}|\w{1,3}", given)
    said = f"{given!r} is not that" if harmless else "its value is not that"
    said = said if given else "it is empty"
    return f"give {number}{_bounds(field)}; {said}"


def _bounds(field: str) -> str:
    """Say between which numbers a value may be."""
    limits = {
        kind: getattr(rule, kind)
        for rule in Settings.model_fields[field].metadata
        for kind in ("ge", "gt", "le")
        if getattr(rule, kind, None) is not None
    }
    match limits:
        case {"ge": least, "le": most}:
            return f" from {least} to {most}"
        case {"gt": more, "le": most}:
            return f" above {more} and up to {most}"
        case {"gt": more}:
            return f" above {more}"
        case {"ge": least}:
            return f" of at least {least}"
    return ""


def hold_all(*checks: Callable[[], object]) -> None:
    """Make every check, and say in one go what is wrong.

    Raises:
        SettingsInvalid: Each problem on a line of its own.
    """
    problems = []
    for check in checks:
        try:
            check()
        except SettingsInvalid as problem:
            problems.append(problem.message)
    if problems:
        raise _join_problems(problems)


def _join_problems(problems: list[str]) -> SettingsInvalid:
    lines = list(dict.fromkeys(problems))
    if len(lines) == 1:
        return SettingsInvalid(lines[0])
    listed = "\n".join(f"- {line}" for line in lines)
    return SettingsInvalid(f"{len(lines)} settings are wrong:\n{listed}")


def webhook_secret(settings: Settings) -> SecretStr | None:
    """Read the webhook secret, from its value or its file; None: not given, or empty.

    Raises:
        SettingsInvalid: The file cannot be read.
    """
    return _secret(settings.webhook_secret, settings.webhook_secret_file, "WEBHOOK_SECRET_FILE")


def signing_secret(settings: Settings) -> bytes:
    """Read the webhook secret, without which nobody may listen.

    Raises:
        SettingsInvalid: There is none, it can be guessed, or its file cannot be read.
    """
    secret = webhook_secret(settings)
    if secret is None:
        raise SettingsInvalid(
            "The webhook secret is missing or empty, so anybody could start runs. Set"
            " MERGEWRIGHT_WEBHOOK_SECRET_FILE (or MERGEWRIGHT_WEBHOOK_SECRET) to the secret of the"
            " webhook's settings in GitHub; `openssl rand -hex 32` makes one."
        )
    raw = secret.get_secret_value().encode()
    if len(raw) < SHORTEST_SECRET:
        raise SettingsInvalid(
            f"The webhook secret has {len(raw)} bytes; it can be guessed. Make one of at least"
            f" {SHORTEST_SECRET}, for example with `openssl rand -hex 32`, and set it in GitHub"
            " too."
        )
    return raw


def require_whole(home: Path) -> None:
    """Refuse a data folder that a backup was being laid out in.

    Raises:
        SettingsInvalid: Says what to do.
    """
    if (home / RESTORING).exists():
        raise SettingsInvalid(
            f"{variable('home')}: a restore into {home} was cut off. Empty that folder and run"
            " `mergewright restore` again."
        )


def require_home(settings: Settings) -> None:
    """Have the data folder, and the right to write there.

    Raises:
        SettingsInvalid: It cannot be made, or belongs to somebody else.
    """
    home = settings.home
    try:
        # Sandboxes run as another user, who has to pass through.
        home.mkdir(parents=True, exist_ok=True, mode=0o711)
        if not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        require_whole(home)
    except OSError as problem:
        raise SettingsInvalid(
            f"{variable('home')}: {home} cannot be used ({problem.strerror}). Name a folder that"
            " this user may write to."
        ) from problem


def github_token(settings: Settings) -> SecretStr | None:
    """Read the token of token mode, from its value or its file; None: not given, or empty.

    Raises:
        SettingsInvalid: The file cannot be read.
    """
    return _secret(settings.github_token, settings.github_token_file, "GITHUB_TOKEN_FILE")


def github_private_key(settings: Settings) -> SecretStr | None:
    """Read the App's private key from its file; None: not given, or empty.

    Raises:
        SettingsInvalid: The file cannot be read.
    """
    return _secret(None, settings.github_private_key_file, "GITHUB_PRIVATE_KEY_FILE")


def _secret(value: SecretStr | None, file: Path | None, variable: str) -> SecretStr | None:
    if value is not None:
        text = value.get_secret_value()
    elif file is not None:
        text = _secret_file(file, _PREFIX + variable)
    else:
        return None
    # Editors and `echo` end a file with a newline that is no part of the secret.
    return SecretStr(text.strip()) if text.strip() else None


def _secret_file(path: Path, variable: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_SECRET_FILE_BYTES + 1)
        if len(raw) > _SECRET_FILE_BYTES:
            raise SettingsInvalid(f"{variable}: {path} is too long to be a secret.")
        return raw.decode("utf-8-sig")
    except OSError as problem:
        raise SettingsInvalid(
            f"{variable}: {path} cannot be read ({problem.strerror}). Name a file that this user"
            " may read."
        ) from problem
    except UnicodeDecodeError:
        # Without its cause, which would show the bytes.
        raise SettingsInvalid(f"{variable}: {path} is no text.") from None


def _default_home(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0:
        # Sandboxes run as another user, who could not reach anything below root's own home.
        return "/var/lib/mergewright"
    try:
        data = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:
        raise SettingsInvalid(
            "This user has no home folder. Set MERGEWRIGHT_HOME to a folder that it may write to."
        ) from None
    return str(Path(data) / "mergewright")
