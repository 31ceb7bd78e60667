"""The hosts that a gateway reads from."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit


class HostPort(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        """Name it for people: nothing a client made up beyond its letters and length."""
        return f"{self.host[:120]}:{self.port}"


def parse_target(written: str) -> HostPort:
    """Read `host`, `host:port` or an address with a scheme.

    Raises:
        ValueError: It is none of them.
    """
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return HostPort((parts.hostname or "").lower(), port)
