"""What the egress proxy asks: hosts, indexes with credentials, and this host's own proxy."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from agent.errors import SettingsInvalid
from agent.models.package_index import IndexAccess, PackageIndex

_CONNECT_SECONDS = 20.0


class Target(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        """Name it for people: nothing a client made up beyond its letters and length."""
        return f"{self.host[:120]}:{self.port}"


def parse_target(written: str) -> Target:
    """Read `host`, `host:port` or an address with a scheme."""
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Target((parts.hostname or "").lower(), port)


def is_internal(address: str) -> bool:
    """Whether an address belongs to this machine or a private network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not ip.is_global or ip.is_multicast


def find_addresses(target: Target) -> list[str]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: no name that could be looked up
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


# --- where requests go -----------------------------------------------------------------------


@dataclass(frozen=True)
class HostProxy:
    """The proxy by which this host reaches the web, as HTTP_PROXY and its like name it."""

    address: str
    """With the variable, for people."""
    target: Target
    headers: Mapping[str, str] = field(repr=False)
    """What a request has to bring for it alone."""

    @classmethod
    def read(cls, scheme: str, named: Mapping[str, str]) -> HostProxy | None:
        """Read what leads to addresses of a scheme; None: they are reached directly.

        Args:
            scheme: http or https.
            named: As `urllib.request.getproxies_environment` has it.

        Raises:
            SettingsInvalid: It is none that is asked by HTTP.
        """
        key = scheme if named.get(scheme) else "all"
        if not (written := named.get(key, "")):
            return None
        try:
            parts = urlsplit(written if "://" in written else f"http://{written}")
            target = Target(parts.hostname or "", parts.port or 80)
        except ValueError:
            target = Target("")
        if not target.host or parts.scheme.lower() != "http":
            # The value itself may hold a password, so it is not repeated.
            raise SettingsInvalid(
                f"{key.upper()}_PROXY names no proxy that package indexes can be asked by. Give one"
                " as http://host:port, or except the indexes from it with NO_PROXY."
            )
        headers = {}
        if parts.username or parts.password:
            login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            coded = base64.b64encode(login.encode()).decode()
            headers = {"Proxy-Authorization": f"Basic {coded}"}
        return cls(f"http://{target} ({key.upper()}_PROXY)", target, headers)

    def connect(self, wanted: Target, *, tls: bool) -> socket.socket:
        """Open a tunnel to a host, or without TLS a connection that takes whole addresses.

        Raises:
            OSError: With words that repeat nothing of the proxy but a status.
        """
        connection = http.client.HTTPConnection(*self.target, timeout=_CONNECT_SECONDS)
        if tls:
            connection.set_tunnel(*wanted, {"Host": str(wanted), **self.headers})
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, ValueError) as problem:
            connection.close()
            status = re.search(r"Tunnel connection failed: (\d{3})", str(problem))
            words = getattr(problem, "strerror", None) or type(problem).__name__
            raise OSError(f"it answers {status[1]}" if status else words) from problem
        return connection.sock


class Gateway:
    """An index with credentials, as a sandbox knows it: without them, by a name of ours."""

    def __init__(self, access: IndexAccess) -> None:
        parts = urlsplit(access.url)
        self._certificates = access.ca_bundle
        login = base64.b64encode((access.login or "").encode()).decode()
        self.headers = {"Authorization": f"Basic {login}"}
        self.host = f"{hashlib.sha256(access.url.encode()).hexdigest()[:16]}.index.invalid"
        self.url = urlunsplit(parts._replace(scheme="http", netloc=self.host))
        """The address of the index for the sandbox."""
        self.origin = urlunsplit(parts._replace(path="", query="", fragment=""))
        port = f":{parts.port}" if parts.port else "(?::443|:80)?"
        host = re.escape(parts.hostname or "") + port
        self._real = re.compile(
            rf"https?://(?:[^/@\s\"'<>]*@)?{host}(?=[/\"'?#\s]|$)", re.IGNORECASE
        )

    def secure(self, upstream: socket.socket) -> ssl.SSLSocket:
        """Speak TLS with the index.

        Raises:
            ssl.SSLError: It is not the one that its certificate names.
        """
        context = ssl.create_default_context(cafile=self._certificates)
        return context.wrap_socket(upstream, server_hostname=urlsplit(self.origin).hostname)

    def restore_addresses(self, text: str) -> str:
        """A text of the sandbox, with the real address in place of ours."""
        return text.replace(f"http://{self.host}", self.origin)

    def hide(self, text: str) -> str:
        """A text of the index, with our address in place of the real one.

        Other links stay, and lead through the proxy's own list.
        """
        return self._real.sub(f"http://{self.host}", text)


def list_gateways(index: PackageIndex) -> list[Gateway]:
    return [Gateway(one) for one in index.list_accesses() if one.login]


def list_sandbox_addresses(index: PackageIndex) -> tuple[str, ...]:
    """List the addresses by which a sandbox asks the indexes: none with credentials."""
    return tuple(Gateway(one).url if one.login else one.url for one in index.list_accesses())
