"""Where a new App's key, webhook secret and settings are kept, as `serve` or compose reads them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import PermanentError, SettingsInvalid
from agent.settings import variable

_OF_AN_APP = ("github_app_id", "github_private_key_file", "webhook_secret_file")
#: An App and a token exclude each other, and so do the two ways to give a webhook secret.
_AGAINST_IT = ("github_token", "github_token_file", "webhook_secret")
_LINE = re.compile(r"\s*(?:export\s+)?(MERGEWRIGHT_[A-Z_]+)\s*=")


@dataclass(frozen=True)
class Places:
    """Three files, and the path at which the service itself sees the two secrets."""

    key: Path
    webhook: Path
    environment: Path
    key_as_seen: str
    webhook_as_seen: str | None
    """None: the service that has the key is never given that secret."""

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """All three, the secrets first."""
        return self.key, self.webhook, self.environment


def usual_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Name the folder for settings: /etc/mergewright for root, else one's own."""
    if os.geteuid() == 0:
        return Path("/etc/mergewright")
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mergewright"


def for_serve(folder: Path) -> Places:
    """Lay the files out for `mergewright serve`, which divides the secrets itself."""
    folder = folder.absolute()
    key, webhook = folder / "github", folder / "webhook"
    return Places(key, webhook, folder / "environment", str(key), str(webhook))


def for_compose(folder: Path) -> Places:
    """Lay the files out as `deploy/compose.yml` mounts them, from the folder that it is in."""
    secrets = folder.absolute() / "secrets"
    return Places(
        secrets / "github",
        secrets / "webhook",
        folder.absolute() / "worker.env",
        "/run/secrets/github",
        None,
    )


def require_free(places: Places, given: Mapping[str, str]) -> None:
    """Refuse where an App, or a token, is configured already.

    Args:
        given: The environment of this process.

    Raises:
        SettingsInvalid: Says what there is, and what to do.
    """
    found = [str(path) for path in (places.key, places.webhook) if path.exists()]
    names = {variable(field) for field in (*_OF_AN_APP, *_AGAINST_IT)}
    in_file = {name for line in _lines(places.environment) if (name := _set_by(line)) in names}
    found += [f"{name} in {places.environment}" for name in sorted(in_file)]
    found += [f"{name} in the environment" for name in sorted(names) if given.get(name)]
    if found:
        raise SettingsInvalid(
            f"An App or a token is configured already: {', '.join(found)}. Go on with that"
            " (`mergewright app show`), name another folder (--into), or move them away first to"
            " make a new App."
        )


def prepare(places: Places) -> None:
    """Have the folders, and the right to write there, before GitHub hands out what goes into them.

    Raises:
        SettingsInvalid: One cannot be made or written to.
    """
    for folder in {path.parent for path in places.files}:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            problem = "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
        except OSError as refused:
            problem = str(refused.strerror)
        if problem:
            raise SettingsInvalid(
                f"{folder} cannot be written to ({problem}). Name another folder with --into, or"
                " run the command as the user that it belongs to."
            )


def keep(places: Places, key: str, webhook_secret: str, values: Mapping[str, str | None]) -> None:
    """Write the secrets and the settings, mode 0600; other lines of the settings stay.

    Args:
        values: Further settings by field; None: the setting has its default.

    Raises:
        PermanentError: They cannot be written.
    """
    told: dict[str, str | None] = {
        "github_private_key_file": places.key_as_seen,
        "webhook_secret_file": places.webhook_as_seen,
        **values,
    }
    ours = {variable(field) for field in told}
    lines = [line for line in _lines(places.environment) if _set_by(line) not in ours]
    lines += [f"{variable(f)}={shlex.quote(value)}" for f, value in told.items() if value]
    texts = (key, f"{webhook_secret}\n", "\n".join([*lines, ""]))
    try:
        for path, text in zip(places.files, texts, strict=True):
            _write(path, text)
    except OSError as problem:
        raise PermanentError(
            f"{path} cannot be written ({problem.strerror}), so the App's key is lost. Make space,"
            " then make a new private key and webhook secret on the App's page and write the files"
            " by hand (deploy/README.md)."
        ) from problem


def _write(path: Path, text: str) -> None:
    """Make a file that only its owner can read, whole or not at all."""
    passing = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(passing, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise SettingsInvalid(f"{path} cannot be read ({problem.strerror}).") from problem


def _set_by(line: str) -> str:
    """Name the setting of ours that a line of a file of settings sets; empty: none."""
    match = _LINE.match(line)
    return match[1] if match else ""
