"""The hosts that a gateway reads from, and the proxy by which this host itself reaches the web."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import httpcore

from agent.errors import SettingsInvalid


class HostPort(NamedTuple):
    """A host and port that may be reached."""

    host: str
    port: int = 443

    def __str__(self) -> str:
        """Name it for people: nothing a client made up beyond its letters and length."""
        return f"{self.host[:120]}:{self.port}"


def parse_target(written: str) -> HostPort:
    """Read `host`, `host:port` or an address with a scheme.

    Raises:
        ValueError: It is none of them.
    """
    parts = urlsplit(written if "://" in written else f"https://{written}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return HostPort((parts.hostname or "").lower(), port)


def is_internal(address: str) -> bool:
    """Whether an address belongs to this machine or a private network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return not ip.is_global or ip.is_multicast


def find_addresses(target: HostPort) -> list[str]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: no name that could be looked up
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_inside(host: HostPort) -> bool:
    addresses = find_addresses(host)
    return bool(addresses) and all(map(is_internal, addresses))


class PublicNetwork(httpcore.SyncBackend):
    """Connects to public addresses, and to hosts of private networks that are named.

    What is connected to is the address that was looked at: there is no second look-up.
    """

    def __init__(self, inside: Container[HostPort]) -> None:
        self._inside = inside

    def connect_tcp(
        self, host: str, port: int, *args: object, **named: object
    ) -> httpcore.NetworkStream:
        for address in self._list_addresses(HostPort(host, port)):
            try:
                return super().connect_tcp(address, port, *args, **named)  # type: ignore[arg-type]
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise httpcore.ConnectError(f"{host} cannot be reached")

    def _list_addresses(self, target: HostPort) -> Iterator[str]:
        for address in find_addresses(target):
            if target in self._inside or not is_internal(address):
                yield address


@dataclass(frozen=True)
class HostProxy:
    """The proxy by which this host reaches the web, as HTTP_PROXY and its like name it."""

    address: str
    """With the variable, for people."""
    url: str
    login: tuple[str, str] | None = field(repr=False)

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
            target = HostPort(parts.hostname or "", parts.port or 80)
        except ValueError:
            target = HostPort("")
        if not target.host or parts.scheme.lower() != "http":
            # The value itself may hold a password, so it is not repeated.
            raise SettingsInvalid(
                f"{key.upper()}_PROXY is not a proxy that can reach package indexes. Use"
                " http://host:port, or exempt the indexes with NO_PROXY."
            )
        login = None
        if parts.username or parts.password:
            login = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(f"http://{target} ({key.upper()}_PROXY)", f"http://{target}", login)
