"""Packages that come with a change, and what they say of themselves."""

from __future__ import annotations

from agent.models.record import Record


class DeclaredPackage(Record):
    """A package that a change declares, or fixes another version of."""

    name: str
    """Normalised."""
    version: str = ""
    """Where it is an exact one."""
    place: str = ""
    """`path:line` where it is declared, or the path of a lock file."""
    is_new: bool = True
    """Whether nothing declared it before."""
    before: str = ""
    """The exact version that was fixed before, where one was."""


class Licensing(Record):
    """What a distribution says of its licence, as it stands in its metadata."""

    expression: str = ""
    """`License-Expression`."""
    field: str = ""
    """`License`; it may be a whole text."""
    classifiers: tuple[str, ...] = ()
    """Those about licences."""


class Package(Record):
    """A package that comes with a change, or comes in another version."""

    name: str
    """Normalised."""
    version: str = ""
    """Exact; "" where it is declared without one for what the checks do not install."""
    is_new: bool = True
    """Whether base did not have it."""
    before: str = ""
    """The version that base has, where that is known."""
    place: str = ""
    """`path:line` where it is declared, or what needs it; "" where that is not known."""
    needed_by: tuple[str, ...] = ()
    """Packages of the change that require it."""
    licensing: Licensing | None = None
    """None: it is not installed for the checks."""
    earlier: Licensing | None = None
    """Of the version that base has."""


class AddedPackages(Record):
    packages: tuple[Package, ...]
    refused_lock: str = ""
    """Path of the lock that does not fit the change, and does base; empty: none."""
    refusal: str = ""
    """What it lacks, or why its tool does not export it."""
