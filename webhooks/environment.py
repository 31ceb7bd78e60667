"""Which environment variables the listener may have. Pure.

The listener is the part that strangers talk to: what it does not have, nobody can get out of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent import settings

_PREFIX = "MERGEWRIGHT_"
_SYSTEM = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
    "NO_COLOR", "XDG_DATA_HOME", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONFAULTHANDLER",
    "PYTHONUTF8", "PYTHONIOENCODING",
})  # fmt: skip


def kept(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what may stay.

    A setting that we do not know stays as well: reading the settings refuses it by name.
    """
    withheld = settings.withheld_from_listener()
    return {name: value for name, value in environ.items() if _may_stay(name, withheld)}


def _may_stay(name: str, withheld: frozenset[str]) -> bool:
    if name.startswith(_PREFIX):
        return name not in withheld
    return name in _SYSTEM or name.startswith("LC_")
