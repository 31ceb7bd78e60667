"""Find the package indexes and certificates that this host's pip and uv are configured with.

Owns where such settings stand and which of them wins. What cannot be used in a room (folders of
this machine, hosts that are trusted without a certificate) is said, not silently dropped.
"""

from __future__ import annotations

import configparser
import netrc
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from agent.errors import SettingsInvalid
from agent.ports import IndexAccess
from agent.settings import Settings

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_OURS = "MERGEWRIGHT_INDEX_URL"
#: Settings that have no meaning in a room, and what to do instead.
_UNUSABLE = {
    "no-index": "packages come from an index",
    "find-links": "a room sees neither folders of this machine nor pages of links",
    "trusted-host": "name the index's certificate with SSL_CERT_FILE",
    "allow-insecure-host": "name the index's certificate with SSL_CERT_FILE",
    "client-cert": "no index is asked with a certificate of ours",
}


@dataclass(frozen=True)
class HostIndexes:
    """What this host is configured with."""

    default: IndexAccess | None
    """None: the public index."""
    extras: tuple[IndexAccess, ...] = ()
    """Asked before the default one, in this order."""
    bound: tuple[IndexAccess, ...] = ()
    """Explicit ones of uv: asked only where a repository names them."""
    ca_bundle: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Named:
    """An address, and where it is written."""

    url: str
    place: str
    name: str = ""
    """As uv names indexes, for variables with their credentials."""


@dataclass
class _Collected:
    defaults: list[_Named] = field(default_factory=list)
    extras: list[_Named] = field(default_factory=list)
    bound: list[_Named] = field(default_factory=list)
    certificates: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(settings: Settings, environ: Mapping[str, str]) -> HostIndexes:
    """Read all of it; the settings' own index stands alone.

    Raises:
        SettingsInvalid: A file cannot be read, or the index is not one of the web.
    """
    collected = _Collected()
    if settings.index_url:
        collected.defaults.append(_Named(settings.index_url, _OURS))
    uv, pip = dict(_uv(environ)), dict(_pip(environ))
    _collect(collected, uv, pip, environ)
    if settings.index_url:
        collected.extras = collected.bound = []
    logins = _Logins(environ)
    bundle = None
    for place, path in collected.certificates:
        if Path(path).is_file():
            bundle = bundle or path
        else:
            collected.notes.append(f"{place} names a file of certificates that is not there")
    default = next(iter(collected.defaults), None)
    known = {_bare(default.url)} if default else set()
    extras: list[IndexAccess] = []
    for named in collected.extras:
        if not _is_web(named.url):
            collected.notes.append(
                f"{named.place} names an index on this machine's disk; no room sees it"
            )
        elif _bare(named.url) not in known:
            known.add(_bare(named.url))
            extras.append(logins.access(named, bundle))
    if default and not _is_web(default.url):
        raise SettingsInvalid(
            f"{default.place} is not the address of a package index: give an https:// address."
        )
    return HostIndexes(
        default=logins.access(default, bundle) if default else None,
        extras=tuple(extras),
        bound=tuple(logins.access(named, bundle) for named in collected.bound),
        ca_bundle=bundle,
        notes=tuple(dict.fromkeys(collected.notes)),
    )


def _collect(
    into: _Collected, uv: dict[str, Any], pip: dict[str, str], environ: Mapping[str, str]
) -> None:
    """Bring the places together, the ones that win first."""

    def variables(*names: str) -> Iterator[_Named]:
        for name in names:
            for word in environ.get(name, "").split():
                yield _named(word, name)

    tables = [entry for entry in uv.get("index", []) if isinstance(entry, dict) and "url" in entry]
    indexes = [
        (entry, _Named(str(entry["url"]), "[[index]] of uv.toml", str(entry.get("name", ""))))
        for entry in tables
    ]
    into.defaults += variables("UV_DEFAULT_INDEX", "UV_INDEX_URL")
    into.defaults += [named for entry, named in indexes if entry.get("default") is True]
    into.defaults += _listed(uv.get("index-url"), "index-url of uv.toml")
    into.defaults += variables("PIP_INDEX_URL")
    into.defaults += _listed(pip.get("index-url"), "index-url of pip's configuration")
    into.extras += variables("UV_INDEX", "UV_EXTRA_INDEX_URL")
    into.extras += [
        named
        for entry, named in indexes
        if entry.get("default") is not True and entry.get("explicit") is not True
    ]
    into.bound += [named for entry, named in indexes if entry.get("explicit") is True]
    into.extras += _listed(uv.get("extra-index-url"), "extra-index-url of uv.toml")
    into.extras += variables("PIP_EXTRA_INDEX_URL")
    into.extras += _listed(pip.get("extra-index-url"), "extra-index-url of pip's configuration")
    into.certificates += [(name, environ[name]) for name in _CA_VARIABLES if environ.get(name)]
    if pip.get("cert"):
        into.certificates.append(("cert of pip's configuration", pip["cert"]))
    for option, why in _UNUSABLE.items():
        shouted = option.upper().replace("-", "_")
        for place, value in (
            (f"PIP_{shouted}", environ.get(f"PIP_{shouted}")),
            (f"UV_{shouted}", environ.get(f"UV_{shouted}")),
            (f"{option} of pip's configuration", pip.get(option)),
            (f"{option} of uv.toml", uv.get(option)),
        ):
            if value and str(value).lower() not in ("0", "false", "no", "off"):
                into.notes.append(f"{place} is not followed: {why}")


