"""Read the operator's package indexes, and their hosts, from the variables of uv and pip.

If an index has its files on another host, the operator adds that host to MERGEWRIGHT_ALLOW_HOSTS.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field

from agent.errors import SettingsInvalid
from agent.models.record import Record

_PUBLIC = "https://pypi.org/simple/"
_PUBLIC_FILES = "https://files.pythonhosted.org/"
#: Variables for the default index (the first that is set counts), and for indexes before it.
_DEFAULT = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_MORE = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
#: uv allows `name=https://…`.
_NAMED = re.compile(r"(?:([\w.-]+)=)?(.+)")


class HostPort(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        """Return `host:port` for people, cut: a client may have invented a long name."""
        return f"{self.host[:120]}:{self.port}"


def parse_target(written: str) -> HostPort:
    """Read `host`, `host:port` or an address with a scheme; ValueError: it has another form."""
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return HostPort((parts.hostname or "").lower(), port)


class IndexAccess(Record):
    """Address and credentials of an index; they stay on the host."""

    url: str
    """Address of the simple index, without credentials, with a slash at its end."""
    login: str | None = Field(default=None, repr=False)
    """`user:password`. No sandbox sees it: the gateway adds it to each request."""
    ca_bundle: str | None = None
    """Certificate file on the host that the operator trusts in addition to the usual ones."""


class PackageIndex:
    """The operator's simple indexes.

    Raises:
        SettingsInvalid: The configured default index has no web address.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        places = [place for place in map(environ.get, _CERTIFICATES) if place]
        self._ca_bundle = next((place for place in places if Path(place).is_file()), None)
        self._environ = environ
        name = next(filter(environ.get, _DEFAULT), "")
        written = environ.get(name)
        self._is_public = not written
        self._default = self._read(written or _PUBLIC)
        if not _is_web(self._default):
            raise SettingsInvalid(
                f"{name} is not a package index address. Use an https:// address."
            )
        more = map(self._read, " ".join(environ.get(name, "") for name in _MORE).split())
        # Sandboxes see no folder of this machine, so indexes in folders are left out.
        others = {access.url: access for access in more if _is_web(access)}
        others.pop(self._default.url, None)
        self._others = tuple(others.values())

    @property
    def mark(self) -> str:
        """The addresses, for cache keys; `public` stands for the default index if none is set."""
        others = [access.url for access in self._others]
        return " ".join([*others, "public" if self._is_public else self._default.url])

    @property
    def url(self) -> str:
        """Address of the default index, without credentials."""
        return self._default.url

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """List all indexes, in the order in which they are asked; the default is last."""
        return (*self._others, self._default)

    @property
    def file_addresses(self) -> tuple[str, ...]:
        """Addresses of the indexes' files, if these are on other hosts."""
        has_public = any(access.url == _PUBLIC for access in self.list_accesses())
        return (_PUBLIC_FILES,) if has_public else ()

    def _read(self, written: str) -> IndexAccess:
        name, address = _NAMED.fullmatch(written.strip()).groups()  # type: ignore[union-attr]
        parts = urlsplit(address)
        url = urlunsplit(
            parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        )
        login = next(self._list_logins(name or "", parts.username, parts.password), None)
        return IndexAccess(url=url.rstrip("/") + "/", login=login, ca_bundle=self._ca_bundle)

    def _list_logins(self, name: str, user: str | None, password: str | None) -> Iterator[str]:
        """Yield the credentials in an address, and in uv's variables for the index of this name."""
        if user or password:
            yield f"{unquote(user or '')}:{unquote(password or '')}"
        start = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
        user, password = (self._environ.get(f"{start}_{part}") for part in ("USERNAME", "PASSWORD"))
        if user or password:
            yield f"{user or ''}:{password or ''}"


def _is_web(access: IndexAccess) -> bool:
    parts = urlsplit(access.url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
