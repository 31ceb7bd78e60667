"""The package index: where it is, which hosts belong to it, and its source archives.

Owns the search for the operator's index and certificates and every request that the host itself
sends there. Choosing versions beyond "newest first", and building, is `agent.environments`.
Reads are idempotent and are retried here; nothing else retries them.
"""

from __future__ import annotations

import configparser
import errno
import hashlib
import os
import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    ACCEPT_JSON_PREFERRED,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from agent.errors import EnvironmentFailed, IndexUnavailable, SettingsInvalid, StorageFull
from agent.ports import IndexAccess, SourceArchive
from agent.settings import Settings

#: Asked for to learn where the index keeps its files; every index that can serve us has it.
_PROBE_PROJECT = "pip"
_MOST_PAGE_BYTES = 64 * 1024**2
_MOST_ARCHIVE_BYTES = 512 * 1024**2
_ATTEMPTS = 4
_URL_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


class SimpleIndex:
    """A simple index over HTTP, JSON or HTML: the one that the settings, uv or pip name.

    Raises:
        SettingsInvalid: The configured address is not one of a web index.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self._access = IndexAccess(url=_index_url(settings, environ), ca_bundle=_ca_bundle(environ))
        self._base = self._access.url.rstrip("/") + "/"
        self._pages: dict[str, ProjectPage | None] = {}

    @property
    def url(self) -> str:
        """Address of the simple index, without credentials."""
        return _without_credentials(self._base)

    def access(self) -> IndexAccess:
        """What the fetch phase needs to reach the index, credentials included."""
        return self._access

    def hosts(self) -> tuple[str, ...]:
        """Ask the index for one project; its own host comes first, then those of the files."""
        hosts = {_host(self._base): None}
        page = self._page(_PROBE_PROJECT)
        for package in page.packages if page else ():
            if package.url.startswith(("https://", "http://")):
                hosts[_host(package.url)] = None
        return tuple(hosts)

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256 that were not yanked, newest version first."""
        page = self._page(str(canonicalize_name(name)))
        found: list[tuple[Version, SourceArchive]] = []
        for package in page.packages if page else ():
            archive = _archive(name, package)
            if archive is not None:
                found.append((Version(archive.version), archive))
        # Of one version, the tar comes before the zip: newer tools make only that.
        found.sort(key=lambda entry: (entry[0], entry[1].filename.endswith(".gz")), reverse=True)
        newest: dict[Version, SourceArchive] = {}
        for version, archive in found:
            newest.setdefault(version, archive)
        return tuple(newest.values())

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
            EnvironmentFailed: What came is not what the index has announced.
        """
        name = Path(archive.filename).name
        place = folder / name
        part = folder / f".{name}.part"
        try:
            for attempt in _retrying():
                with attempt:
                    total = self._stream(archive, part)
            if total != archive.sha256.lower():
                raise EnvironmentFailed(
                    f"{archive.filename} does not have the sha256 that the index announces; "
                    "it was not used."
                )
            part.replace(place)
        except httpx.HTTPError as problem:
            raise self._unavailable(archive.filename, problem) from problem
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"No room on the disk for {archive.filename}.") from problem
            raise
        finally:
            part.unlink(missing_ok=True)
        return place

    # --- requests ----------------------------------------------------------------------------

    @cached_property
    def _trusted(self) -> ssl.SSLContext | bool:
        if self._access.ca_bundle is None:
            return True
        return ssl.create_default_context(cafile=self._access.ca_bundle)

    def _client(self) -> httpx.Client:
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(30.0, connect=15.0),
            verify=self._trusted,
            headers={"User-Agent": "mergewright"},
        )

    def _page(self, name: str) -> ProjectPage | None:
        """The index's page of one project; None where it does not know it."""
        if name not in self._pages:
            self._pages[name] = self._fetch_page(name)
        return self._pages[name]

    def _fetch_page(self, name: str) -> ProjectPage | None:
        address = f"{self._base}{name}/"
        try:
            for attempt in _retrying():
                with attempt, self._client() as client:
                    response = client.get(address, headers={"Accept": ACCEPT_JSON_PREFERRED})
                    if response.status_code == httpx.codes.NOT_FOUND:
                        return None
                    response.raise_for_status()
        except httpx.HTTPError as problem:
            raise self._unavailable(name, problem) from problem
        if len(response.content) > _MOST_PAGE_BYTES:
            raise IndexUnavailable(f"The index answers with an unreasonable page for {name}.")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind.endswith("json"):
                return ProjectPage.from_json_data(response.json(), str(response.url))
            return ProjectPage.from_html(name, response.text, str(response.url))
        except (ValueError, KeyError, TypeError) as problem:
            raise IndexUnavailable(
                f"The index at {self.url} answers for {name} with what is no simple index page."
            ) from problem

    def _stream(self, archive: SourceArchive, place: Path) -> str:
        digest = hashlib.sha256()
        size = 0
        with (
            self._client() as client,
            client.stream("GET", archive.url) as response,
            place.open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > _MOST_ARCHIVE_BYTES:
                    raise EnvironmentFailed(
                        f"{archive.filename} is larger than {_MOST_ARCHIVE_BYTES} bytes."
                    )
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def _unavailable(self, what: str, problem: httpx.HTTPError) -> IndexUnavailable:
        if isinstance(problem, httpx.HTTPStatusError):
            said = f"HTTP {problem.response.status_code}"
        else:
            said = re.sub(r"://[^/@\s]*@", "://", str(problem)) or type(problem).__name__
        return IndexUnavailable(
            f"The package index at {self.url} did not give {what}: {said}. "
            "Check the network and the index settings (MERGEWRIGHT_INDEX_URL), then run again."
        )


def _index_url(settings: Settings, environ: Mapping[str, str]) -> str:
    configured = _pip_configuration(environ).get("index-url")
    places = [
        ("MERGEWRIGHT_INDEX_URL", settings.index_url),
        *((name, environ.get(name)) for name in _URL_VARIABLES),
        ("index-url of pip's configuration", configured),
    ]
    name, url = next(
        ((place, value.strip()) for place, value in places if value and value.strip()),
        ("", PYPI_SIMPLE_ENDPOINT),
    )
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


def _archive(name: str, package: DistributionPackage) -> SourceArchive | None:
    digest = package.digests.get("sha256")
    if package.package_type != "sdist" or package.is_yanked or not digest or not package.version:
        return None
    if not re.fullmatch(r"[\w.+-]+\.(?:tar\.gz|zip)", package.filename):
        return None
    try:
        Version(package.version)
    except InvalidVersion:
        return None
    return SourceArchive(
        name=str(canonicalize_name(name)),
        version=package.version,
        filename=package.filename,
        url=package.url,
        sha256=digest,
        requires_python=package.requires_python,
    )


def _retrying() -> Retrying:
    return Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=0.2, max=5, jitter=0.2),
        retry=retry_if_exception(_passing),
        reraise=True,
    )


def _passing(problem: BaseException) -> bool:
    """Whether a fault may be gone at the next attempt."""
    if isinstance(problem, httpx.HTTPStatusError):
        return problem.response.status_code in (408, 425, 429) or problem.response.is_server_error
    return isinstance(problem, httpx.TransportError)


def _host(address: str) -> str:
    """`host`, with the port where it is not 443."""
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return f"{parts.hostname}" if port == 443 else f"{parts.hostname}:{port}"


def _without_credentials(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
