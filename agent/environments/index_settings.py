"""Find the package indexes and certificates that this host's pip and uv are configured with.

What is no index of the web (folders of this machine, pages of links) no sandbox sees, so it is not
followed.
"""

from __future__ import annotations

import configparser
import netrc
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from agent.errors import SettingsInvalid
from agent.models.package_index import IndexAccess
from agent.settings import Settings

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
#: Which indexes each setting names.
_OPTIONS = {
    "default-index": "default",
    "index": "extra",
    "index-url": "default",
    "extra-index-url": "extra",
}
#: Options of one place by their names in files, each with the words for that place.
_Layer = dict[str, tuple[str, Any]]


@dataclass(frozen=True)
class HostIndexes:
    default: IndexAccess | None
    """None: the public index."""
    extras: tuple[IndexAccess, ...] = ()
    """Asked before the default one, in this order."""
    bound: tuple[IndexAccess, ...] = ()
    """Explicit ones of uv: asked only where a repository names them."""
    ca_bundle: str | None = None


class _Named(NamedTuple):
    url: str
    place: str
    name: str = ""
    """As uv names indexes, for variables with their credentials."""


def read_indexes(settings: Settings, environ: Mapping[str, str]) -> HostIndexes:
    """Read all of it; the settings' own index stands alone.

    Raises:
        SettingsInvalid: A file cannot be read, or the index is not one of the web.
    """
    pip = _read_pip(environ)
    # The ones that win come first.
    layers = (
        _read_variables(environ, "UV_"), _read_uv(environ), _read_variables(environ, "PIP_"), pip,
    )  # fmt: skip
    found: dict[str, list[_Named]] = {"default": [], "extra": [], "bound": []}
    for layer in layers:
        for option, kind in _OPTIONS.items():
            for named, own in _list_entries(*layer.get(option, ("", ""))):
                found[own or kind].append(named)
    if settings.index_url:
        ours = _Named(settings.index_url, "MERGEWRIGHT_INDEX_URL")
        found = {"default": [ours], "extra": [], "bound": []}
    bundles = [*map(environ.get, _CA_VARIABLES), pip.get("cert", ("", None))[1]]
    bundle = next((path for path in bundles if path and Path(path).is_file()), None)

    def access(named: _Named) -> IndexAccess:
        login = _find_login(named, environ)
        url = hide_login(named.url).rstrip("/") + "/"
        return IndexAccess(url=url, login=login, ca_bundle=bundle, origin=named.place)

    default = next(map(access, found["default"]), None)
    if default and not _is_web(default.url):
        raise SettingsInvalid(
            f"{default.origin} is not the address of a package index: give an https:// address."
        )
    extras: dict[str, IndexAccess] = {}
    for one in map(access, found["extra"]):
        if _is_web(one.url) and (default is None or one.url.lower() != default.url.lower()):
            extras.setdefault(one.url.lower(), one)
    return HostIndexes(default, tuple(extras.values()), tuple(map(access, found["bound"])), bundle)


def hide_login(address: str) -> str:
    """Return an address without what is secret in it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _is_web(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _list_entries(place: str, value: object) -> Iterator[tuple[_Named, str]]:
    """Yield addresses, each with the kind that it names itself."""
    for entry in value if isinstance(value, list) else str(value or "").split():
        if isinstance(entry, dict):
            kind = "default" if entry.get("default") is True else ""
            kind = kind or ("bound" if entry.get("explicit") is True else "")
            if "url" in entry:
                yield _Named(str(entry["url"]), place, str(entry.get("name", ""))), kind
            continue
        # uv allows `name=https://…`.
        name, is_named, url = str(entry).partition("=")
        has_name = is_named and "://" not in name
        yield _Named(url, place, name) if has_name else _Named(str(entry), place), ""


def _find_login(named: _Named, environ: Mapping[str, str]) -> str | None:
    """User and password of an index: in its address, in uv's variables, in the netrc file."""
    parts = urlsplit(named.url)
    variable = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', named.name.upper())}"
    for user, password in (
        (unquote(parts.username or ""), unquote(parts.password or "")),
        (environ.get(f"{variable}_USERNAME"), environ.get(f"{variable}_PASSWORD")),
    ):
        if user or password:
            return f"{user or ''}:{password or ''}"
    place = Path(environ.get("NETRC") or _find_home(environ) / ".netrc")
    try:
        found = netrc.netrc(str(place)).hosts.get(parts.hostname or "")
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as problem:
        # Its words repeat what stands in the file.
        raise SettingsInvalid(f"{place} cannot be read as a netrc file.") from problem
    return f"{found[0]}:{found[2] or ''}" if found else None


# --- the places ------------------------------------------------------------------------------


def _find_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _find_config_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or _find_home(environ) / ".config")


def _read_variables(environ: Mapping[str, str], prefix: str) -> _Layer:
    return {
        name.removeprefix(prefix).lower().replace("_", "-"): (name, value)
        for name, value in environ.items()
        if name.startswith(prefix)
    }


def _read_pip(environ: Mapping[str, str]) -> _Layer:
    """What pip's files say under [global] and [install]; later files win, as with pip."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return {}
    places = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    places += [_find_home(environ) / ".pip" / "pip.conf"]
    places += [_find_config_home(environ) / "pip" / "pip.conf", *([Path(named)] if named else ())]
    found: _Layer = {}
    for place in places:
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as problem:
            raise SettingsInvalid(f"pip's configuration {place} cannot be read.") from problem
        for section in ("global", "install"):
            for option, value in parser.items(section) if parser.has_section(section) else ():
                found[option] = (f"{option} of pip's configuration", value)
    return found


def _read_uv(environ: Mapping[str, str]) -> _Layer:
    """What uv's files say; those of the user win, and their lists come first."""
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return {}
    places = [Path("/etc/uv/uv.toml"), Path("/etc/xdg/uv/uv.toml")]
    places.append(_find_config_home(environ) / "uv" / "uv.toml")
    if named := environ.get("UV_CONFIG_FILE"):
        places = [Path(named)]
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
            both = isinstance(value, list) and isinstance(before, list)
            found[key] = value + before if both else value
    return {option: (f"{option} of uv.toml", value) for option, value in found.items()}
