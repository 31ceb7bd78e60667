"""The package indexes of the operator: which are asked, and which hosts belong to them.

Every request that the host itself sends to an index is here; requests are idempotent, and are tried
again here alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.environments import index_settings
from agent.errors import IndexUnavailable
from agent.models.package_index import IndexAccess
from agent.settings import Settings

if TYPE_CHECKING:
    from pypi_simple import PyPISimple

_DEFAULT = "https://pypi.org/simple/"
#: Asked for to learn where the index keeps its files; every index that can serve us has it.
_PROBE_PROJECT = "pip"
_SECONDS = (15.0, 30.0)


class SimpleIndex:
    """Simple indexes over HTTP, JSON or HTML: those that the settings, uv or pip name.

    Raises:
        SettingsInvalid: A configured address is not one of a web index, or a file of the host's
            configuration cannot be read.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self._host = index_settings.read_indexes(settings, environ)
        self._default = self._host.default or IndexAccess(
            url=_DEFAULT, ca_bundle=self._host.ca_bundle, origin="nothing else is configured"
        )

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys: their addresses, or that it is the public one."""
        others = [access.url for access in self._host.extras]
        return " ".join([*others, self._host.default.url if self._host.default else "public"])

    @property
    def url(self) -> str:
        """Address of the default index, without credentials."""
        return self._default.url

    @property
    def bound(self) -> tuple[IndexAccess, ...]:
        """Those that are asked only where a repository names them."""
        return self._host.bound

    def list_accesses(self) -> tuple[IndexAccess, ...]:
        """All that are asked for any name, the first in front, the default one last."""
        return (*self._host.extras, self._default)

    @cached_property
    def file_addresses(self) -> tuple[str, ...]:
        """Addresses of files that the default index has."""
        import pypi_simple
        import requests

        access = self._default
        try:
            with _open_client(access, access.url) as client:
                found = client.get_project_page(_PROBE_PROJECT, timeout=_SECONDS).packages
        except pypi_simple.NoSuchProjectError:
            found = []
        except requests.RequestException as problem:
            raise _make_unavailable(access, problem) from problem
        except (
            LookupError,
            TypeError,
            ValueError,
            pypi_simple.UnsupportedRepoVersionError,
        ) as problem:
            raise IndexUnavailable(
                f"The index at {access.url} answers with what is no simple index page."
            ) from problem
        urls = (package.url for package in found)
        return tuple(url for url in urls if url.startswith(("https://", "http://")))


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


def _make_unavailable(access: IndexAccess, problem: Any) -> IndexUnavailable:
    said = re.sub(r"://[^/@\s]*@", "://", str(problem)) or type(problem).__name__
    if problem.response is not None:
        said = f"HTTP {problem.response.status_code}"
    return IndexUnavailable(
        f"The package index at {access.url} did not answer: {said}. "
        "Check the network and the index settings (MERGEWRIGHT_INDEX_URL), then run again."
    )


def _origin(address: str) -> tuple[Any, ...]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port
