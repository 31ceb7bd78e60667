"""See that no package has a say in how an environment's interpreter starts.

Python looks beside its program for files that name another standard library, and reads them before
any option counts. A package may hold files for any place of an environment; with one of these its
code would run before our scripts have read and deleted what they are told. Leaves modules that are
imported later, `.pth` files and the like, to `-S` (`checks/check.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.errors import EnvironmentFailed

SETTINGS = "pyvenv.cfg"
_PROGRAMS = "bin"
_BUILD = "pybuilddir.txt"
_PATHS = "._pth"


def locate_stored_settings(venv: Path) -> Path:
    """Where the settings of a new environment are copied to before anything is installed."""
    return venv.with_name(f"{venv.name}.{SETTINGS}")


def refuse_replaced(venv: Path) -> None:
    """Stop where an installation has put in place what the interpreter starts by.

    Raises:
        EnvironmentFailed: With the files, and the packages that have them.
    """
    found = sorted(find_replaced(venv, locate_stored_settings(venv)))
    if found:
        owners = ", ".join(sorted(_owners(venv, found))) or "a package"
        raise EnvironmentFailed(
            f"{owners} puts {', '.join(found)} into the environment, by which its interpreter "
            "would start another way. No package needs that, so it is not installed."
        )


def find_replaced(venv: Path, original: Path) -> Iterator[str]:
    """Yield what the interpreter would start by that is not as in the original settings."""
    settings = venv / SETTINGS
    if settings.is_symlink() or settings.read_bytes() != original.read_bytes():
        yield SETTINGS
    for place in (venv / _PROGRAMS).iterdir():
        if place.name in (SETTINGS, _BUILD) or place.name.endswith(_PATHS):
            yield f"{_PROGRAMS}/{place.name}"


def _owners(venv: Path, found: list[str]) -> Iterator[str]:
    """Name the packages whose list of files has one of these."""
    for record in venv.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        listed = record.read_text("utf-8", "replace")
        if any(f"/{path}," in listed for path in found):
            yield record.parent.name.removesuffix(".dist-info").replace("-", " ")
