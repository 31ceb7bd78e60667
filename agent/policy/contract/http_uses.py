"""Which modules are HTTP clients, and which of their parts send nothing.

Where a file touches one is found by `library_uses`; what follows is left to `http_client`.
"""

from __future__ import annotations

import ast
import re

from agent.policy.view import View

#: Modules that talk HTTP, by the client that they belong to.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "requests": (
        "requests",
        "requests_toolbelt",
        "requests_cache",
        "requests_futures",
        "requests_oauthlib",
        "cachecontrol",
        "pip._vendor.requests",
        "botocore.vendored.requests",
    ),
    "httpx": ("httpx", "httpcore", "httpx_sse", "httpx_ws", "hishel"),
    "aiohttp": ("aiohttp", "aiohttp_retry", "aiohttp_client_cache", "aiohttp_socks"),
    "urllib3": ("urllib3",),
}
_OTHERS = (
    "urllib.request",
    "http.client",
    "urllib2",
    "httplib",
    "httplib2",
    "six.moves.urllib.request",
    "six.moves.http_client",
    "pycurl",
    "curl_cffi",
    "treq",
    "niquests",
    "grequests",
    "asks",
    "aiosonic",
    "tls_client",
    "cloudscraper",
    "mechanize",
    "geventhttpclient",
    "tornado.httpclient",
    "tornado.simple_httpclient",
    "tornado.curl_httpclient",
    "twisted.web.client",
)
_CLIENTS = frozenset({module for family in _FAMILIES.values() for module in family} | {*_OTHERS})
#: What is in those modules and sends nothing: aiohttp's server, helpers for paths and tables, a
#: request that somebody else has to send, errors.
_HARMLESS = (
    "aiohttp.web",
    "aiohttp.test_utils",
    "aiohttp.pytest_plugin",
    "urllib.request.Request",
    "urllib.request.pathname2url",
    "urllib.request.url2pathname",
    "urllib.request.getproxies",
    "urllib.request.getproxies_environment",
    "urllib.request.proxy_bypass",
    "urllib.request.proxy_bypass_environment",
    "urllib.request.parse_http_list",
    "urllib.request.parse_keqv_list",
    "http.client.responses",
    "http.client.HTTPException",
    "http.client.IncompleteRead",
    "http.client.RemoteDisconnected",
    "urllib2.HTTPError",
    "urllib2.URLError",
    "httplib.HTTPException",
)
_CONSTANT = re.compile(r"http\.client\.[A-Z_]+")
#: What a client's own documentation tells its users to take from elsewhere.
_COMPANIONS = {"requests": ("urllib3.util", "urllib3.exceptions")}
#: Their top-level names.
ROOTS = frozenset(module.partition(".")[0] for module in _CLIENTS)


def client_of(dotted: str, allowed: str) -> str | None:
    """Return the client that a full name belongs to, if it is one that is not allowed."""
    if _sends_nothing(dotted):
        return None
    if _is_under(dotted, (*_FAMILIES.get(allowed, ()), *_COMPANIONS.get(allowed, ()))):
        return None
    parts = dotted.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix in _CLIENTS), None)


def _sends_nothing(dotted: str) -> bool:
    # Constants of http.client are numbers of ports and answers.
    return _is_under(dotted, _HARMLESS) or _CONSTANT.fullmatch(dotted) is not None


def _is_under(dotted: str, modules: tuple[str, ...]) -> bool:
    return any(dotted == module or dotted.startswith(f"{module}.") for module in modules)


def takes_what_sends_nothing(view: View, client: str) -> bool:
    """Whether a file uses something of a client, and of that only what sends nothing."""
    used = {
        name
        for visit in view.all(ast.Attribute)
        for name in view.names(visit.node, visit.scope)
        if _is_under(name, (client,)) and name != client
    }
    return bool(used) and all(map(_sends_nothing, used))
