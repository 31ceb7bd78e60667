"""The operator's settings: environment variables `MERGEWRIGHT_*` and where data lives.

Owns how a secret is given (by value or by file) and read. What a secret opens is left to whoever
holds it: the listener the webhook secret alone, the forge adapter key and token.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator

from agent.domain import Record
from agent.errors import SettingsInvalid

_PREFIX = "MERGEWRIGHT_"
HEARTBEAT = "worker.heartbeat"
"""File below `home` that the worker touches as long as it is at work."""
_LISTS = ("allow_hosts", "bot_ids")
#: Given by value or by file, never both.
_BY_FILE = ("github_token", "webhook_secret")
_SECRET_FILE_BYTES = 64 * 1024


class Settings(Record):
    """What the operator decides; bounds what a repository may ask for."""

    # What was typed in the wrong place may be a secret: no message repeats a value.
    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path
    """Mirrors, environments, runs. Default: /var/lib/mergewright for root, else
    $XDG_DATA_HOME/mergewright (~/.local/share/mergewright)."""
    room_root: Path | None = None
    """Root file system of rooms, made by `sandbox_images/make_root.sh`; None: the host's /usr."""
    room_memory_mb: int = 4096
    """Of one room; checks have two rooms open at a time where there are two processors."""
    room_processes: int = 256
    room_disk_mb: int = 2048
    room_seconds: int | None = Field(default=None, ge=1)
    """Of one check; None: max_minutes alone bounds it."""
    index_url: str | None = None
    """Package index; None: what pip and uv are configured with."""
    allow_hosts: tuple[str, ...] = ()
    """Further hosts that the fetch phase may reach."""
    max_minutes: int = 60
    """Upper bound for a repository's `limits.minutes` and `checks.tests.minutes`."""
    max_files_in_tree: int = 100_000
    max_tree_mb: int = 2048
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
    """Name the variables that the listener is not given: key and token of the forge, and others."""
    return frozenset(
        variable(field) for field in Settings.model_fields if field not in _OF_LISTENER
    )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsInvalid: A `MERGEWRIGHT_*` variable is unknown or has a wrong value; the message
            names it.
    """
    given: dict[str, object] = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(_PREFIX)
    }
    given.setdefault("home", _default_home(environ))
    for name in _LISTS:
        if isinstance(listed := given.get(name), str):
            given[name] = tuple(one.strip() for one in listed.split(",") if one.strip())
    for name in _BY_FILE:
        if name in given and f"{name}_file" in given:
            raise SettingsInvalid(
                f"{variable(name)} and {variable(name)}_FILE are both set. Keep one of them."
            )
    try:
        return Settings.model_validate(given, strict=False)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = variable(str(first["loc"][0]))
        known = ", ".join(map(variable, Settings.model_fields))
        if first["type"] == "extra_forbidden":
            raise SettingsInvalid(f"{name} is not a setting. Known: {known}") from problem
        raise SettingsInvalid(f"{name}: {first['msg'].removeprefix('Value error, ')}") from problem


def webhook_secret(settings: Settings) -> SecretStr | None:
    """Read the webhook secret, from its value or its file; None: not given, or empty.

    Raises:
        SettingsInvalid: The file cannot be read.
    """
    return _secret(settings.webhook_secret, settings.webhook_secret_file, "WEBHOOK_SECRET_FILE")


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
        # Rooms run as another user, who could not reach anything below root's own home.
        return "/var/lib/mergewright"
    data = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(data) / "mergewright")
