"""Find the hosts of the package indexes that a repository's own files name.

Tools read these files themselves; here it is only known where they may read from.
"""

import re
from collections.abc import Iterator
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
_REQUIREMENTS = re.compile(
    r"(?:[^/]*requirements[^/]*|(?:requirements|reqs)/[^/]+)\.(?:txt|in)|\.npmrc"
)
#: Keys of addresses in locks. Poetry writes `type` before that of a repository of git.
_LOCKS = {
    **dict.fromkeys(("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"), "registry|index|url"),
    **dict.fromkeys(("package-lock.json", "npm-shrinkwrap.json", "yarn.lock"), "resolved"),
    "Pipfile.lock": "url",
}
#: Tables in which uv, pip, Poetry, PDM and Pipenv have these keys.
_SECTIONS = ("", "pip", "tool uv", "tool uv pip", "tool poetry", "tool pdm")
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
                    found.setdefault(host, f"{start}/{path}".strip("/"))
    return found


def _is_host(text: str) -> bool:
    try:
        return bool(_HOST.fullmatch(text) and urlsplit(f"https://{text}").port != 0)
    except ValueError:
        return False


def _read_addresses(tree: Tree, path: str) -> Iterator[str]:
    if path in ("pyproject.toml", "uv.toml", "Pipfile"):
        yield from _read_tables(_read(tree, path))
    elif keys := _LOCKS.get(path):
        pattern = rf"(?<!\"git\"\n)\b(?:{keys})\"?\s*[=:]?\s*\"{_ADDRESS}\""
        yield from re.findall(pattern, _read(tree, path))
    elif _REQUIREMENTS.fullmatch(path):
        yield from _OPTION.findall(_read(tree, path))


def _read(tree: Tree, path: str) -> str:
    return tree.read(path)[:_MOST_BYTES].decode("utf-8", "replace")


def _read_tables(text: str) -> Iterator[str]:
    try:
        whole = documents.parse_toml(text)
    except documents.DocumentError:
        return
    for place in _SECTIONS:
        section = table(whole, *place.split())
        yield from re.findall(_ADDRESS, str([section.get(key) for key in _KEYS]))
