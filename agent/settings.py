"""The operator's settings: environment variables `MERGEWRIGHT_*` and where data lives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from agent.domain import Record
from agent.errors import SettingsInvalid

_PREFIX = "MERGEWRIGHT_"


class Settings(Record):
    """What the operator decides; bounds what a repository may ask for."""

    home: Path
    """Mirrors, environments, runs. Default: /var/lib/mergewright for root, else
    $XDG_DATA_HOME/mergewright (~/.local/share/mergewright)."""
    room_root: Path | None = None
    """Root file system of rooms, made by `sandbox_images/make_root.sh`; None: the host's /usr."""
    room_memory_mb: int = 4096
    """Of one room; checks have two rooms open at a time where there are two processors."""
    room_processes: int = 256
    room_disk_mb: int = 2048
    index_url: str | None = None
    """Package index; None: what pip and uv are configured with."""
    allow_hosts: tuple[str, ...] = ()
    """Further hosts that the fetch phase may reach."""
    max_minutes: int = 60
    """Upper bound for a repository's `limits.minutes` and `checks.tests.minutes`."""
    max_files_in_tree: int = 100_000
    max_tree_mb: int = 2048


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
    if isinstance(hosts := given.get("allow_hosts"), str):
        given["allow_hosts"] = tuple(host.strip() for host in hosts.split(",") if host.strip())
    try:
        return Settings.model_validate(given, strict=False)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = _PREFIX + str(first["loc"][0]).upper()
        known = ", ".join(_PREFIX + field.upper() for field in Settings.model_fields)
        if first["type"] == "extra_forbidden":
            raise SettingsInvalid(f"{name} is not a setting. Known: {known}") from problem
        raise SettingsInvalid(f"{name}: {first['msg']}") from problem


def _default_home(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0:
        # Rooms run as another user, who could not reach anything below root's own home.
        return "/var/lib/mergewright"
    data = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(data) / "mergewright")
