"""What a simple package index says: its pages and files, over HTTP.

Every request that the host itself sends to an index is here. Which index that is and what is
taken from it is left to `package_index`, which loads this module, and with it four libraries,
only once something is asked; a run whose environment is there asks nothing.
Reads are idempotent and are retried here; nothing else retries them.
"""

from __future__ import annotations

import errno
import hashlib
import re
import ssl
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import httpx
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    ACCEPT_JSON_PREFERRED,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from agent.errors import EnvironmentFailed, IndexUnavailable, StorageFull
from agent.models.package_index import IndexAccess, SourceArchive

#: The public index.
DEFAULT = PYPI_SIMPLE_ENDPOINT
_MOST_PAGE_BYTES = 64 * 1024**2
_MOST_ARCHIVE_BYTES = 512 * 1024**2
_ATTEMPTS = 4


class IndexPages:
    """One index, as it answers; every page is asked for once."""

    def __init__(self, access: IndexAccess) -> None:
        self._access = access
        self._base = access.url.rstrip("/") + "/"
        self._pages: dict[str, list[DistributionPackage]] = {}

    def knows(self, name: str) -> bool:
        """Whether the index has anything of a project."""
        return bool(self._list(str(canonicalize_name(name))))

    def file_addresses(self, project: str) -> Iterator[str]:
        """Yield where the files of a project are."""
        for package in self._list(project):
            yield package.url

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions with a sha256 that were not yanked, newest version first."""
        packages = self._list(str(canonicalize_name(name)))
        found = [one for package in packages if (one := _archive(name, package)) is not None]
        # Of one version, the tar comes before the zip: newer tools make only that.
        found.sort(key=lambda one: (Version(one.version), one.filename.endswith(".gz")))
        return tuple({Version(one.version): one for one in found}.values())[::-1]

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        place = folder / Path(archive.filename).name
        part = place.with_name(f".{place.name}.part")
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

    def _client(self, address: str) -> httpx.Client:
        # Credentials are for the index alone, wherever its pages point to. A redirect to another
        # host drops them.
        login = self._access.login if _origin(address) == _origin(self._base) else None
        user, _, password = (login or "").partition(":")
        return httpx.Client(
            auth=httpx.BasicAuth(user, password) if login else None,
            follow_redirects=True,
            timeout=httpx.Timeout(30.0, connect=15.0),
            verify=self._trusted,
            headers={"User-Agent": "mergewright"},
        )

    def _list(self, name: str) -> list[DistributionPackage]:
        """What the index has of one project; nothing where it does not know it."""
        if name not in self._pages:
            page = self._fetch_page(name)
            self._pages[name] = page.packages if page else []
        return self._pages[name]

    def _fetch_page(self, name: str) -> ProjectPage | None:
        address = f"{self._base}{name}/"
        try:
            for attempt in _retrying():
                with attempt, self._client(address) as client:
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
                f"The index at {self._base} answers for {name} with what is no simple index page."
            ) from problem

    def _stream(self, archive: SourceArchive, place: Path) -> str:
        digest = hashlib.sha256()
        size = 0
        with (
            self._client(archive.url) as client,
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
            f"The package index at {self._base} did not give {what}: {said}. "
            "Check the network and the index settings (MERGEWRIGHT_INDEX_URL), then run again."
        )


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
        uploaded=f"{package.upload_time:%Y-%m-%d}" if package.upload_time else "",
    )


def _origin(address: str) -> tuple[str, str, int | None]:
    url = httpx.URL(address)
    return url.scheme, url.host, url.port


def _retrying() -> Retrying:
    return Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.2, max=5) + wait_random(0, 0.2),
        retry=retry_if_exception(_passing),
        reraise=True,
    )


def _passing(problem: BaseException) -> bool:
    """Whether a fault may be gone at the next attempt."""
    if isinstance(problem, httpx.HTTPStatusError):
        return problem.response.status_code in (408, 425, 429) or problem.response.is_server_error
    return isinstance(problem, httpx.TransportError)