def _named(word: str, place: str) -> _Named:
    """An address, which uv allows as `name=https://…`."""
    match = re.match(r"^([\w-]+)=(?=\w+://)", word)
    return _Named(word[match.end() :], place, match[1]) if match else _Named(word, place)


def _listed(value: object, place: str) -> list[_Named]:
    words = value if isinstance(value, list) else str(value or "").split()
    return [_named(str(word), place) for word in words]


def _is_web(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/").lower()


# --- who one is to an index ------------------------------------------------------------------


class _Logins:
    """User and password of an index: in its address, in uv's variables, in the netrc file."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def access(self, named: _Named, bundle: str | None) -> IndexAccess:
        """The address without what is secret, and that beside it."""
        parts = urlsplit(named.url)
        netloc = parts.netloc.rpartition("@")[2]
        url = urlunsplit(parts._replace(netloc=netloc, query="", fragment=""))
        login = self._written(parts.username, parts.password) or self._of_uv(named.name)
        login = login or self._of_netrc(parts.hostname or "")
        return IndexAccess(
            url=url.rstrip("/") + "/", login=login, ca_bundle=bundle, origin=named.place
        )

    def _written(self, user: str | None, password: str | None) -> str | None:
        if not user and not password:
            return None
        return f"{unquote(user or '')}:{unquote(password or '')}"

    def _of_uv(self, name: str) -> str | None:
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        user = self._environ.get(f"UV_INDEX_{variable}_USERNAME")
        password = self._environ.get(f"UV_INDEX_{variable}_PASSWORD")
        return f"{user or ''}:{password or ''}" if name and (user or password) else None

    def _of_netrc(self, host: str) -> str | None:
        place = Path(self._environ.get("NETRC") or _home(self._environ) / ".netrc")
        try:
            found = netrc.netrc(str(place)).hosts.get(host)
        except FileNotFoundError:
            return None
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as problem:
            # Its words repeat what stands in the file.
            raise SettingsInvalid(f"{place} cannot be read as a netrc file.") from problem
        return f"{found[0]}:{found[2] or ''}" if found else None


# --- the files -------------------------------------------------------------------------------


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _config_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")


def _pip(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What pip's files say under [global] and [install]; later files win, as with pip."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return
    system = [
        Path(d, "pip", "pip.conf") for d in environ.get("XDG_CONFIG_DIRS", "").split(":") if d
    ]
    places = [*system, Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    places += [_home(environ) / ".pip" / "pip.conf", _config_home(environ) / "pip" / "pip.conf"]
    if prefix := environ.get("VIRTUAL_ENV"):
        places.append(Path(prefix, "pip.conf"))
    if extra := environ.get("PIP_CONFIG_FILE"):
        places.append(Path(extra))
    for place in places:
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as problem:
            raise SettingsInvalid(f"pip's configuration {place} cannot be read.") from problem
        for section in ("global", "install"):
            if parser.has_section(section):
                yield from parser.items(section)


def _uv(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """What uv's files say; those of the user win, and their lists come first."""
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return
    if named := environ.get("UV_CONFIG_FILE"):
        places = [Path(named)]
    else:
        system = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        places = [Path("/etc/uv/uv.toml")]
        places += [Path(d, "uv", "uv.toml") for d in reversed(system.split(":")) if d]
        places.append(_config_home(environ) / "uv" / "uv.toml")
    found: dict[str, Any] = {}
    for place in places:
        try:
            content = tomllib.loads(place.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as problem:
            raise SettingsInvalid(f"uv's configuration {place} cannot be read.") from problem
        own = content.get("pip")
        for key, value in {**(own if isinstance(own, dict) else {}), **content}.items():
            before = found.get(key)
            if isinstance(value, list) and isinstance(before, list):
                found[key] = [*value, *before]
            else:
                found[key] = value
    yield from found.items()
