"""Where packages come from."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field

from agent.models.record import Record


class IndexAccess(Record):
    """How an index is reached; for the host only."""

    url: str
    """Address of the simple index, without credentials, with a slash at its end."""
    login: str | None = Field(default=None, repr=False)
    """`user:password`. It enters no sandbox: whoever opens the way out adds it to each request."""
    ca_bundle: str | None = None
    """Certificate file on the host that the operator trusts beyond the usual ones."""


class PackageIndex(Protocol):
    """The package indexes, as far as set-up needs them from outside a sandbox."""

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys; needs no more than the settings."""
        ...

    @property
    def url(self) -> str: ...

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """All that are asked for any name, the first in front, the default one last."""
        ...

    @property
    def file_addresses(self) -> tuple[str, ...]:
        """Addresses below which the files of the indexes are, where these are on other hosts."""
        ...
