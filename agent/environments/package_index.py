"""The package indexes: where they are, which hosts belong to them, and their source archives.

Owns which indexes are asked: the operator's, and of those that a repository names the ones that
the operator allows. Where the operator's stand is known to `index_settings`; what is asked over
the network is left to `index_pages`. Choosing versions beyond "newest first", and building, is
`agent.environments`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from agent.environments import index_settings
from agent.environments.egress import parse_target
from agent.environments.index_settings import HostIndexes
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexAccess, IndexRequest, SourceArchive
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.environments.index_pages import IndexPages

_DEFAULT = "https://pypi.org/simple/"
#: Asked for to learn where the index keeps its files; every index that can serve us has it.
_PROBE_PROJECT = "pip"
#: Addresses of the public index; whichever index is the default one stands for it.
_PUBLIC = frozenset({"https://pypi.org/simple", "https://pypi.python.org/simple"})


class SimpleIndex:
    """Simple indexes over HTTP, JSON or HTML: those that the settings, uv or pip name.

    Raises:
        SettingsInvalid: A configured address is not one of a web index, or a file of the host's
            configuration cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str] = os.environ,
        *,
        host: HostIndexes | None = None,
    ) -> None:
        self._settings = settings
        self._host = host or index_settings.read_indexes(settings, environ)
        self._named: tuple[IndexAccess, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._opened: dict[str, IndexPages] = {}

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys: their addresses, or that it is the public one."""
        default = self._host.default
        others = [access.url for access in (*self._named, *self._host.extras)]
        return " ".join([*others, default.url if default else "public"])

    @property
    def url(self) -> str:
        """Address of the simple index, without credentials."""
        return self.list_accesses()[-1].url

    @property
    def notes(self) -> tuple[str, ...]:
        """Which of a repository's wishes are not followed."""
        return self._notes

    def with_requested(self, wishes: tuple[IndexRequest, ...]) -> SimpleIndex:
        """These, and of the ones that a repository names those that the operator allows.

        What the repository names gets no credentials but those that the operator has for exactly
        that index.
        """
        operators = {_normalise_url(access.url): access for access in self._host.bound}
        asked = {_normalise_url(access.url) for access in (*self._host.extras, *self._defaults())}
        named: list[IndexAccess] = []
        notes: list[str] = []
        for wish in wishes:
            address = _normalise_url(wish.url)
            if address in asked or address in _PUBLIC:
                continue
            if address in operators:
                named.append(operators[address])
            elif self._is_allowed(wish.url):
                url = f"{_without_login(wish.url).rstrip('/')}/"
                named.append(
                    IndexAccess(url=url, ca_bundle=self._host.ca_bundle, origin=wish.origin)
                )
            elif wish.only_for:
                # Taken from another index, the name might be somebody else's.
                raise EnvironmentFailed(
                    f"{wish.only_for} is to come from an index of its own. {_refusal(wish)}."
                )
            else:
                notes.append(_refusal(wish))
        index = SimpleIndex(self._settings, host=self._host)
        index._named = tuple({access.url: access for access in named}.values())
        index._notes = tuple(dict.fromkeys(notes))
        return index

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """All indexes, the one that is asked first in front, the default one last."""
        return (*self._named, *self._host.extras, *self._defaults())

    def list_addresses(self) -> tuple[str, ...]:
        """Addresses of the indexes, the default one first, and of files that this one has."""
        accesses = self.list_accesses()[::-1]
        files = self._pages(accesses[0]).file_addresses(_PROBE_PROJECT)
        return (
            *(access.url for access in accesses),
            *(one for one in files if one.startswith(("https://", "http://"))),
        )

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256 that were not yanked, newest version first.

        Of several indexes the first one that knows the project counts, as it does for wheels.
        """
        for access in self.list_accesses():
            pages = self._pages(access)
            if pages.has_project(name):
                return pages.source_archives(name)
        return ()

    def download_archive(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        for access in self.list_accesses():
            if archive in self._pages(access).source_archives(archive.name):
                return self._pages(access).download(archive, folder)
        raise EnvironmentFailed(f"No index has {archive.filename} any more.")

    def _defaults(self) -> tuple[IndexAccess]:
        usual = IndexAccess(
            url=_DEFAULT, ca_bundle=self._host.ca_bundle, origin="nothing else is configured"
        )
        return (self._host.default or usual,)

    def _pages(self, access: IndexAccess) -> IndexPages:
        from agent.environments import index_pages

        if access.url not in self._opened:
            self._opened[access.url] = index_pages.IndexPages(access)
        return self._opened[access.url]

    def _is_allowed(self, url: str) -> bool:
        is_web = urlsplit(url).scheme in ("http", "https")
        return is_web and parse_target(url) in map(parse_target, self._settings.allow_hosts)


def _refusal(wish: IndexRequest) -> str:
    host = urlsplit(wish.url).hostname
    said = f"{wish.origin}: the index {_without_login(wish.url)} is not asked"
    if host is None:
        return f"{said}, for it is not on the web"
    return (
        f"{said}. An operator may allow "
        f"it with MERGEWRIGHT_ALLOW_HOSTS={host}; one that wants credentials is named by UV_INDEX "
        "or pip's extra-index-url"
    )


def _without_login(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _normalise_url(address: str) -> str:
    """An address as it is compared with others."""
    return _without_login(address).rstrip("/").lower()
