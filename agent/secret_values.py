"""Secrets of the operator: read by value or from a file, and again when the file has changed.

If a file cannot be used any more, the previous secret stays in use.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from pydantic import SecretStr

from agent.errors import SettingsInvalid
from agent.settings import Settings, variable

T = TypeVar("T")
_log = structlog.get_logger()
#: As SQLAlchemy reads an address: in a password every sign but @ may stand as it is.
DATABASE_URL = re.compile(
    r"postgresql\+psycopg://(?:[^:/@]*(?::(?P<password>[^@]*))?@)?"
    r"(?:\[[^\]]*\]|[^/:?]*)(?::\d+)?(?:[/?].*)?"
)

SHORTEST_SECRET = 16
"""Bytes of the webhook secret; a shorter one can be guessed from one delivery at leisure."""
_SECRET_FILE_BYTES = 64 * 1024
_OF_A_PROVIDER = re.compile(
    r"[A-Z0-9_]+_(?:API_KEY|AUTH_TOKEN|ACCESS_TOKEN|SECRET_ACCESS_KEY|SESSION_TOKEN|INFERENCE_KEY"
    r"|OIDC_TOKEN|TOKEN_BEDROCK)|HF_TOKEN|SNOWFLAKE_TOKEN"
)


def read_secret(settings: Settings, field: str) -> SecretStr | None:
    """Read a secret, from its value or its file; None: not given, or empty.

    Raises:
        SettingsInvalid: The file cannot be read.
    """
    stored: SecretStr | Path | None = getattr(settings, field)
    if isinstance(stored, Path):
        text = _read_secret_file(stored, variable(f"{field}_file"))
    else:
        text = stored.get_secret_value() if stored is not None else ""
    # Editors and `echo` end a file with a newline that is no part of the secret.
    return SecretStr(text.strip()) if text.strip() else None


def read_addresses(settings: Settings) -> tuple[str, ...]:
    """Read who hears how runs end; SettingsInvalid: the file cannot be read."""
    secret = read_secret(settings, "notify")
    return tuple(secret.get_secret_value().replace(",", " ").split()) if secret else ()


def find_database(settings: Settings) -> str | None:
    """Read the address of PostgreSQL; None: SQLite in the data folder.

    Raises:
        SettingsInvalid: It is none of PostgreSQL, or its file cannot be read.
    """
    secret = read_secret(settings, "database_url")
    if secret is None:
        return None
    address = secret.get_secret_value()
    if not DATABASE_URL.fullmatch(address):
        raise SettingsInvalid(
            f"{variable('database_url')}: use postgresql+psycopg://USER:PASSWORD@HOST/NAME, or"
            " unset it to use SQLite."
        )
    return address


def _read_secret_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_SECRET_FILE_BYTES + 1)
        if len(raw) > _SECRET_FILE_BYTES:
            raise SettingsInvalid(f"{name}: {path} is too long to be a secret.")
        return raw.decode("utf-8-sig")
    except OSError as problem:
        raise SettingsInvalid(
            f"{name}: {path} cannot be read ({problem.strerror}). Use a file that this user"
            " can read."
        ) from problem
    except UnicodeDecodeError:
        # Without its cause, which would show the bytes.
        raise SettingsInvalid(f"{name}: {path} is not a text file.") from None


def read_webhook_secrets(settings: Settings) -> tuple[bytes, ...]:
    """Read the webhook's secret: while it is changed two, a line each.

    Raises:
        SettingsInvalid: One is needed, it can be guessed, or its file cannot be read.
    """
    secret = read_secret(settings, "webhook_secret")
    if secret is None:
        raise SettingsInvalid(
            "The webhook secret is missing or empty, so anyone could start runs. Set"
            " MERGEWRIGHT_WEBHOOK_SECRET_FILE (or MERGEWRIGHT_WEBHOOK_SECRET) to the webhook's"
            " secret in GitHub. `openssl rand -hex 32` generates one."
        )
    lines = tuple(line.strip().encode() for line in secret.get_secret_value().splitlines())
    secrets = tuple(filter(None, lines))
    if (shortest := min(map(len, secrets))) < SHORTEST_SECRET:
        raise SettingsInvalid(
            f"The webhook secret has {shortest} bytes and could be guessed. Use at least"
            f" {SHORTEST_SECRET}, for example from `openssl rand -hex 32`, and set it in GitHub"
            " too."
        )
    return secrets


def model_keys(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what opens a provider of models, by its variable: only the worker has a use for it.

    `ANTHROPIC_API_KEY_FILE` names a file with the key, which counts before the variable itself.

    Raises:
        SettingsInvalid: A file cannot be read.
    """
    variables = {name: value for name, value in environ.items() if value}
    keys = {name: value for name, value in variables.items() if _OF_A_PROVIDER.fullmatch(name)}
    for name, path in variables.items():
        if name.endswith("_FILE") and _OF_A_PROVIDER.fullmatch(name.removesuffix("_FILE")):
            key = _read_secret_file(Path(path), name).strip()
            if not key:
                raise SettingsInvalid(f"{name}: {path} is empty. Put the key in it.")
            keys[name.removesuffix("_FILE")] = key
    return keys


class RotatingSecret(Generic[T]):
    """An object made of a secret: once, or again when its file has changed."""

    def __init__(self, loaded: Settings, field: str, make: Callable[[], T]) -> None:
        """Make it; raises SettingsInvalid as `make` does."""
        secret = getattr(loaded, field)
        self._path = secret if isinstance(secret, Path) else None
        self._make, self._name = make, variable(f"{field}_file")
        self._seen = self._identify_file()
        self._made = make()

    def __call__(self) -> T:
        """Return the present object; costs a look at the file."""
        if self._path is not None and (there := self._identify_file()) != self._seen:
            self._seen = there
            try:
                self._made = self._make()
            except SettingsInvalid as problem:
                _log.error("the secret before stays in use", problem=problem.message)
            else:
                _log.info("a secret was read again", setting=self._name)
        return self._made

    def _identify_file(self) -> tuple[int, int, int] | None:
        try:
            there = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (there.st_mtime_ns, there.st_size, there.st_ino) if there else None


def refresh_model_keys() -> bool:
    """Set the keys of providers that are in files in the environment; return whether any is new."""
    try:
        changed = {name: key for name, key in model_keys().items() if os.environ.get(name) != key}
    except SettingsInvalid as problem:
        _log.error("the keys before stay in use", problem=problem.message)
        return False
    os.environ.update(changed)
    return bool(changed)
