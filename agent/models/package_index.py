"""Where packages come from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import Field

from agent.models.record import Record


class SourceArchive(Record):
    name: str
    version: str
    filename: str
    url: str
    sha256: str
    requires_python: str | None = None
    uploaded: str = ""
    """Day on which the index got it, as in `2024-05-31`; empty where the index does not say."""
    has_wheel: bool = False
    is_yanked: bool = False


class IndexAccess(Record):
    """How an index is reached; for the host only."""

    url: str
    """Address of the simple index, without credentials, with a slash at its end."""
    login: str | None = Field(default=None, repr=False)
    """`user:password`. It enters no sandbox: whoever opens the way out adds it to each request."""
    ca_bundle: str | None = None
    """Certificate file on the host that the operator trusts beyond the usual ones."""
    origin: str = ""


class IndexRequest(Record):
    url: str
    origin: str
    """File and line, or key."""
    only_for: str = ""
    """A project that is to come from there alone and is bound by no hash."""


class PackageIndex(Protocol):
    """The package indexes, as far as the fetch phase needs them from outside a sandbox."""

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys; needs no more than the settings."""
        ...

    @property
    def url(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Which of a repository's wishes are not followed."""
        ...

    def with_requested(self, wishes: tuple[IndexRequest, ...]) -> PackageIndex:
        """These, and of the ones that a repository names those that the operator allows.

        Raises:
            EnvironmentFailed: A project is to come only from one that is not allowed.
        """
        ...

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """All indexes, the one that is asked first in front, the default one last."""
        ...

    def list_addresses(self) -> tuple[str, ...]:
        """What the fetch phase may reach: the indexes and wherever their files are."""
        ...

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions of a project, newest version first.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
        """
        ...

    def download_archive(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        ...
