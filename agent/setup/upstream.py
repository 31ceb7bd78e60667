"""Define which hosts a gateway may reach, and send its requests to them.

They go through the proxy that this machine's variables name, if any. What was refused, and what
was never answered, is noted for people.
"""

import ipaddress
import posixpath
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore
import httpx
import tenacity

from agent.errors import AgentError, EnvironmentFailed, IndexUnavailable, SettingsInvalid
from agent.setup.package_index import HostPort, IndexAccess, parse_target

IDLE_SECONDS = 120.0
#: Maximum number of noted refusals, and of addresses without an answer.
_MOST_NOTES = 50


class RefusedError(Exception):
    """A request is refused with this status; the note, if any, names the reason."""

    def __init__(self, status: int, note: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.note = note


class Upstream:
    """The hosts of a gateway, and what came of the requests to them."""

    def __init__(
        self,
        allowed: Iterable[HostPort],
        accesses: Iterable[IndexAccess],
        git_hosts: Iterable[HostPort],
        named: Iterable[HostPort],
        resolve: Callable[..., Any] = socket.getaddrinfo,
    ) -> None:
        """List the hosts.

        Args:
            accesses: Indexes, for their credentials and certificates.
            named: Hosts that the repository names; allowed unless they are internal.
            resolve: Looks a name up; a result is used for as long as the gateway is open.

        Raises:
            SettingsInvalid: The proxy cannot be used.
        """
        self.refused_attempts: tuple[str, ...] = ()
        """Refused attempts, as `host:port (reason)`, each once, at most 50."""
        self.faults: dict[str, tuple[float, str]] = {}
        """By address: time of the last failed request, and its reason; at most 50. A later answer
        removes it."""
        self.hosts: set[str] = set()
        """Hosts that answers were read from."""
        self.git_hosts = frozenset(git_hosts)
        self._allowed = {*allowed, *self.git_hosts}
        self._named, self._network = frozenset(named) - self._allowed, _Network(resolve)
        self._accesses = tuple(accesses)
        self.client = _make_client(self._accesses, self._network)
        self._lock = threading.Lock()

    def explain_refused(self) -> str:
        """Return a sentence about refused attempts, and how to allow them; empty: none."""
        if not self.refused_attempts:
            return ""
        return (
            f"\nNetwork access blocked: {', '.join(self.refused_attempts)}. The operator can"
            " allow hosts with MERGEWRIGHT_ALLOW_HOSTS."
        )

    def make_failure(self, words: str, since: float = 0.0) -> AgentError:
        """Return the error for a failed installation: transient if an address never answered.

        Args:
            words: The command and how it ended.
            since: When it began, by the monotonic clock.
        """
        causes = dict.fromkeys(why for moment, why in self.faults.values() if moment >= since)
        if not causes:
            return EnvironmentFailed(f"{words}{self.explain_refused()}")
        return IndexUnavailable("\n".join(("The packages cannot be fetched:", *causes, words)))

    def note(self, attempt: str) -> None:
        with self._lock:
            noted = dict.fromkeys((*self.refused_attempts, attempt))
            self.refused_attempts = tuple(noted)[:_MOST_NOTES]

    def note_fault(self, address: str, why: str) -> None:
        with self._lock:
            if address in self.faults or len(self.faults) < _MOST_NOTES:
                self.faults[address] = time.monotonic(), why[:400]

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.TransportError),
        stop=tenacity.stop_after_attempt(3) | tenacity.stop_before_delay(10.0),
        wait=tenacity.wait_exponential(multiplier=0.5, exp_base=4),
        reraise=True,
    )
    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and repeat it if no answer begins."""
        return self.client.send(request, stream=True)

    def check(self, wanted: HostPort) -> None:
        """Raise RefusedError for a host on no list, or an internal one from the repository."""
        if wanted not in self._allowed and wanted not in self._named:
            raise RefusedError(403, f"{wanted} (not an allowed host)")
        if wanted in self._named and self._network.is_internal(wanted.host):
            raise RefusedError(403, f"{wanted} (a host of an internal network)")

    def find_login(self, wanted: HostPort, path: str) -> str:
        """Return the credentials for a path; empty: none. The index with the longest path counts.

        Only requests for pages and files of an index get them, not other paths of its host.
        """
        clean = posixpath.normpath(unquote(path))
        logins = {
            place: access.login
            for access in self._accesses
            if access.login and parse_target(access.url) == wanted
            if clean.startswith(place := _find_folder(access.url))
        }
        return logins[max(logins, key=len)] if logins else ""


def is_public(address: str) -> bool:
    """Check that an address is public: a repository must not lead us into internal networks."""
    return ipaddress.ip_address(address).is_global


def _find_folder(url: str) -> str:
    """Return the path of the folder that contains an index."""
    return posixpath.join(posixpath.dirname(urlsplit(url).path.rstrip("/")), "")


class _Network(httpcore.SyncBackend):
    """Connects to hosts; looks each name up only once, since one of many look-ups may fail."""

    def __init__(self, resolve: Callable[..., Any]) -> None:
        self._find, self._lock = cache(resolve), threading.Lock()

    def _list_addresses(self, host: str) -> list[str]:
        with self._lock:
            return [place[0] for *_, place in self._find(host, None, type=socket.SOCK_STREAM)]

    def is_internal(self, host: str) -> bool:
        """Check whether a host is internal; False if its name is not found: a proxy may know it."""
        with suppress(OSError):
            return not all(is_public(address) for address in self._list_addresses(host))
        return False

    def connect_tcp(self, host: str, port: int, *args: Any, **named: Any) -> httpcore.NetworkStream:
        try:
            addresses = self._list_addresses(host)
        except OSError as problem:
            raise httpcore.ConnectError(f"{host} is not found: {problem}") from problem
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return super().connect_tcp(address, port, *args, **named)
        return super().connect_tcp(addresses[-1], port, *args, **named)


def _make_client(accesses: tuple[IndexAccess, ...], network: _Network) -> httpx.Client:
    """Make the client for requests to hosts, without headers or cookies of its own.

    Raises:
        SettingsInvalid: The variables of this machine name a proxy that does not speak HTTP.
    """
    trusted = ssl.create_default_context()
    for bundle in {access.ca_bundle for access in accesses} - {None}:
        trusted.load_verify_locations(bundle)
    try:
        client = httpx.Client(
            verify=trusted,
            timeout=httpx.Timeout(IDLE_SECONDS, connect=20.0, pool=None),
            # The gateway bounds its own connections.
            limits=httpx.Limits(max_connections=None),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        # The value itself may contain a password, so it is not repeated.
        raise SettingsInvalid(
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not a proxy that can reach package indexes."
            " Use http://host:port, or exempt the indexes with NO_PROXY."
        ) from None
    client.headers.clear()
    # httpx has no option for a backend, and would not use proxies with a transport of ours.
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = network  # noqa: SLF001
    return client
