"""Where a new App's key, webhook secret and settings are kept, as `serve` or compose reads them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from agent.errors import PermanentError, SettingsInvalid
from agent.settings import variable

#: What says that an App is configured, or a token; and the other way to give a webhook secret.
_FIELDS = (
    "github_app_id", "github_private_key_file", "webhook_secret_file",
    "github_token", "github_token_file", "webhook_secret",
)  # fmt: skip


class Places(NamedTuple):
    """Three files, and the path at which the service itself sees the two secrets."""

    key: Path
    webhook: Path
    environment: Path
    key_in_service: str
    webhook_in_service: str = ""
    """Empty: the service that has the key is never given that secret."""


def default_folder() -> Path:
    """Return the folder for settings: /etc/mergewright for root, else one's own."""
    if os.geteuid() == 0:
        return Path("/etc/mergewright")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mergewright"


def for_serve(folder: Path) -> Places:
    """Lay the files out for `mergewright serve`, which divides the secrets itself."""
    folder = folder.absolute()
    key, webhook = folder / "github", folder / "webhook"
    return Places(key, webhook, folder / "environment", str(key), str(webhook))


def for_compose(folder: Path) -> Places:
    """Lay the files out as `deploy/compose.yml` mounts them, from the folder that it is in."""
    folder = folder.absolute()
    key, webhook = folder / "secrets" / "github", folder / "secrets" / "webhook"
    return Places(key, webhook, folder / "worker.env", "/run/secrets/github")


def prepare(places: Places, environ: Mapping[str, str]) -> None:
    """Make the folders; SettingsInvalid where an App, or a token, is configured already."""
    text = _read(places.environment)
    found = [str(path) for path in (places.key, places.webhook) if path.exists()]
    for name in map(variable, _FIELDS):
        if re.search(rf"^\s*(?:export\s+)?{name}\s*=", text, re.MULTILINE):
            found.append(f"{name} in {places.environment}")
        if environ.get(name):
            found.append(f"{name} in the environment")
    if found:
        raise SettingsInvalid(
            f"An App or a token is configured already: {', '.join(found)}. Use that, name another"
            " folder (--into), or move them away first."
        )
    for folder in {path.parent for path in places[:3]}:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SettingsInvalid(f"{folder} cannot be written to. Name another with --into.")


def write(places: Places, key: str, webhook_secret: str, values: Mapping[str, str]) -> None:
    """Write the secrets, and add the settings by field to their file; mode 0600."""
    values = {"github_private_key_file": places.key_in_service, **values}
    if places.webhook_in_service:
        values["webhook_secret_file"] = places.webhook_in_service
    # For shells and compose alike the last line about a variable counts.
    lines = [f"{variable(field)}={shlex.quote(value)}" for field, value in values.items()]
    before = _read(places.environment).splitlines()
    texts = (key, f"{webhook_secret}\n", "\n".join([*before, *lines, ""]))
    try:
        for path, text in zip(places[:3], texts, strict=True):
            _write_private(path, text)
    except OSError as problem:
        raise PermanentError(
            f"{path} cannot be written ({problem.strerror}), so the App's key is lost. Make space,"
            " then make a new private key and webhook secret on the App's page and write the files"
            " by hand (deploy/README.md)."
        ) from problem


def _write_private(path: Path, text: str) -> None:
    """Make a file that only its owner can read, whole or not at all."""
    passing = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(passing, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeError) as problem:
        raise SettingsInvalid(f"{path} cannot be read ({problem}).") from problem
