"""Find the base commit, check its limits and rules, and describe it.

The user's repository is listed before anything is copied: a commit of ten billion paths is refused
at its first hundred thousand.
"""

import difflib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import RepositoryUnfit
from agent.git import names, objects, process
from agent.git.process import GitFailed, GitPlace
from agent.git.source import UserRepository
from agent.models.environment import Checkout

MAX_REFS = 100_000
MAX_FILES = 100_000
"""Maximum number of files of one commit, and of folders."""
MAX_BYTES = 2048 * 1024**2
"""Maximum size of all files of one commit together."""
_MAX_LINK_BYTES = 4095
_LISTED = 10
_OBJECT_ID = re.compile(r"[0-9a-f]{7,64}")
_FOLDER, _LINK = b"tree", b"120000"


class PinnedCommit(NamedTuple):
    commit: str
    branch: str | None


# --- which commit ----------------------------------------------------------------------------


def find_commit(source: UserRepository, base: str | None) -> PinnedCommit:
    wanted = "HEAD" if base is None else base
    if problem := names.name_problem(wanted):
        shown = wanted.encode("unicode_escape", "replace").decode()[:100]
        raise RepositoryUnfit(f"`{shown}` cannot be the name of a branch, tag or commit: {problem}")
    refs = list_refs(source.place, "refs/heads", "refs/tags", "refs/remotes")
    candidates = [wanted, f"refs/heads/{wanted}", f"refs/tags/{wanted}", f"refs/remotes/{wanted}"]
    if wanted == "HEAD":
        head = process.run_git(source.place, "symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
        candidates = [os.fsdecode(head.strip())]
    name = next((name for name in candidates if name in refs), wanted)
    if name in refs or name == "HEAD" or _OBJECT_ID.fullmatch(name):
        if commit := peel_object(source.place, refs.get(name, name)):
            return PinnedCommit(commit, _name_branch(name))
    if not refs:
        raise RepositoryUnfit(
            f"{source.root} has no commits yet. Create the first one: git add -A && git commit"
        )
    short_names = [_shorten_ref(ref) for ref in refs]
    near = difflib.get_close_matches(wanted, short_names, 3, 0.5) or short_names[:3]
    raise RepositoryUnfit(
        f"`{wanted}` is not a commit in {source.root}. Nearest: {', '.join(near)}"
    )


def list_refs(place: GitPlace, *prefixes: str) -> dict[str, str]:
    """List object ids by the refs' full names. Raises RepositoryUnfit for more than MAX_REFS."""
    args = (f"--count={MAX_REFS + 1}", "--format=%(objectname) %(refname)", *prefixes)
    lines = os.fsdecode(process.run_git(place, "for-each-ref", *args)).split("\n")
    if len(lines) > MAX_REFS:
        raise RepositoryUnfit(
            f"The repository has more than {MAX_REFS:,} branches and tags. Use a clone with"
            " fewer: git clone --single-branch --no-tags"
        )
    pairs = (line.partition(" ") for line in lines if line)
    return {ref: object_id for object_id, _, ref in pairs}


def peel_object(place: GitPlace, name: str) -> str | None:
    """Return the full id of the commit behind an object id or HEAD; None: there is none."""
    args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return process.run_git(place, *args, ok=(0, 1, 128)).decode().strip() or None


def _name_branch(ref: str) -> str | None:
    if ref.startswith("refs/remotes/"):
        return ref.split("/", 3)[-1]
    return _shorten_ref(ref) if ref.startswith("refs/heads/") else None


def _shorten_ref(ref: str) -> str:
    return ref.split("/", 2)[-1]


# --- is it fit to be worked on ---------------------------------------------------------------


def require_fit(place: GitPlace, commit: str) -> None:
    bad: list[str] = []
    links: dict[str, str] = {}
    for mode, object_id, size, path in _list_files(place, commit):
        if problem := names.tree_problem(path):
            bad.append(f"{_quote_path(path)}: {problem}")
        if mode == _LINK:
            links[path] = object_id if size <= _MAX_LINK_BYTES else ""
    _refuse("unsupported file names", bad, "Rename them and commit")
    # A link whose target is too long for a path counts as leading out.
    wanted = {path: object_id for path, object_id in links.items() if object_id}
    contents = map(os.fsdecode, objects.read_contents(place, wanted.values()))
    targets = dict.fromkeys(links, "/") | dict(zip(wanted, contents, strict=True))
    _refuse(
        "a symlink that leads out of the tree",
        [
            f"{_quote_path(path)} -> {_quote_path(target)}"
            for path, target in targets.items()
            if names.leads_out(path, targets)
        ],
        "Make each a relative link to a path in the repository or remove it, then commit",
    )


def _list_files(place: GitPlace, commit: str) -> Iterator[tuple[bytes, str, int, str]]:
    """Yield mode, object id, size and path of every file. Raises RepositoryUnfit beyond a limit."""
    files = folders = total = 0
    # Folders are listed too: a tree may be endless without a single file in it.
    for record in process.read_records(place, "ls-tree", "-r", "-t", "-z", "--long", commit):
        about, _, path = record.partition(b"\t")
        mode, kind, object_id, length = about.split()
        if length == b"BAD":
            raise GitFailed(
                f"object {object_id.decode()} of {_quote_path(os.fsdecode(path))} is missing"
            )
        size = int(length) if kind == b"blob" else 0
        folders, files, total = folders + (kind == _FOLDER), files + (kind != _FOLDER), total + size
        if max(files, folders) > MAX_FILES:
            raise RepositoryUnfit(f"The commit has more than {MAX_FILES:,} files or folders")
        if total > MAX_BYTES:
            raise RepositoryUnfit(
                f"The files of the commit are larger than {MAX_BYTES // 1024**2:,} MB"
            )
        if kind != _FOLDER:
            yield mode, object_id.decode(), size, os.fsdecode(path)


def _refuse(what: str, lines: list[str], fix: str) -> None:
    if lines:
        more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
        listed = [f"- {line}" for line in lines[:_LISTED]]
        raise RepositoryUnfit("\n".join([f"The repository has {what}:", *listed, *more, fix]))


def _quote_path(path: str) -> str:
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in path[:200])
    return f"`{''.join(shown)}`"


# --- its description -------------------------------------------------------------------------


def describe_commit(place: GitPlace, repository: str, start: PinnedCommit) -> Checkout:
    tag = process.run_git(place, "describe", "--tags", "--abbrev=0", start.commit, ok=(0, 128))
    trailer = "%(trailers:key=Signed-off-by,valueonly,separator=%x2C)"
    form = f"--format=%ct%x00%P%x00%s%x00{trailer}"
    args = ("log", "--max-count=50", form, "-z", "--no-show-signature", start.commit)
    fields = process.run_git(place, *args, "--").decode(errors="replace").split("\0")
    commits = list(zip(*[iter(fields)] * 4, strict=False))
    # Whether each commit is signed off; merges do not count.
    signed = [bool(trailers.strip()) for _, parents, _, trailers in commits if " " not in parents]
    return Checkout(
        repository=repository,
        mirror=str(place.git_dir),
        commit=start.commit,
        base_branch=start.branch,
        nearest_tag=tag.decode(errors="replace").strip() or None,
        subjects=tuple(subject for _, _, subject, _ in commits if subject),
        signs_off=2 * sum(signed) > len(signed),
        committed=int(commits[0][0]),
    )
