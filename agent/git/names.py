"""Rules for the names of files in a tree, and for where its links may point. Pure."""

import re
import unicodedata
from collections.abc import Mapping

MAX_PATH_BYTES = 4000
"""The kernel allows 4096 bytes; the rest is for the path of the folder that the tree is in."""
MAX_DEPTH = 200
_MAX_NAME_BYTES = 255
_MAX_LINKS_FOLLOWED = 40

# C0 and C1 controls, line and paragraph separators, and marks that reverse text: a name with one of
# these is displayed as another name.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_SURROGATE = re.compile("[\ud800-\udfff]")

# Nearly all paths match this; such a path can only be too long, or too deep.
_PART = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_ORDINARY = re.compile(f"{_PART}(?:/{_PART})*")


def name_problem(path: str) -> str | None:
    """Explain why a file in a tree is neither read nor edited; None: it can be."""
    if len(path) <= _MAX_NAME_BYTES and _ORDINARY.fullmatch(path):
        return None
    if _UNSHOWABLE.search(path):
        return "the name has control characters or characters that change how it is displayed"
    if path.startswith("-"):
        return "the path starts with a dash, which commands read as an option"
    if problem := tree_problem(path):
        return problem
    if "\\" in path:
        return "the name has a backslash"
    return "the name is not UTF-8" if _SURROGATE.search(path) else None


def tree_problem(path: str) -> str | None:
    """Explain why a tree with this path cannot be checked out; None: it can be."""
    if not path:
        return "the path is empty"
    if path.startswith("/"):
        return "the path is absolute; use one relative to the repository's root"
    if len(path.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"the path is longer than {MAX_PATH_BYTES} bytes"
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"the path is more than {MAX_DEPTH} folders deep"
    if any(part in {"", ".", ".."} for part in parts):
        return "the path has an empty part, `.` or `..`"
    if max(len(part.encode(errors="surrogatepass")) for part in parts) > _MAX_NAME_BYTES:
        return f"a name is longer than {_MAX_NAME_BYTES} bytes"
    if (not path.isascii() or "git" in path.lower()) and any(
        map(_is_git_folder, re.split(r"[/\\]", path))
    ):
        return "the path contains `.git`, or a name that file systems treat as `.git`"
    return None


def _is_git_folder(name: str) -> bool:
    """Recognise `.git` in any case, its short name, and its look-alikes on other systems."""
    plain = _fold_case(name).split(":")[0].rstrip(" .")
    return plain == ".git" or re.fullmatch(r"git~\d+", plain) is not None


def _fold_case(text: str) -> str:
    """Return one form for names that people, or a file system without case, see as equal."""
    if text.isascii():
        return text.lower()
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", "".join(shown).casefold())


def leads_out(link: str, links: Mapping[str, str]) -> bool:
    """Whether a link leads out of the tree, followed through other links as the kernel does."""
    here: list[str] = []
    ahead = link.split("/")[::-1]
    followed = 0
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not here:
                return True
            here.pop()
            continue
        target = links.get("/".join([*here, part]))
        if target is None:
            here.append(part)
            continue
        followed += 1
        if target.startswith("/"):
            return True
        if followed > _MAX_LINKS_FOLLOWED:
            return False  # a circle, which leads nowhere
        ahead += target.split("/")[::-1]
    return False
