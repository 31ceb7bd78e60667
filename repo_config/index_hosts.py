"""Find the hosts of the package indexes in a repository's files.

Tools read these files themselves; here they only decide which hosts may be reached.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from repo_config import documents
from repo_config.documents import table
from repo_config.tree import FolderTree, Tree

_ADDRESS = r"(https://[^\s\"'\\]+)"
#: Options in files for pip, and in npm's settings.
_OPTION = re.compile(
    rf"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links|[@:\w/.-]*registry)[\s=]+[\"']?{_ADDRESS}",
    re.MULTILINE,
)
_REQUIREMENTS = re.compile(
    r"(?:[^/]*requirements[^/]*|(?:requirements|reqs)/[^/]+)\.(?:txt|in)|\.npmrc"
)
#: Keys of addresses in locks. Poetry writes `type` before the address of a git repository.
_LOCKS = {
    **dict.fromkeys(("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"), "registry|index|url"),
    **dict.fromkeys(("package-lock.json", "npm-shrinkwrap.json", "yarn.lock"), "resolved"),
    "Pipfile.lock": "url",
}
#: Tables of uv, pip, Poetry, PDM and Pipenv with these keys.
_SECTIONS = ("", "pip", "tool uv", "tool uv pip", "tool poetry", "tool pdm")
_KEYS = ("index", "index-url", "extra-index-url", "find-links", "source")
#: Public indexes, which are always allowed or set by the operator.
_PUBLIC = frozenset({"pypi.org", "files.pythonhosted.org", "registry.npmjs.org"})
_HOST = re.compile(r"[\w.-]+(?::\d+)?", re.ASCII)
_MOST_BYTES = 32 * 1024**2


def list_index_hosts(tree: Tree, folder: str = "") -> dict[str, str]:
    """Return the hosts that are reached by https, as `host` or `host:port`, each with its file.

    Files at the root and in the project's folder are read.
    """
    hosts: dict[str, str] = {}
    for start in dict.fromkeys(("", folder)):
        part = FolderTree(tree, start)
        for path in part.paths():
            for address in _read_addresses(part, path):
                host = address.removeprefix("https://").partition("/")[0].rpartition("@")[2].lower()
                if host not in _PUBLIC and _is_host(host):
                    hosts.setdefault(host, f"{start}/{path}".strip("/"))
    return hosts


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
