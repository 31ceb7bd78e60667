"""Serve the only network of a set-up sandbox: a gateway that reads packages, and nothing else.

It runs on the host, on a unix socket, in threads of the process that opened it. It ends TLS with
its own authority, which only its sandboxes trust, so that it sees every request. It forwards GET
and HEAD without a body to hosts on a short list, adds the credentials of private indexes, and
stores answers that their server calls immutable. Git may fetch from the operator's hosts of git
and the repository's own. All others get 403 or 405, and are noted; malformed ones get 400.
"""

import base64
import os
import re
import shutil
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
import trustme

from agent.models.sandbox import Outlet
from agent.settings import Settings
from agent.setup import storage
from agent.setup.downloads import CachedDownload, Downloads
from agent.setup.package_index import HostPort, IndexAccess, PackageIndex, parse_target
from agent.setup.upstream import IDLE_SECONDS, RefusedError, Upstream

_log = structlog.get_logger()
#: Hosts of npm's and Debian's packages, which set-up commands may read, too.
HOSTS = ("registry.npmjs.org", "http://deb.debian.org", "https://deb.debian.org")
#: The kernel allows 107 bytes for the path of a socket.
_LONGEST_HOME = 80
#: Maximum bytes of the list in which a git client names the commits that it has and wants.
_MOST_BODY = 1024**2
#: Headers of a request that are forwarded, and headers of an answer that are not.
_FORWARDED = frozenset(
    {"accept", "accept-encoding", "user-agent", "range", "if-none-match", "if-modified-since"}
    | {"if-range", "cache-control", "pragma", "git-protocol", "content-type", "content-encoding"}
)
_NOT_RETURNED = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "set-cookie", "trailer"}
    | {"www-authenticate", "proxy-authenticate", "strict-transport-security", "upgrade", "alt-svc"}
)
_GIT_QUERY = "service=git-upload-pack"
#: Headers of requests whose answers are not whole files.
_PARTIAL = frozenset({"range", "if-none-match", "if-modified-since"})
_EVENT = "package request"


