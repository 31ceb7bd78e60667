"""A repository behind an address: fetch its base into our mirror, push one branch to it.

The token reaches git by the descriptor of a file without a name: it is in no argument, environment,
configuration or address. Git follows no redirect. Reading raises AccessLost, CodeHostUnavailable,
or RepositoryUnfit where a branch is missing, too large, or has an object that git refuses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import AccessLost, CodeHostUnavailable, PermanentError, RepositoryUnfit
from agent.git import mirror, objects, process
from agent.git.mirror import LockedMirror
from agent.git.process import GitFailed, GitPlace
from agent.models import fence
from agent.models.sandbox import Flag

_PUSH_SECONDS = 600.0
_LISTING_SECONDS = 120.0
_USER = "x-access-token"
#: Plain http would show the token to the network; on the machine itself there is none.
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: How this machine reaches the outside is the operator's; nothing else of the environment counts.
_PASSED_ON = (
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "GIT_SSL_CAINFO", "SSL_CERT_FILE",
)  # fmt: skip
_REFUSED = re.compile(
    r"(?i)authentication failed|could not read (?:username|password)|error: 40[13]\b"
    r"|permission to .+ denied|access .*not granted|repository .*not found|remote rejected"
)
_MISSING = re.compile(r"(?i)couldn't find remote ref")
_IN_THE_WAY = re.compile(r"'refs/heads/([^']+)' exists; cannot create")
_MOVED = re.compile(r"(?i)stale info|cannot lock ref|reference already exists")

#: The address for git, and what makes a place able to reach it with the token.
Reach = tuple[str, Callable[[GitPlace], GitPlace]]


class BranchMissing(RepositoryUnfit):
    """The repository has no such branch."""


class LeaseLost(RepositoryUnfit):
    """The branch is not where it was last seen."""


@contextmanager
def _reach_remote(hold: LockedMirror, url: str, token: str) -> Iterator[Reach]:
    """Raises PermanentError where the address is not one that a token may be sent to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise PermanentError(f"{url} is not an https address, so no token is sent to it")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PermanentError("The repository's URL contains more than host and path")
    secret = os.memfd_create("token", os.MFD_CLOEXEC)
    try:
        os.write(secret, token.encode())
        ask = hold.scratch / "ask"
        # Opened anew by its number, the file is read from its beginning each time git asks.
        ask.write_text(f"#!/bin/sh\nexec cat /proc/self/fd/{secret}\n")
        ask.chmod(0o700)
        environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environ |= {"GIT_ASKPASS": str(ask), "GIT_ALLOW_PROTOCOL": parts.scheme}
        yield (
            f"{parts.scheme}://{_USER}@{parts.netloc}{parts.path}",
            lambda place: replace(
                place.with_environ(**environ), inherited=(*place.inherited, secret)
            ),
        )
    finally:
        os.close(secret)


@contextmanager
def _read_remote(hold: LockedMirror, url: str, token: str, branch: str = "") -> Iterator[Reach]:
    """Reach the code host, and say what a failure to read from it means."""
    with _reach_remote(hold, url, token) as there:
        try:
            yield there
        except GitFailed as problem:
            if _MISSING.search(problem.message):
                raise BranchMissing(
                    f"The repository has no branch {branch}. Is it still the default branch, and"
                    " does it have a commit?"
                ) from problem
            if _REFUSED.search(problem.message):
                raise AccessLost(
                    "The code host denied read access to the repository. Is the App installed in"
                    f" it, with the permission contents: read? It said: {problem.message}"
                ) from problem
            raise CodeHostUnavailable(
                f"git cannot reach the code host: {problem.message}"
            ) from problem


def hold_mirror(
    url: str, mirrors: Path, stopped: Flag | None = None
) -> AbstractContextManager[LockedMirror]:
    """Hold the mirror of a repository behind an address, be it an empty one."""
    parts = urlsplit(url)
    root = Path(f"/{parts.netloc}{parts.path.removesuffix('.git')}")
    return mirror.hold_sound_mirror(mirror.locate_mirror(root, mirrors.absolute()), stopped)


