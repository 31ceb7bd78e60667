"""Hold back paths that a stranger can lead out of their folder.

`../` in a name, or an absolute one, names any file that the process may read or write. What a
request brings and reaches the file system without a check blocks. A check is: only the last part
is taken, a function made for it joins, the resolved path is compared with the folder, the value is
one of those known. Archives are strangers' lists of paths: unpacking a tar without `filter`, and
writing to names from an archive, are for the reviewer unless the archive was sent.
How values move is known to `flow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import flow, spots
from agent.policy.security.results import Site
from agent.policy.security.spots import Spot
from agent.policy.security.values import Kind, Value
from agent.policy.view import View

PATH_TRAVERSAL = Rule(
    id="path-traversal",
    demands="What a request brings names a file only after a check that it stays in its folder.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad='open(os.path.join(FOLDER, request.GET["name"]))',
    good='open(safe_join(FOLDER, request.GET["name"]))',
)
UNPACKING = Rule(
    id="unpacking",
    demands="Archives are unpacked so that none of their names leads out of the folder.",
    severity=Severity.REVIEW,
    bad="tarfile.open(path).extractall(folder)",
    good='tarfile.open(path).extractall(folder, filter="data")',
)
RULES = (PATH_TRAVERSAL, UNPACKING)

_FIX = (
    "Take the last part of the name alone, or resolve the path and compare it with the folder;"
    " frameworks have safe_join, secure_filename and send_from_directory for it."
)
_UNPACKING_FIX = 'Unpack with filter="data", or check each name before it is written.'
_MARKS = re.compile(
    rb"open\(|Path|os\.|send_file|send_from|FileResponse|extract|unpack_archive|shutil|\.save\("
)
#: Functions of files, by the places of the arguments that are paths.
_FILES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        (
            "builtins.open", "io.open", "codecs.open", "os.open", "os.remove", "os.unlink",
            "os.rmdir", "os.removedirs", "os.mkdir", "os.makedirs", "os.listdir", "os.scandir",
            "os.walk", "os.chmod", "shutil.rmtree", "aiofiles.open", "gzip.open",
            "flask.send_file", "flask.send_from_directory", "flask.helpers.send_file",
            "starlette.responses.FileResponse", "fastapi.responses.FileResponse",
            "aiohttp.web.FileResponse", "aiohttp.web_fileresponse.FileResponse", "tarfile.open",
            "zipfile.ZipFile",
        ),
        (0,),
    ),
    **dict.fromkeys(
        (
            "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move",
            "os.rename", "os.replace", "os.link", "os.symlink",
        ),
        (0, 1),
    ),
}  # fmt: skip
_METHODS = frozenset(
    {
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmdir", "mkdir",
        "touch", "iterdir", "rename", "symlink_to", "glob", "rglob",
    }
)  # fmt: skip
_WORDS = ("path", "filename", "file", "path_or_file", "directory")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new path that a stranger can choose."""
    fixes = {PATH_TRAVERSAL: _FIX, UNPACKING: _UNPACKING_FIX}
    yield from spots.findings(proposal, _spots, fixes, apart=(UNPACKING,))


def _spots(view: View) -> Iterator[Spot]:
    if not _MARKS.search(view.content):
        return
    for site in flow.calls(view):
        yield from _unpacked(site)
        for path in _paths(site):
            level = path.level("path")
            if level == Kind.STRANGER and (path.is_built or path.is_path or path.is_text):
                yield Spot(PATH_TRAVERSAL, site.node, f"lets {path.source('path')} name a file")
                break
            if level == Kind.STRANGER and site.names & _FILES.keys() and _is_name(path, site):
                yield Spot(PATH_TRAVERSAL, site.node, f"lets {path.source('path')} name a file")
                break
            if level == Kind.OUTSIDE and path.source("path").endswith("archive"):
                yield Spot(UNPACKING, site.node, "writes to a path that an archive names")
                break


def _paths(site: Site) -> Iterator[Value]:
    """Yield what a call takes as a path."""
    for name in site.names & _FILES.keys():
        for place in _FILES[name]:
            given = site.given(place, *(_WORDS if place == 0 else ()))
            if given is not None:
                yield given
    if site.name in _METHODS and site.owner.is_path:
        yield site.owner
    if site.name == "save" and site.arguments:
        first = site.arguments[0]
        # What is saved is an upload; forms and models are saved to no path.
        if first.is_path or (first.is_built and site.owner.level("path") == Kind.STRANGER):
            yield first


def _is_name(path: Value, site: Site) -> bool:
    """Whether a value that is not put together is a name, and no file that was sent."""
    source = path.source("path")
    return not ("FILES" in source or "files" in source) and not site.name.startswith("ZipFile")


def _unpacked(site: Site) -> Iterator[Spot]:
    if site.name in {"extractall", "extract"} and any(
        name.startswith("tarfile.") for name in site.names
    ):
        if {"filter", "members"} & site.keywords.keys():
            return
    elif not site.names & {"shutil.unpack_archive"} or "filter" in site.keywords:
        return
    sent = max(site.owner.level("path"), *(value.level("path") for value in site.arguments[:1]), 0)
    if sent == Kind.STRANGER:
        yield Spot(PATH_TRAVERSAL, site.node, "unpacks an archive that was sent, wherever it leads")
    else:
        yield Spot(UNPACKING, site.node, "unpacks an archive wherever its names lead")
