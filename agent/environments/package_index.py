"""The package indexes: which are asked, which hosts belong to them, and their source archives.

Asked are the operator's, and of those that a repository names the ones that the operator allows.
Every request that the host itself sends to an index is here; requests are idempotent, and are tried
again here alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from agent.environments import index_settings
from agent.environments.hosts import parse_target
from agent.environments.index_settings import HostIndexes, hide_login
from agent.errors import EnvironmentFailed, IndexUnavailable
from agent.models.package_index import IndexAccess, IndexRequest, SourceArchive
from agent.settings import Settings

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, PyPISimple

_DEFAULT = "https://pypi.org/simple/"
#: Asked for to learn where the index keeps its files; every index that can serve us has it.
_PROBE_PROJECT = "pip"
#: Addresses of the public index; whichever index is the default one stands for it.
_PUBLIC = frozenset({"https://pypi.org/simple", "https://pypi.python.org/simple"})
_MOST_ARCHIVE_BYTES = 512 * 1024**2
_SECONDS = (15.0, 30.0)


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
        named: tuple[IndexAccess, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self._settings = settings
        self._host = host or index_settings.read_indexes(settings, environ)
        self._named = named
        self.notes = notes
        """Which of a repository's wishes are not followed."""
        usual = IndexAccess(
            url=_DEFAULT, ca_bundle=self._host.ca_bundle, origin="nothing else is configured"
        )
        self._default = self._host.default or usual
        self._pages: dict[tuple[str, str], list[DistributionPackage]] = {}

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys: their addresses, or that it is the public one."""
        others = [access.url for access in (*self._named, *self._host.extras)]
        return " ".join([*others, self._host.default.url if self._host.default else "public"])

    @property
    def url(self) -> str:
        """Address of the default index, without credentials."""
        return self._default.url

    def with_requested(self, wishes: tuple[IndexRequest, ...]) -> SimpleIndex:
        """These, and of the ones that a repository names those that the operator allows.

        What the repository names gets no credentials but those that the operator has for exactly
        that index.
        """
        operators = {_normalise(access.url): access for access in self._host.bound}
        asked = {_normalise(access.url) for access in (*self._host.extras, self._default)} | _PUBLIC
        hosts = [*map(parse_target, self._settings.allow_hosts)]
        named: dict[str, IndexAccess] = {}
        notes: list[str] = []
        for wish in wishes:
            address, is_web = _normalise(wish.url), urlsplit(wish.url).scheme in ("http", "https")
            if address in asked:
                continue
            if address in operators:
                named[address] = operators[address]
            elif is_web and parse_target(wish.url) in hosts:
                url = hide_login(wish.url).rstrip("/") + "/"
                bundle = self._host.ca_bundle
                named[address] = IndexAccess(url=url, ca_bundle=bundle, origin=wish.origin)
            elif wish.only_for:
                # Taken from another index, the name might be somebody else's.
                raise EnvironmentFailed(
                    f"{wish.only_for} is to come from an index of its own. {_refusal(wish)}."
                )
            else:
                notes.append(_refusal(wish))
        return SimpleIndex(
            self._settings,
            host=self._host,
            named=tuple(named.values()),
            notes=tuple(dict.fromkeys(notes)),
        )

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """All indexes, the one that is asked first in front, the default one last."""
        return (*self._named, *self._host.extras, self._default)

    def list_addresses(self) -> tuple[str, ...]:
        """Addresses of the indexes, the default one first, and of files that this one has."""
        files = (package.url for package in self._list(self._default, _PROBE_PROJECT))
        return (
            *(access.url for access in self.list_accesses()[::-1]),
            *(one for one in files if one.startswith(("https://", "http://"))),
        )

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256, newest version first.

        Of several indexes the first one that knows the project counts, as it does for wheels.
        """
        listed = (self._list(access, name) for access in self.list_accesses())
        packages = next(filter(None, listed), [])
        wheels = {one.version for one in packages if one.package_type == "wheel"}
        found = [one for package in packages if (one := _read_archive(name, package, wheels))]
        # Of one version, the tar comes before the zip: newer tools make only that.
        found.sort(key=lambda one: (Version(one.version), one.filename.endswith(".gz")))
        return tuple({Version(one.version): one for one in found}.values())[::-1]

    def download_archive(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        import pypi_simple
        import requests

        place = folder / archive.filename
        for access in self.list_accesses():
            for package in self._list(access, archive.name):
                if (package.filename, package.url) != (archive.filename, archive.url):
                    continue
                try:
                    with _open_client(access, archive.url) as client:
                        client.download_package(
                            package, place, timeout=_SECONDS, progress=_refuse_large
                        )
                except pypi_simple.DigestMismatchError as problem:
                    raise EnvironmentFailed(
                        f"{archive.filename} does not have the sha256 that the index announces; "
                        "it was not used."
                    ) from problem
                except requests.RequestException as problem:
                    raise _make_unavailable(access, archive.filename, problem) from problem
                return place
        raise EnvironmentFailed(f"No index has {archive.filename} any more.")

    def _list(self, access: IndexAccess, project: str) -> list[DistributionPackage]:
        """What an index has of one project, asked for once; nothing where it does not know it."""
        import pypi_simple
        import requests

        name = str(canonicalize_name(project))
        if (access.url, name) not in self._pages:
            try:
                with _open_client(access, access.url) as client:
                    packages = client.get_project_page(name, timeout=_SECONDS).packages
            except pypi_simple.NoSuchProjectError:
                packages = []
            except requests.RequestException as problem:
                raise _make_unavailable(access, name, problem) from problem
            except (
                ValueError,
                KeyError,
                TypeError,
                pypi_simple.UnsupportedRepoVersionError,
            ) as problem:
                raise IndexUnavailable(
                    f"The index at {access.url} answers for {name} with what is no simple index"
                    " page."
                ) from problem
            self._pages[access.url, name] = packages
        return self._pages[access.url, name]


def _open_client(access: IndexAccess, address: str) -> PyPISimple:
    """Open what asks an index; imported where a run asks at all."""
    import requests
    from pypi_simple import PyPISimple
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies
    from urllib3.util import Retry

    session = requests.Session()
    session.headers["User-Agent"] = "mergewright"
    # Otherwise variables of this host win over the certificates that were chosen.
    session.trust_env = False
    session.proxies = dict(get_environ_proxies(address))
    session.verify = access.ca_bundle or True
    statuses = (408, 425, 429, 500, 502, 503, 504)
    retry = Retry(total=3, status_forcelist=statuses, backoff_factor=0.2, raise_on_status=False)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    # Credentials are for the index alone, wherever its pages point to. A redirect to another host
    # drops them.
    login = access.login if _origin(address) == _origin(access.url) else None
    user, _, password = (login or "").partition(":")
    auth = (user.encode(), password.encode()) if login else None
    return PyPISimple(access.url, auth=auth, session=session)


def _make_unavailable(access: IndexAccess, what: str, problem: Any) -> IndexUnavailable:
    said = re.sub(r"://[^/@\s]*@", "://", str(problem)) or type(problem).__name__
    if problem.response is not None:
        said = f"HTTP {problem.response.status_code}"
    return IndexUnavailable(
        f"The package index at {access.url} did not give {what}: {said}. "
        "Check the network and the index settings (MERGEWRIGHT_INDEX_URL), then run again."
    )


def _refuse_large(length: int | None) -> Any:
    from pypi_simple.progress import null_progress_tracker

    if length and length > _MOST_ARCHIVE_BYTES:
        raise EnvironmentFailed(f"A source archive is larger than {_MOST_ARCHIVE_BYTES} bytes.")
    return null_progress_tracker()(length)


def _read_archive(
    project: str, package: DistributionPackage, wheels: Container[str | None]
) -> SourceArchive | None:
    digest = package.digests.get("sha256")
    try:
        name, version = parse_sdist_filename(package.filename)
    except (InvalidSdistFilename, InvalidVersion):
        return None
    if name != canonicalize_name(project) or not digest:
        return None
    return SourceArchive(
        name=name,
        version=str(version),
        filename=package.filename,
        url=package.url,
        sha256=digest,
        requires_python=package.requires_python,
        uploaded=f"{package.upload_time:%Y-%m-%d}" if package.upload_time else "",
        has_wheel=package.version in wheels,
        is_yanked=package.is_yanked,
    )


def _origin(address: str) -> tuple[Any, ...]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port


def _refusal(wish: IndexRequest) -> str:
    host = urlsplit(wish.url).hostname
    said = f"{wish.origin}: the index {hide_login(wish.url)} is not asked"
    if host is None:
        return f"{said}, for it is not on the web"
    return (
        f"{said}. An operator may allow "
        f"it with MERGEWRIGHT_ALLOW_HOSTS={host}; one that wants credentials is named by UV_INDEX "
        "or pip's extra-index-url"
    )


def _normalise(address: str) -> str:
    """An address as it is compared with others."""
    return hide_login(address).rstrip("/").lower()
