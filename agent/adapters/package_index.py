"""The package index: where it is, which hosts belong to it, and its source archives.

Owns the search for the operator's index and certificates. What is asked over the network is left
to `index_pages`. Choosing versions beyond "newest first", and building, is `agent.environments`.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from agent.errors import SettingsInvalid
from agent.ports import IndexAccess, SourceArchive
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.adapters.index_pages import IndexPages

#: Asked for to learn where the index keeps its files; every index that can serve us has it.
_PROBE_PROJECT = "pip"
_URL_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


class SimpleIndex:
    """A simple index over HTTP, JSON or HTML: the one that the settings, uv or pip name.

    Raises:
        SettingsInvalid: The configured address is not one of a web index.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self._configured = _configured_url(settings, environ)
        self._ca_bundle = _ca_bundle(environ)

    @property
    def mark(self) -> str:
        """Which index this is, for keys: its address, or that it is the public one."""
        return _shown(self._configured) if self._configured else "public"

    @property
    def url(self) -> str:
        """Address of the simple index, without credentials."""
        return _shown(self.access().url)

    def access(self) -> IndexAccess:
        """What the fetch phase needs to reach the index, credentials included."""
        if self._configured:
            return IndexAccess(url=self._configured, ca_bundle=self._ca_bundle)
        from agent.adapters import index_pages

        return IndexAccess(url=index_pages.DEFAULT, ca_bundle=self._ca_bundle)

    def hosts(self) -> tuple[str, ...]:
        """Ask the index for one project; its own host comes first, then those of the files."""
        hosts = {_host(self.url): None}
        for address in self._pages.file_addresses(_PROBE_PROJECT):
            if address.startswith(("https://", "http://")):
                hosts[_host(address)] = None
        return tuple(hosts)

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256 that were not yanked, newest version first.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
        """
        return self._pages.source_archives(name)

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
            EnvironmentFailed: What came is not what the index has announced.
        """
        return self._pages.download(archive, folder)

    @cached_property
    def _pages(self) -> IndexPages:
        from agent.adapters import index_pages

        return index_pages.IndexPages(self.access(), self.url)


def _configured_url(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The address that settings, uv or pip name; None where none of them does."""
    configured = _pip_configuration(environ).get("index-url")
    places = [
        ("MERGEWRIGHT_INDEX_URL", settings.index_url),
        *((name, environ.get(name)) for name in _URL_VARIABLES),
        ("index-url of pip's configuration", configured),
    ]
    given = [(place, value.strip()) for place, value in places if value and value.strip()]
    if not given:
        return None
    name, url = given[0]
    # uv allows `name=https://…`.
    url = re.sub(r"^[\w-]+=(?=https?://)", "", url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsInvalid(
            f"{name} is not the address of a package index: give an https:// address."
        )
    return url


def _ca_bundle(environ: Mapping[str, str]) -> str | None:
    """The certificate file that the operator trusts beyond the usual ones, if one is named."""
    named = [environ.get(name) for name in _CA_VARIABLES]
    named.append(_pip_configuration(environ).get("cert"))
    return next((path for path in named if path and Path(path).is_file()), None)


def _pip_configuration(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip's files say under [global] and [install]; later files win, as with pip."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return {}
    home = Path(environ.get("HOME") or Path.home())
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    system = [
        Path(d, "pip", "pip.conf") for d in environ.get("XDG_CONFIG_DIRS", "").split(":") if d
    ]
    places = [*system, Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    places += [home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    if prefix := environ.get("VIRTUAL_ENV"):
        places.append(Path(prefix, "pip.conf"))
    if extra := environ.get("PIP_CONFIG_FILE"):
        places.append(Path(extra))
    found: dict[str, str] = {}
    for place in places:
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as problem:
            raise SettingsInvalid(f"pip's configuration {place} cannot be read.") from problem
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    return found


def _host(address: str) -> str:
    """`host`, with the port where it is not 443."""
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"{parts.hostname}" if port == 443 else f"{parts.hostname}:{port}"


def _shown(address: str) -> str:
    """The address with a slash at its end and without credentials."""
    parts = urlsplit(address.rstrip("/") + "/")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
