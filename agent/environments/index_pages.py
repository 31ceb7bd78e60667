"""What a simple package index says: its pages and files, over HTTP.

Every request that the host itself sends to an index is here. Which index that is and what is
taken from it is left to `package_index`, which loads this module, and with it a few libraries,
only once something is asked; a run whose environment is there asks nothing.
Reads are idempotent and are retried here; nothing else retries them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pypi_simple
import requests
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version
from pypi_simple import DistributionPackage, PyPISimple
from pypi_simple.progress import null_progress_tracker
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util import Retry

from agent.errors import EnvironmentFailed, IndexUnavailable
from agent.models.package_index import IndexAccess, SourceArchive

_MOST_ARCHIVE_BYTES = 512 * 1024**2
_SECONDS = (15.0, 30.0)
_RETRY = Retry(
    total=3,
    status_forcelist=(408, 425, 429, 500, 502, 503, 504),
    backoff_factor=0.2,
    raise_on_status=False,
)


class IndexPages:
    """One index, as it answers; every page is asked for once."""

    def __init__(self, access: IndexAccess) -> None:
        self._access = access
        self._pages: dict[str, list[DistributionPackage]] = {}

    def has_project(self, name: str) -> bool:
        return bool(self._list(name))

    def file_addresses(self, project: str) -> Iterator[str]:
        for package in self._list(project):
            yield package.url

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256 that were not yanked, newest version first."""
        packages = self._list(name)
        wheels = {one.version for one in packages if one.package_type == "wheel"}
        found = [one for package in packages if (one := _read_archive(name, package, wheels))]
        # Of one version, the tar comes before the zip: newer tools make only that.
        found.sort(key=lambda one: (Version(one.version), one.filename.endswith(".gz")))
        return tuple({Version(one.version): one for one in found}.values())[::-1]

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        named = (one for one in self._list(archive.name) if one.filename == archive.filename)
        place = folder / archive.filename
        try:
            with self._client(archive.url) as client:
                client.download_package(
                    next(named), place, timeout=_SECONDS, progress=_refuse_large
                )
        except pypi_simple.DigestMismatchError as problem:
            raise EnvironmentFailed(
                f"{archive.filename} does not have the sha256 that the index announces; "
                "it was not used."
            ) from problem
        except requests.RequestException as problem:
            raise self._make_unavailable(archive.filename, problem) from problem
        return place

    # --- requests ----------------------------------------------------------------------------

    def _client(self, address: str) -> PyPISimple:
        session = requests.Session()
        session.headers["User-Agent"] = "mergewright"
        # Otherwise variables of this host win over the certificates that were chosen.
        session.trust_env = False
        session.proxies = dict(get_environ_proxies(address))
        session.verify = self._access.ca_bundle or True
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
        # Credentials are for the index alone, wherever its pages point to. A redirect to another
        # host drops them.
        login = self._access.login if _origin(address) == _origin(self._access.url) else None
        user, _, password = (login or "").partition(":")
        auth = (user.encode(), password.encode()) if login else None
        return PyPISimple(self._access.url, auth=auth, session=session)

    def _list(self, project: str) -> list[DistributionPackage]:
        """What the index has of one project; nothing where it does not know it."""
        name = str(canonicalize_name(project))
        if name not in self._pages:
            self._pages[name] = self._fetch(name)
        return self._pages[name]

    def _fetch(self, name: str) -> list[DistributionPackage]:
        try:
            with self._client(self._access.url) as client:
                return client.get_project_page(name, timeout=_SECONDS).packages
        except pypi_simple.NoSuchProjectError:
            return []
        except (
            ValueError,
            KeyError,
            TypeError,
            pypi_simple.UnsupportedRepoVersionError,
        ) as problem:
            raise IndexUnavailable(
                f"The index at {self._access.url} answers for {name} with what is no simple index "
                "page."
            ) from problem
        except requests.RequestException as problem:
            raise self._make_unavailable(name, problem) from problem

    def _make_unavailable(self, what: str, problem: requests.RequestException) -> IndexUnavailable:
        said = re.sub(r"://[^/@\s]*@", "://", str(problem)) or type(problem).__name__
        if problem.response is not None:
            said = f"HTTP {problem.response.status_code}"
        return IndexUnavailable(
            f"The package index at {self._access.url} did not give {what}: {said}. "
            "Check the network and the index settings (MERGEWRIGHT_INDEX_URL), then run again."
        )


def _refuse_large(length: int | None) -> Any:
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
    if name != canonicalize_name(project) or package.is_yanked or not digest:
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
    )


def _origin(address: str) -> tuple[Any, ...]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port
