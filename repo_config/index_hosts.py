"""Find the hosts of the package indexes that a repository's own files name.

Tools read these files themselves; here it is only known where they may read from.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from repo_config import documents
from repo_config.documents import table
from repo_config.tree import FolderTree, Tree

_ADDRESS = r"(https://[^\s\"'\\]+)"
#: In lines of files for pip, and of npm's settings.
_OPTION = re.compile(
    rf"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links|[@:\w/.-]*registry)[\s=]+[\"']?{_ADDRESS}",
    re.MULTILINE,
)
#: In locks. Poetry writes `type` before the address of a repository of git.
_LOCKS = {
    name: re.compile(rf"(?<!\"git\"\n)\b(?:{keys})\"?\s*[=:]?\s*\"{_ADDRESS}\"")
    for keys, names in (
        ("registry|index|url", ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")),
        ("url", ("Pipfile.lock",)),
        ("resolved", ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock")),
    )
    for name in names
}
_REQUIREMENTS = re.compile(
    r"(?:[^/]*requirements[^/]*|(?:requirements|reqs)/[^/]+)\.(?:txt|in)|\.npmrc"
)
_KEYS = ("index", "index-url", "extra-index-url", "find-links", "source")
#: The public indexes, which need no leave or are the operator's to name.
_PUBLIC = frozenset({"pypi.org", "files.pythonhosted.org", "registry.npmjs.org"})
_HOST = re.compile(r"[\w.-]+(?::\d+)?", re.ASCII)
_MOST_BYTES = 32 * 1024**2


def list_index_hosts(tree: Tree, folder: str = "") -> dict[str, str]:
    """List hosts that are reached by https, as `host` or `host:port`, with the file of each.

    The files at the root count, and those of the project's folder.
    """
    found: dict[str, str] = {}
    for start in dict.fromkeys(("", folder)):
        part = FolderTree(tree, start)
        for path in part.paths():
            for address in _read_addresses(part, path):
                host = address.removeprefix("https://").partition("/")[0].rpartition("@")[2].lower()
                if host not in _PUBLIC and _is_host(host):
                    found.setdefault(host, f"{start}/{path}" if start else path)
    return found


def _is_host(text: str) -> bool:
    try:
        return bool(_HOST.fullmatch(text) and urlsplit(f"https://{text}").port != 0)
    except ValueError:
        return False


def _read_addresses(tree: Tree, path: str) -> Iterator[str]:
    lock = _LOCKS.get(path)
    is_table = path in ("pyproject.toml", "uv.toml", "Pipfile")
    if not (lock or is_table or _REQUIREMENTS.fullmatch(path)):
        return
    text = tree.read(path)[:_MOST_BYTES].decode("utf-8", "replace")
    if is_table:
        yield from _read_tables(path, text)
    else:
        yield from (lock or _OPTION).findall(text)


def _read_tables(path: str, text: str) -> Iterator[str]:
    try:
        whole = documents.parse_toml(text)
    except (documents.DocumentError, ValueError, RecursionError):
        return
    tool = table(whole, "tool")
    own = [whole, table(whole, "pip")]
    if path == "pyproject.toml":
        own = [table(tool, *names) for names in (("uv",), ("uv", "pip"), ("poetry",), ("pdm",))]
    for section in own:
        for key in _KEYS:
            yield from _list_addresses(section.get(key))


def _list_addresses(value: Any) -> Iterator[str]:
    """Yield the addresses in a text, or in lists and tables of them."""
    if isinstance(value, str):
        yield from re.findall(_ADDRESS, value)
    elif isinstance(value, list):
        for part in value:
            yield from _list_addresses(part)
    elif isinstance(value, dict):
        yield from _list_addresses(value.get("url"))
