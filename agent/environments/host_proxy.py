"""The proxy by which this host reaches the web, where its environment names one.

Owns what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, in the standard library's reading of
them, which httpx follows as well, and the handshake with such a proxy. Its credentials are for
requests of this host; they enter no sandbox, no message and no log.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import urllib.request
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from pydantic import Field

from agent.errors import SettingsInvalid
from agent.models.record import Record

_SECONDS = 20.0


class HostProxy(Record):
    host: str
    port: int
    login: str | None = Field(default=None, repr=False)
    """`user:password`."""
    variable: str
    """That names it."""

    @property
    def address(self) -> str:
        """For people, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a request of ours has to bring for the proxy alone."""
        if self.login is None:
            return {}
        coded = base64.b64encode(self.login.encode()).decode()
        return {"Proxy-Authorization": f"Basic {coded}"}

    def connect(self) -> socket.socket:
        """Open a connection on which whole addresses can be asked for."""
        try:
            return socket.create_connection((self.host, self.port), _SECONDS)
        except OSError as problem:
            raise OSError(_format_problem(problem)) from problem

    def open_tunnel(self, host: str, port: int) -> socket.socket:
        """Open a connection to a host behind it."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_SECONDS)
        connection.set_tunnel(host, port, {"Host": f"{host}:{port}", **self.headers})
        try:
            connection.connect()
        except (http.client.HTTPException, ValueError) as problem:
            connection.close()
            raise OSError("what answers is no proxy") from problem
        except OSError as problem:
            connection.close()
            # Of its words only the number is ours to repeat.
            refused = re.search(r"Tunnel connection failed: (\d{3})", str(problem))
            raise OSError(
                f"it answers {refused[1]}" if refused else _format_problem(problem)
            ) from problem
        return connection.sock


class HostProxies:
    """Which proxy leads to which host; most often none at all."""

    def __init__(self, named: Mapping[str, str]) -> None:
        """Take what the environment says, by scheme as in `urllib.request`.

        Raises:
            SettingsInvalid: A proxy is not one that is asked by HTTP.
        """
        self._named = dict(named)
        self._by_scheme = {
            scheme: proxy
            for scheme in ("http", "https")
            if (proxy := _read_proxy(scheme, named)) is not None
        }

    def find_proxy(self, host: str, port: int, *, tls: bool) -> HostProxy | None:
        """Find the proxy that leads to a host; None: it is reached directly."""
        proxy = self._by_scheme.get("https" if tls else "http")
        if proxy is None or urllib.request.proxy_bypass(f"{host}:{port}", self._named):
            return None
        return proxy


def read_proxies() -> HostProxies:
    return HostProxies(urllib.request.getproxies_environment())


def _format_problem(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__


def _read_proxy(scheme: str, named: Mapping[str, str]) -> HostProxy | None:
    key = scheme if named.get(scheme) else "all"
    written, variable = named.get(key, ""), f"{key.upper()}_PROXY"
    if not written:
        return None
    whole = written if re.match(r"[A-Za-z][\w+.-]*://", written) else f"http://{written}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme.lower() != "http":
        # The value itself may hold a password, so it is not repeated.
        raise SettingsInvalid(
            f"{variable} names no proxy that package indexes can be asked by: give one as"
            " http://host:port, or except the indexes from it with NO_PROXY."
        )
    login = None
    if parts.username or parts.password:
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return HostProxy(host=host, port=port, login=login, variable=variable)