# --- reading -----------------------------------------------------------------------------------


def fetch_base(hold: LockedMirror, url: str, token: str, branch: str, *, max_bytes: int) -> str:
    reference = f"refs/heads/{branch}"
    wanted = (f"+{reference}:{reference}", "+refs/tags/*:refs/tags/*")
    with _read_remote(hold, url, token, branch) as (address, reaching):

        def fetch(place: GitPlace) -> None:
            mirror.fetch_references(reaching(place), address, *wanted, max_bytes=max_bytes)

        mirror.renew_mirror(hold, fetch)
    return objects.require_object(hold.place, reference)


def find_head(hold: LockedMirror, url: str, token: str, branch: str) -> str | None:
    """Ask which commit a branch of the remote is at; None: there is no such branch."""
    reference = f"refs/heads/{branch}"
    args = ("ls-remote", "--quiet", "--heads", "--")
    with _read_remote(hold, url, token) as (address, reaching):
        listed = process.run_git(
            reaching(hold.place), *args, address, reference, seconds=_LISTING_SECONDS
        )
    # The name is a pattern, which longer names may end with as well.
    pairs = (line.split("\t") for line in listed.decode("utf-8", "replace").splitlines())
    return next((commit for commit, name in pairs if name == reference), None)


def fetch_more(
    hold: LockedMirror, url: str, token: str, *wanted: str, branch: str = "", max_bytes: int
) -> None:
    """Fetch references (`+from:to`) into a mirror whose base was fetched."""
    with _read_remote(hold, url, token, branch) as (address, reaching):
        mirror.fetch_references(reaching(hold.place), address, *wanted, max_bytes=max_bytes)


# --- pushing -----------------------------------------------------------------------------------


def push_branch(
    hold: LockedMirror, url: str, token: str, commit: str, branch: str, *, expected: str | None
) -> None:
    """Move a branch of the remote to a commit (empty: delete it), if it is where we last saw it.

    LeaseLost: it is not at `expected` (None: not there yet). CodeHostUnavailable: whether the push
    arrived is not known.
    """
    reference = f"refs/heads/{branch}"
    lease = f"--force-with-lease={reference}:{expected or ''}"
    args = ("push", "--quiet", "--no-verify", "--no-signed", "--recurse-submodules=no", lease, "--")
    with _reach_remote(hold, url, token) as (address, reaching):
        # Not ended by a stop: what was sent may have arrived, and a run tells what it has left.
        # Whoever pushes holds the mirror without one.
        place, wanted = reaching(hold.place), f"{commit}:{reference}"
        fence.require_lease()
        try:
            process.run_git(place, *args, address, wanted, seconds=_PUSH_SECONDS)
        except GitFailed as problem:
            words = problem.message.replace(token, "[token]")
            if found := _IN_THE_WAY.search(words):
                raise RepositoryUnfit(
                    f"The branch `{found[1]}` prevents branches named `{found[1]}/…`. Rename it,"
                    " or set pull_request.branch_prefix in .github/mergewright.yml."
                ) from problem
            if _MOVED.search(words):
                raise LeaseLost(f"{branch} has moved since it was read") from problem
            if _REFUSED.search(words):
                raise AccessLost(
                    f"The code host rejected the push of {branch}: {words}\nIf a branch rule is"
                    " the cause, exempt our App there. Or set pull_request.branch_prefix in the"
                    " repository's configuration to a free name."
                ) from problem
            raise CodeHostUnavailable(f"The push of {branch} failed: {words}") from problem


def push_or_look(
    hold: LockedMirror, url: str, token: str, commit: str, branch: str, *, expected: str | None
) -> str | None:
    """Push as `push_branch` does; return the commit that the branch is at afterwards.

    Where somebody was quicker, or the answer was lost on its way, what is there tells.
    """
    try:
        push_branch(hold, url, token, commit, branch, expected=expected)
    except (LeaseLost, CodeHostUnavailable):
        now = find_head(hold, url, token, branch)
        if now == expected:
            raise
        return now
    return commit