class Gateway(ThreadingUnixStreamServer, Upstream):
    """Serves the requests of one sandbox, each connection in a thread."""

    # A thread that waits for a silent host must not delay the end of the process.
    daemon_threads = True
    most_connections = 256

    def __init__(
        self,
        folder: Path,
        allowed: Iterable[HostPort],
        *,
        accesses: Iterable[IndexAccess] = (),
        git_hosts: Iterable[HostPort] = (),
        named: Iterable[HostPort] = (),
        downloads: Downloads | None = None,
        resolve: Callable[..., Any] = socket.getaddrinfo,
    ) -> None:
        """Open the gateway; see `Upstream`.

        Args:
            folder: For its socket and its authority's certificate.
        """
        Upstream.__init__(self, allowed, accesses, git_hosts, named, resolve)
        self._authority = trustme.CA(path_length=0, organization_name="Package gateway")
        self.outlet = Outlet(
            socket=str(folder / "out.sock"), certificates=str(folder / "authority.pem")
        )
        Path(self.outlet.certificates).write_bytes(self._authority.cert_pem.bytes())
        self.downloads = downloads
        self._places = threading.BoundedSemaphore(self.most_connections)
        self.request_queue_size = self.most_connections
        super().__init__(self.outlet.socket, _Requests)
        # The sandbox's user must be able to open it; the folder's random name protects it.
        Path(self.outlet.socket).chmod(0o666)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="gateway", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Accept no further connection; open ones end with the sandbox that opened them."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        Path(self.outlet.socket).unlink(missing_ok=True)
        self.client.close()

    # --- connections --------------------------------------------------------------------------

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, or refuse it if too many are open."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        self.note("too many connections to the gateway")
        with suppress(OSError):
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections; report all other errors, which are ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def make_context(self, host: str) -> ssl.SSLContext:
        """Return a TLS context for a host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = self._authority.issue_cert(host).private_key_and_cert_chain_pem
        # Of a killed process, what is in this folder is removed later.
        with certificate.tempfile(dir=str(Path(self.outlet.socket).parent)) as path:
            context.load_cert_chain(path)
        return context


class _Requests(BaseHTTPRequestHandler):
    """The requests of one connection: to the gateway itself, or after CONNECT to one host."""

    server: Gateway
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    _host: HostPort | None = None
    """The host that CONNECT has named; None: requests are for the gateway itself."""

    def do_CONNECT(self) -> None:
        match = re.fullmatch(r"\[?([0-9A-Za-z.:_-]+?)\]?:(\d{1,5})", self.path)
        if match is None or self._host:
            self.send_error(400)
            return
        wanted = HostPort(match[1].lower(), int(match[2]))
        try:
            self.server.check(wanted)
        except RefusedError as refused:
            self._send_refusal(refused)
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        context = self.server.make_context(wanted.host)
        self.request = context.wrap_socket(self.connection, server_side=True)
        self._host, self.close_connection = wanted, False
        self.setup()

    def do_GET(self) -> None:
        try:
            wanted, path = self._read_place()
            self._forward(wanted, path, self._read_body(wanted, path))
        except RefusedError as refused:
            self._send_refusal(refused)

    do_HEAD = do_POST = do_GET  # noqa: N815 - http.server looks for these names

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer in one line, and end the connection."""
        if code == 501:
            with suppress(ValueError):
                self.server.note(f"{self._host or parse_target(self.path)} ({self._name_method()})")
            code = 405
        self.close_connection = True
        words = f"{explain}\n".encode() if explain else b""
        with suppress(OSError):
            self.send_response_only(code)
            self.send_header("Content-Length", str(len(words)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(words)
            # The rest is read, since a client that is still sending would not read the answer.
            size = self.headers.get("Content-Length", "") if hasattr(self, "headers") else ""
            self.connection.settimeout(2.0)
            self.rfile.read(min(int(size), _MOST_BODY) if size.isdecimal() else 0)

    def log_message(self, *_: object) -> None:
        """Log nothing: the methods that answer log each request with its result."""

    def _send_refusal(self, refused: RefusedError) -> None:
        if refused.note:
            self.server.note(refused.note)
        self.send_error(refused.status, explain=refused.note)

    def _name_method(self) -> str:
        return f"a {self.command[:20]!a} request"

    # --- requests -----------------------------------------------------------------------------

    def _read_place(self) -> tuple[HostPort, str]:
        """Read the host of a request, and its path with the query.

        Raises:
            RefusedError: It is malformed, or its host is not on a list.
        """
        parts = urlsplit(self.path)
        try:
            named = [parse_target(value).host for value in self.headers.get_all("Host") or ()]
            wanted = self._host or parse_target(self.path)
        except ValueError as problem:
            raise RefusedError(400) from problem
        path = self.path
        if self._host is None:
            path = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
            if parts.scheme != "http":
                raise RefusedError(400)
            self.server.check(wanted)
        elif named != [wanted.host]:
            # A server of several sites would choose by this header, which `check` has not seen.
            raise RefusedError(400, f"{wanted} (a request for another host)")
        if not re.fullmatch(r"/[\x21-\x7e]*", path):
            raise RefusedError(400)
        return wanted, path

    def _read_body(self, wanted: HostPort, path: str) -> bytes:
        """Read the body of a request of `git fetch`; other requests have none.

        Raises:
            RefusedError: The request does more than read.
        """
        place, _, query = path.partition("?")
        size = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not size.isdecimal():
            raise RefusedError(400, f"{wanted} (a body without a length)")
        if wanted in self.server.git_hosts:
            is_first = self.command == "GET" and place.endswith("/info/refs")
            is_second = self.command == "POST" and place.endswith("/git-upload-pack") and not query
            if is_second and int(size) <= _MOST_BODY:
                return self.rfile.read(int(size))
            if not (is_first and query == _GIT_QUERY):
                raise RefusedError(403, f"{wanted} (not a git fetch)")
        elif self.command == "POST":
            raise RefusedError(405, f"{wanted} ({self._name_method()})")
        if size != "0":
            raise RefusedError(400, f"{wanted} (a GET request with a body)")
        return b""

    # --- answers ------------------------------------------------------------------------------

    def _forward(self, wanted: HostPort, path: str, body: bytes) -> None:
        """Answer from the cache or from the host; RefusedError: the host did not answer."""
        scheme, usual = ("https", 443) if self._host else ("http", 80)
        host = wanted.host if wanted.port == usual else str(wanted)
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers = {name: value for name, value in headers.items() if name in _FORWARDED}
        login = self.server.find_login(wanted, path)
        is_plain = self.command == "GET" and not login and not _PARTIAL.intersection(headers)
        request = f"{scheme}://{host}{path}"
        store = self.server.downloads if is_plain else None
        cached = store.find(request, headers) if store else None
        self.server.hosts.add(host)
        if cached:
            self._send_cached(cached, request)
            return
        complete = {**headers, "host": host}
        if login:
            complete["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        sent = self.server.client.build_request(
            self.command, request, headers=complete, content=body or None
        )
        is_begun = False
        try:
            with closing(self.server.send(sent)) as answer:
                is_begun = True
                self._return(answer, request, headers, store)
        except httpx.TransportError as problem:
            self.server.note_fault(request, f"{wanted}: {problem}")
            if not is_begun:
                raise RefusedError(502) from problem
            self.close_connection = True  # so the client sees that the answer is incomplete

    def _return(
        self,
        answer: httpx.Response,
        request: str,
        sent: dict[str, str],
        store: Downloads | None,
    ) -> None:
        """Pass an answer on; store it if its headers and the request's (`sent`) allow that."""
        headers, status = dict(answer.headers), answer.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.server.note_fault(request, f"{answer.url.host}: HTTP {status}")
        else:
            # A fault is noted again if the answer breaks off.
            self.server.faults.pop(request, None)
        is_bare = self.command == "HEAD" or status in (204, 304)
        is_chunked = "content-length" not in headers and not is_bare
        length = {"transfer-encoding": "chunked"} if is_chunked else {}
        if "content-length" in headers:
            length = {"content-length": headers["content-length"]}
        self._send_head(status, headers, length)
        size = 0
        with ExitStack() as stack:
            storing = store.open(request, sent, status, headers) if store else nullcontext()
            file = stack.enter_context(storing)
            for chunk in () if is_bare else answer.iter_raw():
                size += len(chunk)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
                if file:
                    file.write(chunk)
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")
        _log.debug(_EVENT, method=self.command, url=request, status=status, size=size)

    def _send_cached(self, cached: CachedDownload, request: str) -> None:
        size = cached.size
        self._send_head(200, cached.headers, {"content-length": str(size)})
        with cached.open() as file:
            shutil.copyfileobj(file, self.wfile)
        _log.debug(_EVENT, method=self.command, url=request, status=200, size=size, kept=True)

    def _send_head(self, status: int, headers: Mapping[str, str], length: dict[str, str]) -> None:
        self.send_response_only(status)
        allowed = {name: value for name, value in headers.items() if name not in _NOT_RETURNED}
        for name, value in {**allowed, **length}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def open_gateway(
    settings: Settings,
    index: PackageIndex | None,
    more: Iterable[str] = (),
    git_hosts: Iterable[str] = (),
    named: Iterable[str] = (),
) -> Iterator[Gateway]:
    """Open a gateway to the indexes and `more` hosts for the length of the block.

    Args:
        index: None: no package index is allowed.
        git_hosts: The repository's own host; ignored if the setting `index_hosts` is `listed`.
        named: Hosts of package indexes that the repository names; ignored then, too.
    """
    if settings.index_hosts == "listed":
        git_hosts = named = ()
    allowed, git_hosts = [*more], (*settings.git_hosts, *git_hosts) if index else ()
    if index:
        urls = (access.url for access in index.list_accesses())
        allowed += (*urls, *settings.allow_hosts, *index.file_addresses)
    downloads = Downloads(storage.folder(settings) / "downloads")
    # After a kill, clean-up finds it in the data folder; but the socket's path has a limit.
    beside = settings.home if len(os.fsencode(settings.home)) < _LONGEST_HOME else None
    with tempfile.TemporaryDirectory(
        prefix="gateway-", dir=beside, ignore_cleanup_errors=True
    ) as place:
        Path(place).chmod(0o711)
        opened = Gateway(
            Path(place),
            map(parse_target, allowed),
            accesses=index.list_accesses() if index else (),
            git_hosts=map(parse_target, git_hosts),
            named=map(parse_target, named),
            downloads=downloads,
        )
        try:
            yield opened
        finally:
            opened.close()
            downloads.trim()
